// Compares one launch of a broker that keeps sandboxes ready (sandbox_pool.h) with posix_spawn(3) of the same program,
// alternately, and prints JSON with medians in microseconds. The measured time goes from the request to init's report,
// which it sends when the tool and everything else in the sandbox is dead and reaped. What happens when nobody waits is
// not in it: that init itself goes, and that the sandbox for a later launch is assembled. That is "refill_us".

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "broker/kernel/landlock.h"
#include "broker/kernel/seccomp_cache.h"
#include "broker/policy/seccomp_profile.h"
#include "broker/sandbox/sandbox_pool.h"
#include "broker/sandbox/spawner.h"

extern char** environ;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kReadySandboxes = 2;
constexpr unsigned kPauseMicroseconds = 2000;  // as between cold launches

double microseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

double median(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  return samples[samples.size() / 2];
}

[[noreturn]] void fail_bench(const std::string& why) {
  std::fprintf(stderr, "spawner_bench: %s\n", why.c_str());
  std::exit(1);
}

double spawn_natively() {
  const auto start = Clock::now();
  const char* const argv[] = {"/bin/true", nullptr};
  pid_t child = -1;
  if (::posix_spawn(&child, "/bin/true", nullptr, nullptr, const_cast<char**>(argv), environ) != 0)
    fail_bench("posix_spawn failed");
  int status = 0;
  ::waitpid(child, &status, 0);
  return microseconds_since(start);
}

writ::Profile bench_profile(const std::string& workspace) {
  writ::Profile profile;
  profile.name = "bench";
  for (const char* path : {"/usr", "/etc"}) profile.filesystem.grants.push_back({path, writ::PathAccess::kRead});
  for (const char* path : {"/bin", "/lib", "/lib64"})
    profile.filesystem.grants.push_back({path, writ::PathAccess::kRead, writ::Presence::kOptional});
  profile.filesystem.grants.push_back({workspace, writ::PathAccess::kWrite});
  return profile;
}

writ::SandboxRecipe bench_recipe(const writ::BrokerStart& broker, const std::string& workspace) {
  writ::SandboxRecipe recipe;
  recipe.profile = bench_profile(workspace);
  auto model = writ::build_seccomp_model(recipe.profile.syscalls, recipe.profile.process);
  if (!model) fail_bench(model.error().describe());
  auto filter = writ::seccomp_program_for(*model, nullptr);
  if (!filter) fail_bench(filter.error().describe());
  recipe.filter = std::move(*filter);
  struct stat status {};
  if (::stat(workspace.c_str(), &status) != 0) fail_bench("no workspace");
  recipe.identity = writ::choose_identity(broker.uid, broker.gid, status.st_uid, status.st_gid);
  recipe.working_directory = workspace;
  recipe.home = "/nonexistent";
  recipe.user_name = "writ";
  recipe.landlock_abi = writ::landlock_abi();
  return recipe;
}

struct LaunchTimes {
  double launch;  // from the request until the tool and everything that it started is dead
  double refill;  // waiting for init to be gone, and assembling the next sandbox
};

LaunchTimes launch(writ::SandboxPool& pool) {
  LaunchTimes times{};
  auto start = Clock::now();
  {
    auto running = pool.launch({{"/bin/true"}, {"PATH=/usr/bin:/bin"}, {{0, 0}, {1, 1}, {2, 2}}});
    if (!running) fail_bench(running.error().error.describe());
    const auto message = running->process.receive();
    if (!message || message->report.event != writ::InitEvent::kExited || message->report.status != 0)
      fail_bench("the tool did not end well");
    times.launch = microseconds_since(start);
    start = Clock::now();
    running->process.wait();
  }
  if (auto filled = pool.fill(kReadySandboxes); !filled) fail_bench(filled.error().error.describe());
  times.refill = microseconds_since(start);
  return times;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 500;
  if (rounds < 1) fail_bench("usage: spawner_bench [ROUNDS]");
  const writ::BrokerStart broker = writ::start_broker(writ::NetworkStart::kOwn);
  auto spawner = writ::Spawner::start(broker, writ::NetworkStart::kOwn);
  if (!spawner) fail_bench(spawner.error().describe());
  char workspace[] = "/tmp/writ-spawner-bench-XXXXXX";
  if (::mkdtemp(workspace) == nullptr) fail_bench("cannot make a workspace");
  std::vector<double> native;
  std::vector<double> sandboxed;
  std::vector<double> refills;
  {
    writ::SandboxPool pool(broker, *spawner, bench_recipe(broker, workspace));
    if (auto filled = pool.fill(kReadySandboxes); !filled) fail_bench(filled.error().error.describe());
    for (int i = 0; i < 20; ++i) (void)launch(pool);  // warm up
    for (int i = 0; i < rounds; ++i) {
      ::usleep(kPauseMicroseconds);  // the spawner makes the next init meanwhile
      native.push_back(spawn_natively());
      const LaunchTimes times = launch(pool);
      sandboxed.push_back(times.launch);
      refills.push_back(times.refill);
    }
  }
  ::rmdir(workspace);
  std::printf(
      "{\"rounds\": %d, \"posix_spawn_us\": %.1f, \"spawner_us\": %.1f, \"ratio\": %.3f, \"refill_us\": %.1f}\n",
      rounds, median(native), median(sandboxed), median(sandboxed) / median(native), median(refills));
  return 0;
}
