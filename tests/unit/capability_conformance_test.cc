// The authority model, assertion by assertion: the numbers are those of the list that docs/capabilities.md names.
#include <algorithm>
#include <array>
#include <thread>

#include "broker/capability/capability_json.h"
#include "tests/unit/capability_fixture.h"

namespace writ::capability_tests {
namespace {

using enum CapabilityRight;
constexpr std::string_view kAgent = "agent:builder";
constexpr std::string_view kOther = "agent:reviewer";

// --- A. Matching ---

TEST_CASE("conformance 1: a name that begins like another one is another one", "[capability][conformance]") {
  Scene scene;
  scene.give(kAgent, {kRead}, "filesystem:workspace:src/*");
  scene.give(kAgent, {kExecute}, "shell:gi:*");
  CHECK(scene.effect(kAgent, kRead, "filesystem:workspace:src") == Effect::kAllow);
  CHECK(scene.effect(kAgent, kRead, "filesystem:workspace:src/main.py") == Effect::kAllow);
  CHECK(scene.effect(kAgent, kRead, "filesystem:workspace:src2/main.py") == Effect::kDeny);
  CHECK(scene.effect(kAgent, kRead, "filesystem:workspace:src2") == Effect::kDeny);
  CHECK(scene.effect(kAgent, kExecute, "shell:git") == Effect::kDeny);
}

TEST_CASE("conformance 2: wildcards stand at the end, after a separator, and never alone",
          "[capability][conformance]") {
  for (const char* text : {"src*", "*", "filesystem:workspace:src*", "filesystem:*/x", "filesystem:/a/*/b", "*:x",
                           "filesystem:/srv/**", "filesystem:/srv/*/*", "shell:g*", "filesystem:"})
    CHECK_FALSE(TypedResource::parse(text));
  for (const char* text : {"filesystem:/srv/*", "filesystem:*", "filesystem:/*", "shell:git:*"})
    CHECK(needed(TypedResource::parse(text)).text() == text);
}

TEST_CASE("conformance 3: there is no right that means all", "[capability][conformance]") {
  for (const char* word : {"*", "all", "", "READ", "read "}) CHECK_FALSE(parse_capability_right(word));
  CHECK(needed(parse_capability_right("read")) == kRead);
  Scene scene;
  CHECK(refused(scene.table.grant(person(), draft(kAgent, {}, "filesystem:/srv/*"), scene.time), "at least one right"));
}

TEST_CASE("conformance 4: deny dominates in any order", "[capability][conformance]") {
  std::array<Effect, 3> order = {Effect::kAllow, Effect::kAsk, Effect::kDeny};
  int orders = 0;
  do {
    Scene scene;
    for (const Effect effect : order) scene.give(kAgent, {kRead}, "filesystem:/srv/*", effect);
    CHECK(scene.effect(kAgent, kRead, "filesystem:/srv/a") == Effect::kDeny);
    ++orders;
  } while (std::next_permutation(order.begin(), order.end()));
  CHECK(orders == 6);
  Scene scene;  // however exact the others are
  scene.give(kAgent, {kRead}, "filesystem:/srv/a");
  scene.give(kAgent, {kRead}, "filesystem:*", Effect::kDeny);
  CHECK(scene.effect(kAgent, kRead, "filesystem:/srv/a") == Effect::kDeny);
}

// A record as it may lie in the store: with a constraint that is not known here.
Capability stored_with_unknown(Scene& scene, Effect effect) {
  const Capability known = scene.give(kOther, {kRead}, "filesystem:/srv/*", effect);
  std::string text = JsonValue(capability_json(known)).to_text();
  const std::string empty = R"("constraints": {})";
  text.replace(text.find(empty), empty.size(), R"("constraints": {"only_on_tuesdays": true})");
  CHECK(refused(parse_capability(text, UnknownConstraints::kRefuse), "constraints.only_on_tuesdays"));
  Capability stored = needed(parse_capability(text, UnknownConstraints::kNote));
  stored.id.high = 1;
  stored.subject = subject(kAgent);
  return stored;
}

TEST_CASE("conformance 5: an unknown constraint denies on a deny, and allows nothing on an allow",
          "[capability][conformance]") {
  Scene scene;
  scene.table.restore(stored_with_unknown(scene, Effect::kAllow));
  CHECK(scene.effect(kAgent, kRead, "filesystem:/srv/a") == Effect::kDeny);
  Scene other;
  other.give(kAgent, {kRead}, "filesystem:/srv/*");
  CHECK(other.effect(kAgent, kRead, "filesystem:/srv/a") == Effect::kAllow);
  other.table.restore(stored_with_unknown(other, Effect::kDeny));
  const CapabilityDecision denied = other.table.decide(request(kAgent, kRead, "filesystem:/srv/a"), other.time);
  CHECK(denied.reason == DecisionReason::kDenied);
}

TEST_CASE("conformance 6: a rule with a misspelt field is refused when it is made", "[capability][conformance]") {
  const auto read = [](const std::string& rule) {
    return read_constraints(needed(parse_json(R"({"authority_rules":[)" + rule + "]}")), "constraints",
                            UnknownConstraints::kRefuse);
  };
  CHECK(read(R"({"rule_id":"a","operation":"shell.run","effect":"deny"})"));
  CHECK(read(R"({"rule_id":"a","operation":"shell.run","effect":"deny","conditions":{"timeout_s":1}})"));
  CHECK(refused(read(R"({"rule_id":"a","operation":"shell.run","effekt":"deny","effect":"deny"})"), "[0].effekt"));
  CHECK(refused(read(R"({"rule_id":"a","operation":"shell.run","effect":"deny","conditions":{"argw":["x"]}})"),
                "conditions.argw"));
  CHECK(refused(read(R"({"rule_id":"a","operation":"shell.run","effect":"refuse"})"), "one of allow, ask, deny"));
  for (const char* wrong : {"true", "1.5", "-1", "\"1\"", "1e99", "[1]"})
    CHECK(refused(read(std::string(R"({"rule_id":"a","operation":"a.b","effect":"deny","conditions":{"timeout_s":)") +
                       wrong + "}}"),
                  "timeout_s"));
  CHECK_FALSE(parse_json(R"({"timeout_s":NaN})"));
  CHECK_FALSE(parse_json(R"({"a":1,"a":2})"));
}

TEST_CASE("conformance 7: rules bind operation and arguments", "[capability][conformance]") {
  Scene scene;
  CapabilityDraft made = draft(kAgent, {kExecute}, "shell:git");
  made.constraints.rules = {rule("status", Effect::kAllow, "shell.run", {"git", "status"})};
  scene.give(made);
  CHECK(scene.effect(command(kAgent, {"git", "status"})) == Effect::kAllow);
  CHECK(scene.effect(command(kAgent, {"git", "status", "--short"})) == Effect::kDeny);
  CHECK(scene.effect(command(kAgent, {"git", "push"})) == Effect::kDeny);
  CHECK(scene.effect(command(kAgent, {"git", "status"}, "shell.open")) == Effect::kDeny);
  CHECK(scene.effect(request(kAgent, kExecute, "shell:git")) == Effect::kDeny);  // says nothing of its operation
  made.constraints.rules[0].conditions.match = ArgumentsMatch::kPrefix;
  scene.give(made);
  CHECK(scene.effect(command(kAgent, {"git", "status", "--short"})) == Effect::kAllow);
  CHECK(scene.effect(command(kAgent, {"git"})) == Effect::kDeny);
}

TEST_CASE("conformance 8: a scoped deny denies its context only", "[capability][conformance]") {
  Scene scene;
  scene.give(kAgent, {kExecute}, "shell:git");
  CapabilityDraft made = draft(kAgent, {kExecute}, "shell:*", Effect::kDeny);
  made.constraints.rules = {rule("push", Effect::kDeny, "shell.run", {"git", "push"})};
  scene.give(made);
  CHECK(scene.effect(command(kAgent, {"git", "push"})) == Effect::kDeny);
  CHECK(scene.effect(command(kAgent, {"git", "status"})) == Effect::kAllow);
  // Where it cannot be told whether the rule applies, it does.
  CHECK(scene.effect(request(kAgent, kExecute, "shell:git")) == Effect::kDeny);
}

TEST_CASE("conformance 9: capabilities of one subject are nothing to another", "[capability][conformance]") {
  Scene scene;
  scene.give(kAgent, {kRead}, "filesystem:*");
  scene.give(kOther, {kRead}, "filesystem:*", Effect::kDeny);
  CHECK(scene.effect(kAgent, kRead, "filesystem:/a") == Effect::kAllow);
  CHECK(scene.effect(kOther, kRead, "filesystem:/a") == Effect::kDeny);
  CHECK(scene.effect("agent:build", kRead, "filesystem:/a") == Effect::kDeny);
}

TEST_CASE("conformance 10: a name that looks trusted gives nothing", "[capability][conformance]") {
  Scene scene;
  for (const char* name : {"human:owner", "root", "host", "user:root", "user:+0", "user:00", "agent:", "agent:a b",
                           "process:1", "agent:a\n", "Agent:a"})
    CHECK_FALSE(Subject::parse(name));
  const Actor pretender = acting("user:0");  // the same name as the person's
  CHECK(refused(scene.table.grant(pretender, draft(kAgent, {kRead}, "filesystem:/a"), scene.time), "lacks grant"));
  const Capability made = scene.give(kAgent, {kRead}, "filesystem:/a");
  CHECK(scene.effect("user:0", kRead, "filesystem:/a") == Effect::kDeny);
  CHECK(refused(scene.table.revoke(acting(kOther), made.id, scene.time), "has neither issued"));
  CHECK(scene.effect(kAgent, kRead, "filesystem:/a") == Effect::kAllow);
}

TEST_CASE("conformance 11: an end before the beginning is refused", "[capability][conformance]") {
  Scene scene;
  CapabilityDraft made = draft(kAgent, {kRead}, "filesystem:/a");
  for (const std::int64_t end : {std::int64_t{0}, kStart - 1, kStart}) {
    made.expires_at = end;
    CHECK(refused(scene.table.grant(person(), made, scene.time), "expired before it began"));
  }
  made.expires_at = kStart + 1;
  CHECK(scene.table.grant(person(), made, scene.time));
}

TEST_CASE("conformance 12: what has expired is denied", "[capability][conformance]") {
  Scene scene;
  CapabilityDraft made = draft(kAgent, {kRead}, "filesystem:/a");
  made.expires_at = kStart + kHour;
  scene.give(made);
  scene.pass(kHour - 1);
  CHECK(scene.effect(kAgent, kRead, "filesystem:/a") == Effect::kAllow);
  scene.pass(1);
  CHECK(scene.effect(kAgent, kRead, "filesystem:/a") == Effect::kDeny);
}

TEST_CASE("attack 77: a clock that is set back lengthens nothing", "[capability][conformance]") {
  Scene scene;
  CapabilityDraft made = draft(kAgent, {kRead}, "filesystem:/a");
  made.expires_at = kStart + kHour;
  scene.give(made);
  scene.pass(kHour / 2);
  CHECK(scene.effect(kAgent, kRead, "filesystem:/a") == Effect::kAllow);
  scene.time.wall -= 24 * kHour;  // set back by a day; the machine runs on
  CHECK(scene.effect(kAgent, kRead, "filesystem:/a") == Effect::kAllow);
  scene.pass(kHour / 2);
  CHECK(scene.effect(kAgent, kRead, "filesystem:/a") == Effect::kDeny);
  scene.time.wall = kStart;
  CHECK(scene.effect(kAgent, kRead, "filesystem:/a") == Effect::kDeny);
  // And after the machine was started anew: what was seen before is kept.
  CapabilityTable later(counting_ids(), nullptr, "another boot");
  later.absorb_clock(scene.table.clock_state());
  for (const Capability& each : scene.table.list(std::nullopt)) later.restore(each);
  CHECK_FALSE(later.decide(request(kAgent, kRead, "filesystem:/a"), {kStart, 10}).allowed());
  // The control: a table that has not seen it is fooled.
  CapabilityTable forgetful(counting_ids());
  for (const Capability& each : scene.table.list(std::nullopt)) forgetful.restore(each);
  CHECK(forgetful.decide(request(kAgent, kRead, "filesystem:/a"), {kStart, 10}).allowed());
}

// --- B. Lifecycle ---

TEST_CASE("conformance 13: a one-shot is consumed once under concurrency", "[capability][conformance]") {
  constexpr int kThreads = 4;
  constexpr int kOneShots = 3000;
  Scene scene;
  CapabilityDraft made = draft(kAgent, {kWrite}, "filesystem:/a");
  made.uses = 1;
  std::vector<CapabilityId> ids;
  for (int i = 0; i < kOneShots; ++i) {
    made.resource = resource("filesystem:/" + std::to_string(i));
    ids.push_back(scene.give(made).id);
  }
  std::array<std::atomic<int>, kOneShots> acted{};
  std::atomic<int> attempts = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < kOneShots; ++i) {
        ++attempts;
        const auto answer =
            scene.table.reserve(request(kAgent, kWrite, "filesystem:/" + std::to_string(i)), scene.time);
        if (!answer.reservation) continue;
        if (scene.table.may_proceed(answer.reservation->id, scene.time)) ++acted[static_cast<std::size_t>(i)];
        (void)scene.table.settle(answer.reservation->id, EffectOutcome::kDone);
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(attempts == kThreads * kOneShots);
  CHECK(std::all_of(acted.begin(), acted.end(), [](const auto& count) { return count == 1; }));
  WARN("one-shots raced for by " << kThreads << " threads: " << kOneShots << ", attempts " << attempts);
}

TEST_CASE("conformance 14: consumed by success and by doubt, given back on a certified not-started only",
          "[capability][conformance]") {
  const auto allowed_after = [](EffectOutcome outcome) {
    Scene scene;
    CapabilityDraft made = draft(kAgent, {kWrite}, "filesystem:/a");
    made.uses = 1;
    scene.give(made);
    const auto answer = scene.table.reserve(request(kAgent, kWrite, "filesystem:/a"), scene.time);
    REQUIRE(answer.reservation);
    CHECK(answer.reservation->charged);
    CHECK(scene.effect(kAgent, kWrite, "filesystem:/a") == Effect::kDeny);  // while it is reserved
    need(scene.table.settle(answer.reservation->id, outcome));
    CHECK_FALSE(scene.table.settle(answer.reservation->id, EffectOutcome::kNotStarted));  // settled once
    return scene.effect(kAgent, kWrite, "filesystem:/a") == Effect::kAllow;
  };
  CHECK_FALSE(allowed_after(EffectOutcome::kDone));
  CHECK_FALSE(allowed_after(EffectOutcome::kUnknown));
  CHECK(allowed_after(EffectOutcome::kNotStarted));
}

TEST_CASE("conformance 15: revoking beats a reservation", "[capability][conformance]") {
  Scene scene;
  CapabilityDraft made = draft(kAgent, {kWrite}, "filesystem:/a");
  made.uses = 1;
  const Capability given = scene.give(made);
  const auto answer = scene.table.reserve(request(kAgent, kWrite, "filesystem:/a"), scene.time);
  REQUIRE(answer.reservation);
  CHECK(scene.table.may_proceed(answer.reservation->id, scene.time));
  scene.revoke(given);
  CHECK_FALSE(scene.table.may_proceed(answer.reservation->id, scene.time));
  need(scene.table.settle(answer.reservation->id, EffectOutcome::kNotStarted));
  CHECK(scene.table.find(given.id)->uses_remaining == std::uint64_t{0});  // nothing came back
  CHECK(scene.effect(kAgent, kWrite, "filesystem:/a") == Effect::kDeny);
  // So does a deny that is made in between, and the end of the time.
  for (const bool by_time : {false, true}) {
    made.expires_at = scene.time.wall + kHour;
    made.resource = resource(by_time ? "filesystem:/c" : "filesystem:/b");
    scene.give(made);
    const auto second = scene.table.reserve(request(kAgent, kWrite, made.resource.text()), scene.time);
    REQUIRE(second.reservation);
    CHECK(scene.table.may_proceed(second.reservation->id, scene.time));
    if (by_time) scene.pass(kHour);
    if (!by_time) scene.give(kAgent, {kWrite}, "filesystem:/b", Effect::kDeny);
    CHECK_FALSE(scene.table.may_proceed(second.reservation->id, scene.time));
  }
}

TEST_CASE("conformance 16: revoking counts from the next call on", "[capability][conformance]") {
  Scene scene;
  const Capability given = scene.give(kAgent, {kRead}, "filesystem:/a");
  CHECK(scene.effect(kAgent, kRead, "filesystem:/a") == Effect::kAllow);
  scene.revoke(given);
  CHECK(scene.effect(kAgent, kRead, "filesystem:/a") == Effect::kDeny);
  CHECK_FALSE(scene.table.reserve(request(kAgent, kRead, "filesystem:/a"), scene.time).reservation);
}

CapabilityDraft delegable(std::string_view what) {
  CapabilityDraft made = draft(kAgent, {kRead, kWrite}, what);
  made.delegable = true;
  return made;
}

TEST_CASE("conformance 17: what a parent loses, its children lose", "[capability][conformance]") {
  for (const bool by_time : {false, true}) {
    Scene scene;
    CapabilityDraft made = delegable("filesystem:/srv/*");
    if (by_time) made.expires_at = kStart + kHour;
    const Capability parent = scene.give(made);
    CapabilityDraft part = draft(kOther, {kRead}, "filesystem:/srv/a/*");
    part.delegable = true;
    const Capability child = needed(scene.table.delegate(subject(kAgent), parent.id, part, scene.time));
    CHECK(child.expires_at == parent.expires_at);
    const Capability grandchild = needed(scene.table.delegate(
        subject(kOther), child.id, draft("agent:third", {kRead}, "filesystem:/srv/a/b"), scene.time));
    CHECK(grandchild.delegation_depth == 2);
    const auto asked = request("agent:third", kRead, "filesystem:/srv/a/b");
    const CapabilityDecision before = scene.table.decide(asked, scene.time);
    CHECK(before.allowed());
    CHECK(before.chain == std::vector<CapabilityId>{grandchild.id, child.id, parent.id});
    if (by_time) scene.pass(kHour);
    if (!by_time) scene.revoke(parent);
    CHECK(scene.effect(asked) == Effect::kDeny);
    CHECK(scene.effect(kOther, kRead, "filesystem:/srv/a/b") == Effect::kDeny);
  }
}

TEST_CASE("conformance 18: what is counted cannot be delegated", "[capability][conformance]") {
  Scene scene;
  CapabilityDraft made = delegable("filesystem:/srv/*");
  made.uses = 3;
  CHECK(refused(scene.table.grant(person(), made, scene.time), "counted cannot be delegable"));
  // However it came into the store.
  Capability stored = scene.give(delegable("filesystem:/srv/*"));
  stored.uses_remaining = 3;
  scene.table.restore(stored);
  CHECK(
      refused(scene.table.delegate(subject(kAgent), stored.id, draft(kOther, {kRead}, "filesystem:/srv/a"), scene.time),
              "counted"));
  made.delegable = false;  // nor passed on
  made.rights = {kRead, kGrant};
  scene.table.restore(stored);
  const Capability counted = scene.give(made);
  CHECK(refused(scene.table.grant(acting(kAgent), draft(kOther, {kRead}, "filesystem:/srv/a"), scene.time),
                "lacks grant"));
  CHECK(counted.uses_remaining == std::uint64_t{3});
}

TEST_CASE("conformance 19: a part is narrower in every way, and never deeper than allowed",
          "[capability][conformance]") {
  Scene scene;
  CapabilityDraft made = delegable("filesystem:/srv/*");
  made.max_delegation_depth = 2;
  made.expires_at = kStart + kHour;
  made.constraints.rules = {rule("only", Effect::kAllow, "file.*")};
  const Capability parent = scene.give(made);
  const auto delegate = [&](CapabilityDraft part) {
    return scene.table.delegate(subject(kAgent), parent.id, std::move(part), scene.time);
  };
  CHECK(refused(delegate(draft(kOther, {kRead}, "filesystem:/srv2")), "is not within"));
  CHECK(refused(delegate(draft(kOther, {kRead}, "filesystem:*")), "is not within"));
  CHECK(refused(delegate(draft(kOther, {kRead, kDelete}, "filesystem:/srv/a")), "the parent carries"));
  CHECK(refused(delegate(draft(kOther, {kRead}, "filesystem:/srv/a", Effect::kAsk)), "only what allows"));
  CapabilityDraft longer = draft(kOther, {kRead}, "filesystem:/srv/a");
  longer.expires_at = kStart + kHour + 1;
  CHECK(refused(delegate(longer), "expire later"));
  CapabilityDraft wider = draft(kOther, {kRead}, "filesystem:/srv/a");
  wider.constraints.rules = {rule("more", Effect::kAllow, "shell.*")};
  CHECK(refused(delegate(wider), "allow more than the parent"));
  CapabilityDraft deeper = draft(kOther, {kRead}, "filesystem:/srv/a");
  deeper.max_delegation_depth = 60;
  deeper.delegable = true;
  Capability child = needed(delegate(deeper));
  CHECK(child.max_delegation_depth == 2);
  REQUIRE(child.constraints.rules.size() == 1);  // not dropped
  child = needed(scene.table.delegate(subject(kOther), child.id, deeper, scene.time));
  CHECK(refused(scene.table.delegate(subject(kOther), child.id, deeper, scene.time), "as deep as it may be (2)"));
  CHECK(refused(scene.table.delegate(subject(kOther), parent.id, deeper, scene.time), "has no capability"));
}

TEST_CASE("conformance 20: grant passes on and makes nothing", "[capability][conformance]") {
  Scene scene;
  scene.give(kAgent, {kRead, kGrant}, "filesystem:/srv/*");
  const auto grant = [&](const CapabilityDraft& made) { return scene.table.grant(acting(kAgent), made, scene.time); };
  const Capability passed = needed(grant(draft(kOther, {kRead}, "filesystem:/srv/a")));
  CHECK(passed.issued_by == subject(kAgent));
  CHECK(passed.issuer_capability);
  CHECK(scene.effect(kOther, kRead, "filesystem:/srv/a") == Effect::kAllow);
  CHECK(refused(grant(draft(kOther, {kRead, kWrite}, "filesystem:/srv/a")), "lacks write"));
  CHECK(refused(grant(draft(kOther, {kAdmin}, "filesystem:/srv/a")), "lacks admin"));
  CHECK(refused(grant(draft(kOther, {kRead}, "filesystem:/other")), "lacks grant"));
  CHECK(refused(grant(draft(kOther, {kRead}, "filesystem:/srv/a", Effect::kDeny)), "needs admin"));
  CapabilityDraft handed_on = draft(kOther, {kRead}, "filesystem:/srv/a");
  handed_on.delegable = true;
  CHECK(refused(grant(handed_on), "cannot be delegable"));
  // Admin makes what it likes, within its resource.
  scene.give(kAgent, {kAdmin}, "filesystem:/home/*");
  CHECK(grant(draft(kOther, {kWrite}, "filesystem:/home/a", Effect::kDeny)));
  CHECK(grant(draft(kOther, {kWrite}, "filesystem:/home/b")));
  CHECK_FALSE(grant(draft(kOther, {kWrite}, "filesystem:/homes")));
}

TEST_CASE("conformance 21: a holder cannot take off what restricts it", "[capability][conformance]") {
  Scene scene;
  const Capability allow = scene.give(delegable("filesystem:/srv/*"));
  const Capability deny = scene.give(kAgent, {kRead}, "filesystem:/srv/secret", Effect::kDeny);
  const Capability ask = scene.give(kAgent, {kRead}, "filesystem:/srv/asked", Effect::kAsk);
  for (const Capability* each : {&deny, &ask})
    CHECK(refused(scene.table.revoke(acting(kAgent), each->id, scene.time), "cannot take it off itself"));
  // Nor go round it through somebody else.
  for (const char* what : {"filesystem:/srv/*", "filesystem:/srv/secret", "filesystem:/srv/asked"}) {
    CHECK(refused(scene.table.delegate(subject(kAgent), allow.id, draft(kOther, {kRead}, what), scene.time),
                  "cannot pass that on"));
    CHECK_FALSE(scene.table.grant(acting(kAgent), draft(kOther, {kRead}, what), scene.time));
  }
  CHECK(scene.table.delegate(subject(kAgent), allow.id, draft(kOther, {kRead}, "filesystem:/srv/open"), scene.time));
  CHECK(scene.table.revoke(acting(kAgent), allow.id, scene.time));  // its own allow it can give up
  CHECK(scene.effect(kAgent, kRead, "filesystem:/srv/open") == Effect::kDeny);
  // What was not made to be taken back stays, also for the person.
  CapabilityDraft fixed = draft(kAgent, {kRead}, "filesystem:/a");
  fixed.revocable = false;
  const Capability kept = scene.give(fixed);
  CHECK(refused(scene.table.revoke(person(), kept.id, scene.time), "not revocable"));
}

class FailingObserver : public AuthorityObserver {
 public:
  bool failing = true;
  int asked = 0;
  [[nodiscard]] Status record(const AuthorityEvent& event) override {
    ++asked;
    last = event.kind;
    if (failing) return fail_errno(ENOSPC, "the audit log is full");
    return {};
  }
  AuthorityEventKind last = AuthorityEventKind::kIssued;
};

TEST_CASE("conformance 22: what cannot be recorded does not happen", "[capability][conformance]") {
  FailingObserver observer;
  CapabilityTable table(counting_ids(), &observer);
  const AuthorityTime time{kStart, 1};
  CapabilityDraft made = delegable("filesystem:/srv/*");
  CHECK(refused(table.grant(person(), made, time), "the audit log is full"));
  CHECK(table.list(std::nullopt).empty());
  CHECK_FALSE(table.decide(request(kAgent, kRead, "filesystem:/srv/a"), time).allowed());
  observer.failing = false;
  const Capability given = needed(table.grant(person(), made, time));
  observer.failing = true;
  CHECK_FALSE(table.delegate(subject(kAgent), given.id, draft(kOther, {kRead}, "filesystem:/srv/a"), time));
  CHECK(observer.last == AuthorityEventKind::kDelegated);
  CHECK_FALSE(table.revoke(person(), given.id, time));
  CHECK(observer.last == AuthorityEventKind::kRevoked);
  CHECK(table.decide(request(kAgent, kRead, "filesystem:/srv/a"), time).allowed());
  CHECK(table.list(std::nullopt).size() == 1);
  CHECK(observer.asked == 4);
}

TEST_CASE("conformance: only an approval for exactly this resolves an ask", "[capability][conformance]") {
  Scene scene;
  scene.give(kAgent, {kWrite}, "filesystem:/srv/*");
  scene.give(kAgent, {kWrite}, "filesystem:/srv/*", Effect::kAsk);
  CapabilityRequest asked = request(kAgent, kWrite, "filesystem:/srv/a");
  CHECK(scene.effect(asked) == Effect::kAsk);
  CapabilityDraft approval = draft(kAgent, {kWrite}, "filesystem:/srv/a");
  approval.uses = 1;
  approval.constraints.binding = binding('a', "version 7");
  scene.give(approval);
  CHECK(scene.effect(asked) == Effect::kAsk);
  for (const ApprovalBinding& other : {binding('b', "version 7"), binding('a', "version 8"), binding('a')}) {
    asked.binding = other;
    CHECK(scene.effect(asked) == Effect::kAsk);
  }
  asked.binding = binding('a', "version 7");
  const auto answer = scene.table.reserve(asked, scene.time);
  CHECK(answer.decision.reason == DecisionReason::kApproved);
  REQUIRE(answer.reservation);
  CHECK(answer.reservation->charged);
  CHECK(scene.table.may_proceed(answer.reservation->id, scene.time));
  CHECK(scene.effect(asked) == Effect::kAsk);  // once
  approval.uses = 2;
  CHECK(refused(scene.table.grant(person(), approval, scene.time), "and once"));
  // A deny is resolved by nothing.
  approval.uses = 1;
  scene.give(approval);
  CHECK(scene.effect(asked) == Effect::kAllow);
  scene.give(kAgent, {kWrite}, "filesystem:/srv/a", Effect::kDeny);
  CHECK(scene.effect(asked) == Effect::kDeny);
}

}  // namespace
}  // namespace writ::capability_tests
