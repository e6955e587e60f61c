// decide(): precedence, shields, what the sandbox gives by itself; and the tree against a plain walk over all rules.
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>

#include "broker/policy/access_policy.h"
#include "broker/policy/policy_rules.h"
#include "tests/unit/profile_fixture.h"
#include "tests/unit/random_policy.h"

namespace writ {
namespace {

using profile_tests::loaded;

Decision decided(std::string_view body, Right right, std::string_view path) {
  static std::vector<AccessPolicy> kept;  // decisions point into their policy
  kept.push_back(AccessPolicy::compile(loaded(body)));
  return kept.back().decide_path({right}, path);
}

Effect effect_of(std::string_view body, Right right, std::string_view path) {
  return decided(body, right, path).effect;
}

Effect connect_effect(std::string_view body, std::string_view target) {
  const AccessPolicy policy = AccessPolicy::compile(loaded(body));
  return policy.decide_address({Right::kConnect}, *Address::parse(target)).effect;
}

// The semantics in the plainest words: every rule is looked at, and a shield is asked about each.
Effect plain_decision(const std::vector<PolicyRule>& rules, Right right, std::string_view path) {
  std::optional<Effect> strongest;
  for (const PolicyRule& entry : rules) {
    const auto* pattern = std::get_if<PathPattern>(&entry.rule.resource);
    if (pattern == nullptr || is_shield(entry.kind) || entry.kind == RuleKind::kBuiltIn) continue;
    if (!entry.rule.rights.has(right) || !pattern->matches(path)) continue;
    bool stopped = false;
    for (const PolicyRule& shield : rules) {
      const auto* place = std::get_if<PathPattern>(&shield.rule.resource);
      const bool applies = is_shield(shield.kind) && place != nullptr && shield.rule.rights.has(right);
      stopped = stopped || (applies && place->matches(path) && lies_strictly_in(place->path, pattern->path));
    }
    if (stopped && entry.rule.effect != Effect::kDeny) continue;
    strongest = std::max(strongest.value_or(Effect::kAllow), entry.rule.effect);
  }
  return strongest.value_or(Effect::kDeny);
}

TEST_CASE("the tree of rules decides like a walk over all of them", "[policy]") {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    INFO("seed " << seed);
    policy_tests::Random random(seed);
    const Profile profile = policy_tests::random_profile(random);
    const AccessPolicy policy = AccessPolicy::compile(profile);
    const std::vector<PolicyRule> rules = policy_rules(profile);
    for (int i = 0; i < 20; ++i) {
      const std::string path = policy_tests::random_path(random);
      const auto right = static_cast<Right>(random.below(4));
      INFO(right_name(right) << " " << path);
      REQUIRE(policy.decide_path({right}, path).effect == plain_decision(rules, right, path));
    }
  }
}

TEST_CASE("deny dominates in any order, and ask dominates allow", "[policy][conformance]") {
  const std::string allow = "  - {effect: allow, rights: [read, write], path: '/srv/a/*'}\n";
  const std::string ask = "  - {effect: ask, rights: [write], path: '/srv/a/b/*'}\n";
  const std::string deny = "  - {effect: deny, rights: [write], path: '/srv/*', reason: frozen}\n";
  CHECK(effect_of("rules:\n" + allow + deny, Right::kWrite, "/srv/a/x") == Effect::kDeny);
  CHECK(effect_of("rules:\n" + deny + allow, Right::kWrite, "/srv/a/x") == Effect::kDeny);
  CHECK(effect_of("rules:\n" + deny + allow, Right::kRead, "/srv/a/x") == Effect::kAllow);
  CHECK(effect_of("rules:\n" + ask + allow, Right::kWrite, "/srv/a/b/x") == Effect::kAsk);
  CHECK(effect_of("rules:\n" + allow + ask, Right::kWrite, "/srv/a/x") == Effect::kAllow);
  CHECK(effect_of("rules:\n" + ask + deny, Right::kWrite, "/srv/a/b/x") == Effect::kDeny);
  const Decision decision = decided("rules:\n" + allow + deny, Right::kWrite, "/srv/a/x");
  REQUIRE(decision.rule != nullptr);
  CHECK(decision.rule->reason == "frozen");
  CHECK(decision.rule->origin.line == 5);
  CHECK(decision.cause == DecisionCause::kRule);
}

TEST_CASE("a pattern is no prefix of bytes", "[policy][conformance]") {
  const std::string body = "rules:\n  - {effect: allow, rights: [read], path: '/srv/src/*'}\n";
  CHECK(effect_of(body, Right::kRead, "/srv/src") == Effect::kAllow);
  CHECK(effect_of(body, Right::kRead, "/srv/src/x") == Effect::kAllow);
  CHECK(effect_of(body, Right::kRead, "/srv/src2") == Effect::kDeny);
  CHECK(effect_of(body, Right::kRead, "/srv/src2/x") == Effect::kDeny);
  CHECK(effect_of(body, Right::kRead, "/srv") == Effect::kDeny);
  const std::string exact = "rules:\n  - {effect: allow, rights: [read], path: /srv/file}\n";
  CHECK(effect_of(exact, Right::kRead, "/srv/file") == Effect::kAllow);
  CHECK(effect_of(exact, Right::kRead, "/srv/file/x") == Effect::kDeny);
}

TEST_CASE("what is not a normal absolute path is denied", "[policy]") {
  const std::string body = "filesystem: {write: [/srv]}\n";
  for (const char* path : {"", "srv", "/srv//x", "/srv/./x", "/srv/../etc/x", "/srv/x/", "/unknown/../srv", "//"})
    CHECK(effect_of(body, Right::kRead, path) == Effect::kDeny);
  const AccessPolicy policy = AccessPolicy::compile(loaded(body));
  CHECK(policy.decide_path({}, "/srv/x").effect == Effect::kDeny);
  CHECK(policy.decide_path({Right::kRead, Right::kConnect}, "/srv/x").effect == Effect::kDeny);
  CHECK(policy.decide_path(kPathRights, "/srv/x").effect == Effect::kAllow);
}

TEST_CASE("a secret stops what is allowed around it, not what names it", "[policy][secrets]") {
  const std::string around = "filesystem: {read: [~/]}\n";
  const Decision decision = decided(around, Right::kRead, "/home/u/.ssh/id_rsa");
  CHECK(decision.effect == Effect::kDeny);
  CHECK(decision.cause == DecisionCause::kSecret);
  REQUIRE(decision.rule != nullptr);
  CHECK(decision.rule->reason == "SSH keys and the hosts they open");
  CHECK(effect_of(around, Right::kRead, "/home/u/x") == Effect::kAllow);
  const std::string rule = "rules: [{effect: allow, rights: [read], path: ";
  CHECK(effect_of(rule + "'~/*'}]\n", Right::kRead, "/home/u/.ssh/known_hosts") == Effect::kDeny);
  CHECK(effect_of(rule + "~/.ssh/known_hosts}]\n", Right::kRead, "/home/u/.ssh/known_hosts") == Effect::kAllow);
  CHECK(effect_of(rule + "~/.ssh/known_hosts}]\n", Right::kRead, "/home/u/.ssh/id_rsa") == Effect::kDeny);
  CHECK(effect_of("filesystem: {read: [~/.ssh]}\n", Right::kRead, "/home/u/.ssh/id_rsa") == Effect::kAllow);
}

TEST_CASE("a protected name stops writing alone", "[policy]") {
  const std::string body = "filesystem: {write: ['${workspace}'], protect: [.git/hooks]}\n";
  const Decision decision = decided(body, Right::kWrite, "/home/u/work/.git/hooks/pre-commit");
  CHECK(decision.effect == Effect::kDeny);
  CHECK(decision.cause == DecisionCause::kProtected);
  CHECK(effect_of(body, Right::kRead, "/home/u/work/.git/hooks/pre-commit") == Effect::kAllow);
  CHECK(effect_of(body, Right::kWrite, "/home/u/work/.git/hooks2") == Effect::kAllow);
  const std::string hidden = "filesystem: {read: [/srv], hide: [/srv/h]}\n";
  CHECK(decided(hidden, Right::kRead, "/srv/h/x").cause == DecisionCause::kHidden);
  CHECK(decided(hidden, Right::kRead, "/other").cause == DecisionCause::kNothing);
}

TEST_CASE("a tree granted for less inside of a tree granted for more gives less", "[policy]") {
  const std::string body = "filesystem: {write: [/srv], read: [/srv/kept]}\n";
  CHECK(effect_of(body, Right::kWrite, "/srv/x") == Effect::kAllow);
  CHECK(effect_of(body, Right::kWrite, "/srv/kept/x") == Effect::kDeny);
  CHECK(effect_of(body, Right::kRead, "/srv/kept/x") == Effect::kAllow);
}

TEST_CASE("what every sandbox has by itself", "[policy]") {
  for (const char* path : {"/tmp/x", "/var/tmp/x", "/dev/shm/x", "/dev/null", "/home/u/x"})
    CHECK(effect_of("", Right::kWrite, path) == Effect::kAllow);
  CHECK(effect_of("", Right::kExecute, "/tmp/x") == Effect::kAllow);
  CHECK(effect_of("", Right::kExecute, "/dev/shm/x") == Effect::kDeny);
  CHECK(effect_of("filesystem: {scratch_execution: denied}\n", Right::kExecute, "/tmp/x") == Effect::kDeny);
  for (const char* path : {"/proc/self/mem", "/dev/sda", "/dev/mem", "/etc/x", "/usr/x", "/home/other", "/run/x", "/x"})
    CHECK(effect_of("", Right::kWrite, path) == Effect::kDeny);
  CHECK(effect_of("", Right::kRead, "/proc/self/status") == Effect::kAllow);
  CHECK(effect_of("", Right::kRead, "/dev/sda") == Effect::kDeny);
  // A grant appears over the scratch; a granted home is not private.
  CHECK(effect_of("filesystem: {read: [/tmp/given]}\n", Right::kWrite, "/tmp/given/x") == Effect::kDeny);
  CHECK(effect_of("filesystem: {read: [~/]}\n", Right::kWrite, "/home/u/x") == Effect::kDeny);
}

TEST_CASE("addresses: own loopback, the host's network, rules", "[policy][network]") {
  CHECK(connect_effect("", "127.0.0.1:80") == Effect::kAllow);
  CHECK(connect_effect("", "localhost:80") == Effect::kAllow);
  CHECK(connect_effect("", "[::1]:80") == Effect::kAllow);
  CHECK(connect_effect("", "192.0.2.1:80") == Effect::kDeny);
  CHECK(connect_effect("network: host\n", "192.0.2.1:80") == Effect::kAllow);
  CHECK(connect_effect("network: host\n", "example.org:80") == Effect::kAllow);
  const std::string rule = "rules: [{effect: deny, rights: [connect], address: '10.0.0.0/8:*'}]\nnetwork: host\n";
  CHECK(connect_effect(rule, "10.200.0.1:22") == Effect::kDeny);
  CHECK(connect_effect(rule, "[::ffff:10.1.1.1]:22") == Effect::kDeny);
  CHECK(connect_effect(rule, "11.0.0.1:22") == Effect::kAllow);
  const std::string port = "rules: [{effect: allow, rights: [connect], address: 'EXAMPLE.org:443'}]\n";
  CHECK(connect_effect(port, "example.org:443") == Effect::kAllow);
  CHECK(connect_effect(port, "example.org:80") == Effect::kDeny);
  CHECK(connect_effect(port, "sub.example.org:443") == Effect::kDeny);
}

TEST_CASE("metadata addresses need their very name", "[policy][network]") {
  for (const char* target :
       {"169.254.169.254:80", "[fe80::1]:80", "[fd00:ec2::254]:80", "100.100.100.200:80", "[::ffff:169.254.1.1]:80",
        "[64:ff9b::169.254.169.254]:80", "[2002:a9fe:a9fe::1]:80", "metadata.google.internal:80"}) {
    INFO(target);
    CHECK(connect_effect("network: host\n", target) == Effect::kDeny);
  }
  const std::string wide = "rules: [{effect: allow, rights: [connect], address: '169.254.0.0/16:*'}]\n";
  const std::string exact = "rules: [{effect: allow, rights: [connect], address: '169.254.169.254:80'}]\n";
  CHECK(connect_effect(wide, "169.254.169.254:80") == Effect::kDeny);
  CHECK(connect_effect(exact, "169.254.169.254:80") == Effect::kAllow);
  CHECK(connect_effect(exact, "169.254.169.253:80") == Effect::kDeny);
}

}  // namespace
}  // namespace writ
