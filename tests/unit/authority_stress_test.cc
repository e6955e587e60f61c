// One-shots under fire: processes that reserve, act and settle are killed at every step and at moments nobody chose.
// Whatever happens, each effect happens at most once, and one that did not happen is known to be in doubt.
// WRIT_STRESS_ROUNDS says how many processes are killed in each way (60).
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "broker/authority/durable_authority.h"
#include "tests/unit/capability_fixture.h"
#include "tests/unit/store_fixture.h"

namespace writ::capability_tests {
namespace {

using store_tests::StorePlace;
constexpr std::string_view kAgent = "agent:builder";
constexpr std::size_t kOneShots = 400;

enum class Step : std::uint8_t { kOpened, kReserved, kMayProceed, kActed, kSettled, kNever };
constexpr std::array<Step, 5> kSteps = {Step::kOpened, Step::kReserved, Step::kMayProceed, Step::kActed,
                                        Step::kSettled};

std::size_t rounds() {
  const char* wanted = std::getenv("WRIT_STRESS_ROUNDS");
  return wanted == nullptr ? 60 : std::strtoul(wanted, nullptr, 10);
}

std::string name_of(std::size_t number) { return "filesystem:/effect/" + std::to_string(number); }
CapabilityRequest use_of(std::size_t number) {
  return {subject(kAgent), CapabilityRight::kWrite, needed(TypedResource::parse_exact(name_of(number)))};
}

// The effect: one line in a file, written at once.
struct Effects {
  explicit Effects(std::string file) : path(std::move(file)) {}
  void act(std::size_t number) const {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    const std::string line = std::to_string(number) + "\n";
    if (::write(file, line.data(), line.size()) != static_cast<ssize_t>(line.size())) ::_exit(3);
    ::close(file);
  }
  [[nodiscard]] std::map<std::size_t, int> counted() const {
    std::map<std::size_t, int> counts;
    std::ifstream file(path);
    for (std::size_t number = 0; file >> number;) ++counts[number];
    return counts;
  }
  std::string path;
};

// What a process does that Writ runs in: never returns. It is a child of a test, so it must not report to it.
class Worker {
 public:
  Worker(const StorePlace& place, const Effects& effects, Step last, std::uint32_t seed)
      : place_(place), effects_(effects), last_(last), random_(seed) {}

  [[noreturn]] void run() {
    auto store = Store::open(place_.directory());
    auto authority = store ? DurableAuthority::open(std::move(*store)) : tl::unexpected(store.error());
    if (!authority) ::_exit(4);
    die_at(Step::kOpened);
    while (true) use(**authority, random_() % kOneShots);
  }

 private:
  void use(DurableAuthority& authority, std::size_t number) {
    const auto reserved = authority.reserve(use_of(number));
    if (!reserved || !reserved->reservation) return;
    const ReservationId id = reserved->reservation->id;
    die_at(Step::kReserved);
    if (random_() % 4 == 0) {  // nothing of it has begun, and that is certain
      (void)authority.settle(id, EffectOutcome::kNotStarted);
      return;
    }
    const auto may = authority.may_proceed(id);
    if (!may || !*may) ::_exit(5);
    die_at(Step::kMayProceed);
    effects_.act(number);
    die_at(Step::kActed);
    (void)authority.settle(id, EffectOutcome::kDone);
    die_at(Step::kSettled);
  }

  void die_at(Step step) const {
    if (step == last_) (void)::kill(::getpid(), SIGKILL);
  }

  const StorePlace& place_;
  const Effects& effects_;
  Step last_;
  std::minstd_rand random_;
};

pid_t start(const StorePlace& place, const Effects& effects, Step last, std::uint32_t seed) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) Worker(place, effects, last, seed).run();
  return child;
}

void expect_killed(pid_t child) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  INFO("status " << status);
  REQUIRE(WIFSIGNALED(status));
  REQUIRE(WTERMSIG(status) == SIGKILL);
}

struct Scene {
  Scene() : effects(place.base() + "/effects") {
    const auto authority = needed(DurableAuthority::open(place.open()));
    std::vector<AuthorityOperation> grants;
    for (std::size_t i = 0; i < kOneShots; ++i) {
      CapabilityDraft made = draft(kAgent, {CapabilityRight::kWrite}, name_of(i));
      made.uses = 1;
      grants.push_back(GrantOperation{person(), std::move(made)});
    }
    for (auto& answer : needed(authority->apply(grants))) (void)needed(std::move(answer));
  }

  struct Verdict {
    std::size_t done = 0;
    std::size_t in_doubt = 0;
    std::size_t left = 0;
  };

  // Looks at every one-shot: done at most once; what is used up without having been done is in doubt.
  [[nodiscard]] Verdict verdict() const {
    const auto authority = needed(DurableAuthority::open(place.open()));
    std::set<std::string> doubtful;
    for (const StoredReservation& each : needed(authority->effects_in_doubt()))
      doubtful.insert(needed(authority->find(each.capability))->resource.text());
    const std::map<std::size_t, int> counts = effects.counted();
    Verdict verdict;
    for (std::size_t i = 0; i < kOneShots; ++i) {
      const auto found = counts.find(i);
      const int times = found == counts.end() ? 0 : found->second;
      const bool left = needed(authority->decide(use_of(i))).allowed();
      const bool in_doubt = doubtful.contains(name_of(i));
      INFO("one-shot " << i << ": done " << times << " times, left " << left << ", in doubt " << in_doubt);
      CHECK(times <= 1);
      CHECK_FALSE((left && (times > 0 || in_doubt)));
      CHECK((left || times == 1 || in_doubt));
      verdict.done += times > 0 ? 1 : 0;
      verdict.in_doubt += in_doubt ? 1 : 0;
      verdict.left += left ? 1 : 0;
    }
    return verdict;
  }

  StorePlace place;
  Effects effects;
};

TEST_CASE("authority stress: killed at every step, an effect happens at most once", "[authority][stress]") {
  const Scene scene;
  std::uint32_t seed = 1;
  // Several at a time, each at another step.
  for (std::size_t round = 0; round < rounds(); round += kSteps.size()) {
    std::vector<pid_t> children;
    for (const Step step : kSteps) children.push_back(start(scene.place, scene.effects, step, ++seed));
    for (const pid_t child : children) expect_killed(child);
  }
  const Scene::Verdict verdict = scene.verdict();
  std::printf("%zu killed: %zu effects done, %zu in doubt, %zu left\n", rounds(), verdict.done, verdict.in_doubt,
              verdict.left);
  // The test proves something only where it came to effects, and to doubt.
  CHECK(verdict.done > 0);
  CHECK(verdict.in_doubt > 0);
}

TEST_CASE("authority stress: killed at any moment, an effect happens at most once", "[authority][stress]") {
  const Scene scene;
  std::minstd_rand random(7);
  // On a busy machine a process needs longer until it does anything.
  unsigned long longest_us = 20'000;
  for (std::size_t round = 0; round < rounds(); round += 3) {
    if (round > 0 && scene.effects.counted().empty()) longest_us = std::min(2 * longest_us, 1'000'000UL);
    std::vector<pid_t> children;
    for (int i = 0; i < 3; ++i)
      children.push_back(start(scene.place, scene.effects, Step::kNever, static_cast<std::uint32_t>(random())));
    for (const pid_t child : children) {
      std::this_thread::sleep_for(std::chrono::microseconds(random() % longest_us));
      REQUIRE(::kill(child, SIGKILL) == 0);
    }
    for (const pid_t child : children) expect_killed(child);
  }
  const Scene::Verdict verdict = scene.verdict();
  std::printf("%zu killed: %zu effects done, %zu in doubt, %zu left\n", rounds(), verdict.done, verdict.in_doubt,
              verdict.left);
  CHECK(verdict.done > 0);
}

}  // namespace
}  // namespace writ::capability_tests
