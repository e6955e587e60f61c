// Rules become what a view can hold, or are refused; nothing becomes weaker than written.
#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "broker/policy/access_policy.h"
#include "broker/policy/rule_lowering.h"
#include "tests/unit/profile_fixture.h"
#include "tests/unit/random_policy.h"

namespace writ {
namespace {

using profile_tests::grant_of;
using profile_tests::loaded;

Lowering lowered(std::string_view body) {
  Result<Lowering> lowering = lower_rules(loaded(body));
  if (!lowering) FAIL(lowering.error().describe());
  return std::move(*lowering);
}

// The mechanism of the first rule whose text begins with `text`.
Mechanism mechanism_of(std::string_view body, std::string_view text) {
  const Profile profile = loaded(body);
  const AccessPolicy policy = AccessPolicy::compile(profile);
  const Lowering lowering = lowered(body);
  for (const EnforcedRule& enforced : lowering.enforced)
    if (policy.rules()[enforced.rule].text().starts_with(text)) return enforced.mechanism;
  FAIL("no rule " << text);
  return Mechanism::kNotInForce;
}

bool holds(const std::vector<PathPattern>& list, std::string_view text) {
  return std::any_of(list.begin(), list.end(), [&](const PathPattern& pattern) { return pattern.text() == text; });
}

TEST_CASE("allow rules become grants", "[lowering]") {
  const Lowering lowering = lowered(
      "rules:\n  - {effect: allow, rights: [read, execute], path: '/srv/tools/*', optional: true}\n"
      "  - {effect: allow, rights: [read], path: /srv/file}\n"
      "  - {effect: allow, rights: [read, write], path: '/srv/out/*'}\n");
  CHECK(lowering.profile.rules.empty());
  const PathGrant& tools = grant_of(lowering.profile, "/srv/tools");
  CHECK(tools.execution == Execution::kAllowed);
  CHECK(tools.presence == Presence::kOptional);
  CHECK(tools.scope == PathScope::kSubtree);
  CHECK(tools.origin.line == 4);
  const PathGrant& file = grant_of(lowering.profile, "/srv/file");
  CHECK(file.execution == Execution::kDenied);
  CHECK(file.scope == PathScope::kExact);
  CHECK(file.presence == Presence::kRequired);
  CHECK(grant_of(lowering.profile, "/srv/out").access == PathAccess::kWrite);
  CHECK(lowering.warnings.empty());
}

TEST_CASE("a grant inside of another one gets what all rules give there", "[lowering]") {
  const Lowering lowering = lowered(
      "rules:\n  - {effect: allow, rights: [read, write], path: '/srv/*'}\n"
      "  - {effect: allow, rights: [read, execute], path: '/srv/bin/*'}\n");
  CHECK(grant_of(lowering.profile, "/srv/bin").access == PathAccess::kWrite);
  CHECK(grant_of(lowering.profile, "/srv/bin").execution == Execution::kAllowed);
  CHECK(grant_of(lowering.profile, "/srv").execution == Execution::kDenied);
}

TEST_CASE("deny rules become what the view takes away", "[lowering]") {
  const std::string body =
      "filesystem: {write: [/srv]}\nrules:\n  - {effect: deny, rights: [read], path: '/srv/a/*'}\n"
      "  - {effect: deny, rights: [write], path: /srv/b}\n  - {effect: deny, rights: [execute], path: '/srv/c/*'}\n"
      "  - {effect: deny, rights: [read], path: '/other/*'}\n";
  const Lowering lowering = lowered(body);
  CHECK(holds(lowering.profile.filesystem.deny_all, "/srv/a/*"));
  CHECK(holds(lowering.profile.filesystem.deny_write, "/srv/b"));
  CHECK(holds(lowering.profile.filesystem.deny_execute, "/srv/c/*"));
  CHECK(mechanism_of(body, "deny read, write, execute, list /srv/a/*") == Mechanism::kCovered);
  CHECK(mechanism_of(body, "deny write /srv/b") == Mechanism::kReadOnlyCover);
  CHECK(mechanism_of(body, "deny execute /srv/c/*") == Mechanism::kNoExecuteMount);
  CHECK(mechanism_of(body, "deny read, write, execute, list /other/*") == Mechanism::kNotInView);
  CHECK(mechanism_of(body, "allow read, write, execute, list /srv/*") == Mechanism::kWritableMount);
}

// The place that is asked about, or nothing.
const AskedPlace* asked_at(const Lowering& lowering, std::string_view text) {
  const auto& asked = lowering.profile.filesystem.asked;
  const auto found =
      std::find_if(asked.begin(), asked.end(), [&](const auto& one) { return one.pattern.text() == text; });
  return found == asked.end() ? nullptr : &*found;
}

TEST_CASE("what is asked about is denied as far as the view goes", "[lowering]") {
  const std::string body =
      "rules:\n  - {effect: ask, rights: [read, list], path: '/srv/a/*'}\n"
      "  - {effect: ask, rights: [read, list, execute], path: /srv/file}\n"
      "  - {effect: ask, rights: [list], path: '/srv/names/*'}\n";
  const Lowering lowering = lowered(body);
  CHECK(lowering.warnings.empty());
  for (const char* place : {"/srv/a/*", "/srv/file", "/srv/names/*"}) {
    CHECK(holds(lowering.profile.filesystem.deny_all, place));
    REQUIRE(asked_at(lowering, place) != nullptr);
  }
  CHECK(asked_at(lowering, "/srv/file")->rights.has(Right::kExecute));
  CHECK_FALSE(asked_at(lowering, "/srv/a/*")->rights.has(Right::kExecute));
  CHECK(asked_at(lowering, "/srv/file")->pattern.scope == PathScope::kExact);
  CHECK(mechanism_of(body, "ask read, list /srv/a/*") == Mechanism::kAsked);
  CHECK(lowering.profile.rules.empty());
}

TEST_CASE("writing is asked about in trees that the broker writes", "[lowering]") {
  const std::string rules = "rules:\n  - {effect: ask, rights: [write], path: '/srv/a/*'}\n";
  const std::string mediated = "filesystem: {write: [/srv], writing: mediated}\n" + rules;
  CHECK(lowered(mediated).warnings.empty());
  CHECK(holds(lowered(mediated).profile.filesystem.deny_write, "/srv/a/*"));
  CHECK(lowered(mediated).profile.filesystem.asked.empty());
  CHECK(mechanism_of(mediated, "ask write") == Mechanism::kAsked);
  // Where nobody is asked, it is denied, and a warning says so.
  for (const std::string& body : {"filesystem: {write: [/srv], writing: native}\n" + rules,
                                  "filesystem: {write: [/other], writing: mediated}\n" + rules,
                                  "filesystem: {read: [/srv], writing: mediated}\n" + rules}) {
    const Lowering lowering = lowered(body);
    REQUIRE(lowering.warnings.size() == 1);
    CHECK(lowering.warnings[0].starts_with("not in force: 'ask write /srv/a/*'"));
    CHECK(holds(lowering.profile.filesystem.deny_write, "/srv/a/*"));
    CHECK(mechanism_of(body, "ask write") == Mechanism::kNotInForce);
  }
}

TEST_CASE("rights that are not asked about make a rule that asks say so", "[lowering]") {
  const std::string both =
      "filesystem: {write: [/srv], writing: mediated}\n"
      "rules:\n  - {effect: ask, rights: [read, list, write], path: '/srv/a/*'}\n";
  REQUIRE(lowered(both).warnings.size() == 1);
  CHECK(holds(lowered(both).profile.filesystem.deny_all, "/srv/a/*"));
  CHECK(mechanism_of(both, "ask read") == Mechanism::kNotInForce);
  const std::string execution =
      "filesystem: {read: [/srv]}\nrules:\n  - {effect: ask, rights: [execute], path: '/srv/a/*'}\n";
  REQUIRE(lowered(execution).warnings.size() == 1);
  CHECK(holds(lowered(execution).profile.filesystem.deny_execute, "/srv/a/*"));
  const std::string name = "rules:\n  - {effect: allow, rights: [connect], address: 'example.org:443'}\n";
  CHECK(lowered(name).warnings.size() == 1);
  CHECK(mechanism_of(name, "allow connect example.org") == Mechanism::kNotInForce);
  CHECK(lowered(name).profile.rules.size() == 1);  // addresses have no place in the file system lists
}

TEST_CASE("what is asked about by address waits for an answer, names are not in force", "[lowering]") {
  const std::string body =
      "rules:\n  - {effect: ask, rights: [connect], address: '192.0.2.1:443'}\n"
      "  - {effect: ask, rights: [bind], address: 'localhost:8080'}\n";
  CHECK(lowered(body).warnings.empty());
  CHECK(mechanism_of(body, "ask connect 192.0.2.1") == Mechanism::kAsked);
  CHECK(mechanism_of(body, "ask bind localhost") == Mechanism::kAsked);
  const std::string name = "rules:\n  - {effect: ask, rights: [connect], address: 'example.org:443'}\n";
  CHECK(mechanism_of(name, "ask connect") == Mechanism::kNotInForce);
  REQUIRE(lowered(name).warnings.size() == 1);
  CHECK(lowered(name).warnings[0].find("names of hosts are not looked up yet") != std::string::npos);
}

TEST_CASE("what is allowed by address is done by the broker, names are not in force", "[lowering]") {
  const std::string body =
      "rules:\n  - {effect: allow, rights: [connect], address: '192.0.2.1:443'}\n"
      "  - {effect: allow, rights: [bind], address: 'localhost:8080'}\n"
      "  - {effect: deny, rights: [connect], address: '192.0.2.0/24:*'}\n";
  CHECK(lowered(body).warnings.empty());
  CHECK(mechanism_of(body, "allow connect 192.0.2.1") == Mechanism::kOnBehalf);
  CHECK(mechanism_of(body, "allow bind localhost") == Mechanism::kOnBehalf);
  CHECK(mechanism_of(body, "deny connect") == Mechanism::kNetworkNamespace);
}

TEST_CASE("what would be weaker than written is refused, with its place", "[lowering]") {
  const auto refusal = [](std::string_view body) {
    const Result<Lowering> lowering = lower_rules(loaded(body));
    return lowering ? std::string() : lowering.error().describe();
  };
  const std::string network =
      refusal("network: host\nrules:\n  - {effect: deny, rights: [connect], address: '10.0.0.0/8:*'}\n");
  CHECK(network.find("test.yaml:5:5: the rule 'deny connect 10.0.0.0/8:*' cannot be held") != std::string::npos);
  CHECK(refusal("rules:\n  - {effect: deny, rights: [read], path: '/proc/*'}\n").find("cannot be held") !=
        std::string::npos);
}

TEST_CASE("every rule has a mechanism, and every mechanism a phrase", "[lowering]") {
  const Profile profile = loaded("filesystem: {read: [/usr], write: ['${workspace}'], protect: [x]}\n");
  const Result<Lowering> lowering = lower_rules(profile);
  REQUIRE(lowering);
  CHECK(lowering->enforced.size() == AccessPolicy::compile(profile).rules().size());
  for (int i = 0; i <= static_cast<int>(Mechanism::kAsked); ++i)
    CHECK(!mechanism_text(static_cast<Mechanism>(i)).empty());
}

TEST_CASE("lowering never allows more", "[lowering]") {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    INFO("seed " << seed);
    policy_tests::Random random(seed);
    const Profile profile = policy_tests::random_profile(random);
    const Result<Lowering> lowering = lower_rules(profile);
    if (!lowering) continue;
    const AccessPolicy before = AccessPolicy::compile(profile);
    const AccessPolicy after = AccessPolicy::compile(lowering->profile);
    for (int i = 0; i < 20; ++i) {
      const std::string path = policy_tests::random_path(random);
      const auto right = static_cast<Right>(random.below(4));
      INFO(right_name(right) << " " << path);
      REQUIRE(after.decide_path({right}, path).effect >= before.decide_path({right}, path).effect);
    }
  }
}

}  // namespace
}  // namespace writ
