// Capabilities that outlive their process and are shared with others.
#include "broker/authority/durable_authority.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <thread>

#include "broker/capability/capability_json.h"
#include "tests/unit/capability_fixture.h"
#include "tests/unit/store_fixture.h"

namespace writ::capability_tests {
namespace {

using enum CapabilityRight;
using store_tests::StorePlace;
constexpr std::string_view kAgent = "agent:builder";
constexpr std::string_view kOther = "agent:reviewer";

class Place {
 public:
  [[nodiscard]] std::unique_ptr<DurableAuthority> open(AuthorityOptions options = {}) const {
    return needed(DurableAuthority::open(place_.open(), std::move(options)));
  }
  [[nodiscard]] const StorePlace& store() const { return place_; }

 private:
  StorePlace place_;
};

CapabilityDraft one_shot(const std::string& what, std::string_view who = kAgent) {
  CapabilityDraft made = draft(who, {kWrite}, what);
  made.uses = 1;
  return made;
}

CapabilityRequest write_of(const std::string& what) { return request(kAgent, kWrite, what); }
CapabilityRequest read_of(const std::string& what) { return request(kAgent, kRead, what); }

bool allows(DurableAuthority& authority, const CapabilityRequest& asked) {
  return needed(authority.decide(asked)).allowed();
}

// Runs `action` in a process of its own, which is killed when it returns; nothing of it is cleaned up.
template <class Action>
void in_killed_process(const Action& action) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    action();
    (void)::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
}

TEST_CASE("durable authority: what was granted, used up and revoked is so after reopening", "[authority]") {
  const Place place;
  CapabilityId revoked;
  {
    const auto authority = place.open();
    (void)needed(authority->grant(person(), draft(kAgent, {kRead}, "filesystem:/kept/*")));
    revoked = needed(authority->grant(person(), draft(kAgent, {kRead}, "filesystem:/revoked"))).id;
    need(authority->revoke(person(), revoked));
    (void)needed(authority->grant(person(), one_shot("filesystem:/once")));
    const ReserveAnswer answer = needed(authority->reserve(write_of("filesystem:/once")));
    REQUIRE(answer.reservation);
    CHECK(needed(authority->may_proceed(answer.reservation->id)));
    need(authority->settle(answer.reservation->id, EffectOutcome::kDone));
    CHECK_FALSE(authority->settle(answer.reservation->id, EffectOutcome::kNotStarted));
  }
  const auto authority = place.open();
  CHECK(authority->recovered().empty());
  CHECK(allows(*authority, read_of("filesystem:/kept/a")));
  CHECK_FALSE(allows(*authority, read_of("filesystem:/revoked")));
  CHECK_FALSE(allows(*authority, write_of("filesystem:/once")));
  CHECK(needed(authority->standing(revoked)) == CapabilityStanding::kRevoked);
  CHECK(needed(authority->list(std::nullopt)).size() == 3);
}

TEST_CASE("durable authority: a certified not-started gives the use back, on the disk too", "[authority]") {
  const Place place;
  {
    const auto authority = place.open();
    (void)needed(authority->grant(person(), one_shot("filesystem:/once")));
    const ReserveAnswer answer = needed(authority->reserve(write_of("filesystem:/once")));
    need(authority->settle(answer.reservation->id, EffectOutcome::kNotStarted));
    CHECK(allows(*authority, write_of("filesystem:/once")));
  }
  CHECK(allows(*place.open(), write_of("filesystem:/once")));
}

TEST_CASE("durable authority: every member of a record comes back as it was", "[authority]") {
  const Place place;
  CapabilityDraft made = draft(kAgent, {kRead, kExecute}, "shell:git:*", Effect::kAllow);
  made.expires_at = system_authority_time().wall + kHour;
  made.revocable = false;
  made.max_delegation_depth = 3;
  made.delegable = true;
  made.metadata = {{"reason", "\"quoted\"\n\x01 ünïcode"}};
  AuthorityRule full = rule("full", Effect::kAllow, "shell.run", {"git", "status"});
  full.risk = RuleRisk::kDestructive;
  full.description = "all there is";
  full.conditions.match = ArgumentsMatch::kPrefix;
  full.conditions.working_directory = resource("filesystem:workspace:*");
  full.conditions.path = resource("filesystem:/srv/*");
  full.conditions.network = NetworkIntent::kNone;
  full.conditions.filesystem = FilesystemIntent::kWrite;
  full.conditions.timeout_seconds = 5;
  full.conditions.timeout_seconds_max = 9;
  full.conditions.image = "coding-agent:v0";
  made.constraints.rules = {full, rule("second", Effect::kDeny, "shell.*")};
  const Capability before = needed(place.open()->grant(person(), made));
  const Capability after = *needed(place.open()->find(before.id));
  const auto text = [](const Capability& each) { return JsonValue(capability_json(each)).to_text(1); };
  CHECK(text(after) == text(before));
  CHECK(text(after).find("coding-agent:v0") != std::string::npos);
  CapabilityDraft approval = one_shot("filesystem:/a");
  approval.constraints.binding = binding('c', "v1");
  const Capability bound = needed(place.open()->grant(person(), approval));
  CHECK(needed(place.open()->find(bound.id))->constraints.binding == binding('c', "v1"));
}

TEST_CASE("durable authority: two of them see what the other did from the next call on", "[authority]") {
  const Place place;
  const auto first = place.open();
  const auto second = place.open();
  const Capability given = needed(first->grant(person(), draft(kAgent, {kRead}, "filesystem:/a")));
  CHECK(allows(*second, read_of("filesystem:/a")));
  const ReserveAnswer reserved = needed(second->reserve(read_of("filesystem:/a")));
  REQUIRE(reserved.reservation);
  CHECK(needed(second->may_proceed(reserved.reservation->id)));
  need(first->revoke(person(), given.id));
  CHECK_FALSE(needed(second->may_proceed(reserved.reservation->id)));
  CHECK_FALSE(allows(*second, read_of("filesystem:/a")));
  need(second->settle(reserved.reservation->id, EffectOutcome::kNotStarted));
  // One use for both.
  (void)needed(first->grant(person(), one_shot("filesystem:/once")));
  CHECK(needed(second->reserve(write_of("filesystem:/once"))).reservation);
  CHECK_FALSE(needed(first->reserve(write_of("filesystem:/once"))).reservation);
}

TEST_CASE("durable authority: a batch is one transaction, and each of its answers its own", "[authority]") {
  const Place place;
  const auto authority = place.open();
  const std::vector<AuthorityOperation> batch = {
      GrantOperation{person(), one_shot("filesystem:/a")},
      GrantOperation{acting(kOther), draft(kAgent, {kRead}, "filesystem:/b")},
      ReserveOperation{write_of("filesystem:/a")},
      ReserveOperation{write_of("filesystem:/a")},
      SettleOperation{ReservationId{{1, 2}}, EffectOutcome::kDone},
  };
  const auto answers = needed(authority->apply(batch));
  REQUIRE(answers.size() == 5);
  CHECK(std::get<Capability>(*answers[0]).uses_remaining == std::uint64_t{1});
  CHECK(refused(answers[1], "lacks grant"));
  const auto first = std::get<ReserveAnswer>(*answers[2]);
  CHECK(first.reservation);
  CHECK_FALSE(std::get<ReserveAnswer>(*answers[3]).reservation);
  CHECK(refused(answers[4], "no reservation"));
  const std::vector<AuthorityOperation> settlements = {
      SettleOperation{first.reservation->id, EffectOutcome::kNotStarted},
      SettleOperation{first.reservation->id, EffectOutcome::kNotStarted}};
  const auto settled = needed(authority->apply(settlements));
  CHECK(settled[0]);
  CHECK(refused(settled[1], "no reservation"));
  const auto found = needed(place.open()->list(std::nullopt));
  REQUIRE(found.size() == 1);
  CHECK(found.front().uses_remaining == std::uint64_t{1});  // and not two
}

TEST_CASE("durable authority: what was in flight when its process was killed counts as done, and is said once",
          "[authority]") {
  const Place place;
  (void)needed(place.open()->grant(person(), one_shot("filesystem:/once")));
  (void)needed(place.open()->grant(person(), draft(kAgent, {kRead}, "filesystem:/often")));
  in_killed_process([&] {
    const auto authority = place.open();
    (void)needed(authority->reserve(write_of("filesystem:/once")));
    (void)needed(authority->reserve(read_of("filesystem:/often")));
    const auto settled = needed(authority->reserve(read_of("filesystem:/often")));
    need(authority->settle(settled.reservation->id, EffectOutcome::kDone));
  });
  {
    const auto authority = place.open();
    REQUIRE(authority->recovered().size() == 2);
    bool found = false;
    for (const StoredReservation& each : authority->recovered())
      found = found || each.intent.find("filesystem:/once") != std::string::npos;
    CHECK(found);
    CHECK_FALSE(allows(*authority, write_of("filesystem:/once")));
    CHECK(allows(*authority, read_of("filesystem:/often")));
  }
  const auto authority = place.open();
  CHECK(authority->recovered().empty());
  CHECK(needed(authority->effects_in_doubt()).size() == 2);
}

TEST_CASE("durable authority: what a living process has in flight is left to it", "[authority]") {
  const Place place;
  const auto first = place.open();
  (void)needed(first->grant(person(), one_shot("filesystem:/once")));
  const auto reserved = needed(first->reserve(write_of("filesystem:/once")));
  const auto second = place.open();
  CHECK(second->recovered().empty());
  need(first->settle(reserved.reservation->id, EffectOutcome::kNotStarted));
  CHECK(allows(*second, write_of("filesystem:/once")));
}

TEST_CASE("durable authority: a store that cannot be written to changes nothing", "[authority]") {
  const Place place;
  Store store = place.store().open({std::chrono::milliseconds(50)});
  const auto authority = needed(DurableAuthority::open(std::move(store)));
  (void)needed(authority->grant(person(), one_shot("filesystem:/once")));
  const auto other = place.store().open();
  {
    const Transaction busy = store_tests::needed(other.begin_writing());
    const auto refused_grant = authority->grant(person(), draft(kAgent, {kRead}, "filesystem:/b"));
    REQUIRE_FALSE(refused_grant);
    CHECK(refused_grant.error().system_errno == EBUSY);
    CHECK_FALSE(authority->reserve(write_of("filesystem:/once")));
    CHECK(allows(*authority, write_of("filesystem:/once")));  // reading goes on
  }
  const auto reserved = needed(authority->reserve(write_of("filesystem:/once")));
  REQUIRE(reserved.reservation);
  {
    const Transaction busy = store_tests::needed(other.begin_writing());
    CHECK_FALSE(authority->settle(reserved.reservation->id, EffectOutcome::kNotStarted));
  }
  need(authority->settle(reserved.reservation->id, EffectOutcome::kNotStarted));  // can be tried again
  CHECK(allows(*authority, write_of("filesystem:/once")));
}

TEST_CASE("durable authority: a full disk fails the call, loses nothing and can be recovered from", "[authority]") {
  const Place place;
  Store store = place.store().open();
  // The database may not grow: SQLite answers as on a full disk.
  const std::int64_t pages = store_tests::needed(store.database().query_integer("PRAGMA page_count"));
  store_tests::need(store.database().execute("PRAGMA max_page_count=" + std::to_string(pages + 2)));
  const Database database = store.database();
  const auto authority = needed(DurableAuthority::open(std::move(store)));
  std::vector<CapabilityId> acknowledged;
  Result<Capability> made = fail("nothing yet");
  for (int i = 0; i < 1000; ++i) {
    made = authority->grant(person(), one_shot("filesystem:/" + std::to_string(i)));
    if (!made) break;
    acknowledged.push_back(made->id);
  }
  REQUIRE_FALSE(made);
  CHECK(made.error().system_errno == ENOSPC);
  CHECK(!acknowledged.empty());
  CHECK(needed(authority->list(std::nullopt)).size() == acknowledged.size());
  CHECK_FALSE(allows(*authority, write_of("filesystem:/" + std::to_string(acknowledged.size()))));
  CHECK(needed(place.open()->list(std::nullopt)).size() == acknowledged.size());
  store_tests::need(database.execute("PRAGMA max_page_count=1000000"));
  CHECK(authority->grant(person(), one_shot("filesystem:/again")));
}

TEST_CASE("durable authority: an end is not put off by a clock that is set back while nothing runs", "[authority]") {
  const Place place;
  AuthorityTime time{kStart, 1000};
  AuthorityOptions options;
  options.time = [&] { return time; };
  CapabilityDraft made = draft(kAgent, {kRead}, "filesystem:/a");
  made.expires_at = kStart + kHour;
  (void)needed(place.open(options)->grant(person(), made));
  time = {kStart + kHour, 1000 + kHour};
  {
    const auto authority = place.open(options);
    CHECK_FALSE(allows(*authority, read_of("filesystem:/a")));
    (void)needed(authority->grant(person(), one_shot("filesystem:/seen")));  // the time is written with it
  }
  time.wall = kStart;
  CHECK_FALSE(allows(*place.open(options), read_of("filesystem:/a")));
}

TEST_CASE("durable authority: a record that cannot be read is an error, not an absence", "[authority]") {
  const Place place;
  const Capability given =
      needed(place.open()->grant(person(), draft(kAgent, {kRead}, "filesystem:/a", Effect::kDeny)));
  const Store store = place.store().open();
  const auto spoil = [&](const std::string& sql) {
    store_tests::need(store.database().execute(sql));
    const auto opened = DurableAuthority::open(place.store().open());
    REQUIRE_FALSE(opened);
    CHECK(opened.error().system_errno == EUCLEAN);
    INFO(opened.error().describe());
    CHECK(opened.error().describe().find("store holds") != std::string::npos);
  };
  const std::string record = JsonValue(capability_json(given)).to_text();
  spoil("UPDATE capabilities SET status = 'lost'");
  spoil("UPDATE capabilities SET status = 'active', uses_remaining = 4");
  spoil("UPDATE capabilities SET uses_remaining = NULL, record = '{}'");
  spoil("UPDATE capabilities SET record = replace('" + record + "', '\"cap_id\"', '\"extra\": 1, \"cap_id\"')");
  spoil("UPDATE capabilities SET record = '" + record + "', id = 'cap_00000000000000000000000000000001'");
}

TEST_CASE("durable authority: threads and processes that race for one-shots get each once", "[authority]") {
  constexpr int kProcesses = 3;
  constexpr int kThreads = 2;
  constexpr std::size_t kOneShots = 60;
  const Place place;
  {
    std::vector<AuthorityOperation> grants;
    for (std::size_t i = 0; i < kOneShots; ++i)
      grants.emplace_back(GrantOperation{person(), one_shot("filesystem:/" + std::to_string(i))});
    REQUIRE(place.open()->apply(grants));
  }
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  std::array<pid_t, kProcesses> children{};
  for (pid_t& child : children) {
    child = ::fork();
    REQUIRE(child >= 0);
    if (child != 0) continue;
    const auto authority = place.open();
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t)
      threads.emplace_back([&] {
        for (std::size_t i = 0; i < kOneShots; ++i) {
          const auto answer = authority->reserve(write_of("filesystem:/" + std::to_string(i)));
          if (!answer || !answer->reservation) continue;
          const auto number = static_cast<unsigned char>(i);
          if (authority->may_proceed(answer->reservation->id)) (void)!::write(pipe[1], &number, 1);
          (void)authority->settle(answer->reservation->id, EffectOutcome::kDone);
        }
      });
    for (std::thread& thread : threads) thread.join();
    ::_exit(0);
  }
  ::close(pipe[1]);
  std::array<int, kOneShots> acted{};
  unsigned char number = 0;
  while (::read(pipe[0], &number, 1) == 1) ++acted.at(number);
  ::close(pipe[0]);
  for (const pid_t child : children) {
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  for (const int count : acted) CHECK(count == 1);
  WARN("one-shots raced for by " << kProcesses << " processes with " << kThreads << " threads: " << kOneShots);
}

TEST_CASE("process identity: this process is there, another start of the same number is not", "[authority]") {
  const ProcessIdentity self = needed(ProcessIdentity::current());
  CHECK_FALSE(self.is_gone(self));
  const ProcessIdentity read = needed(ProcessIdentity::parse(self.text()));
  CHECK(read.text() == self.text());
  CHECK_FALSE(read.is_gone(self));
  ProcessIdentity other = self;
  ++other.start;
  CHECK(other.is_gone(self));
  other = self;
  other.boot = "another";
  CHECK(other.is_gone(self));
  other = self;
  other.start += 1;
  ++other.pid_namespace;  // cannot be seen
  CHECK_FALSE(other.is_gone(self));
  for (const char* text : {"", "1", "1 2 3", "a 1 1 b", "1 1 1"}) CHECK_FALSE(ProcessIdentity::parse(text));
}

}  // namespace
}  // namespace writ::capability_tests
