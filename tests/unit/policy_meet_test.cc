// Attenuation: properties over random profiles, and the parts that are not about paths.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>

#include "broker/policy/access_policy.h"
#include "broker/policy/policy_meet.h"
#include "tests/unit/profile_fixture.h"
#include "tests/unit/random_policy.h"

namespace writ {
namespace {

using policy_tests::Random;
using policy_tests::random_path;
using policy_tests::random_profile;

constexpr std::uint64_t kSeeds = 2000;
constexpr int kQuestions = 30;

constexpr std::array<Right, 4> kRights = {Right::kRead, Right::kWrite, Right::kExecute, Right::kList};

Effect effect_on(const AccessPolicy& policy, Right right, const std::string& path) {
  return policy.decide_path({right}, path).effect;
}

// Asks the same random questions of policies with equal seeds.
template <class Ask>
void for_random_questions(Random& random, Ask ask) {
  for (int i = 0; i < kQuestions; ++i) {
    const std::string path = random_path(random);
    ask(kRights[random.below(kRights.size())], path);
  }
}

void check_same_decisions(const Profile& a, const Profile& b, Random& random) {
  const AccessPolicy first = AccessPolicy::compile(a);
  const AccessPolicy second = AccessPolicy::compile(b);
  for_random_questions(random, [&](Right right, const std::string& path) {
    INFO(right_name(right) << " " << path);
    REQUIRE(effect_on(first, right, path) == effect_on(second, right, path));
  });
}

TEST_CASE("a meet decides like the stricter of its two sides", "[policy][meet]") {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    const Profile profile = random_profile(random);
    const Profile bound = random_profile(random);
    const AccessPolicy policy = AccessPolicy::compile(profile);
    const AccessPolicy bounding = AccessPolicy::compile(bound);
    const AccessPolicy both = AccessPolicy::compile(meet(profile, bound, "the bound").profile);
    for_random_questions(random, [&](Right right, const std::string& path) {
      INFO(right_name(right) << " " << path);
      const Effect expected = std::max(effect_on(policy, right, path), effect_on(bounding, right, path));
      REQUIRE(effect_on(both, right, path) == expected);
    });
  }
}

TEST_CASE("a meet is commutative, idempotent and associative in its decisions", "[policy][meet]") {
  for (std::uint64_t seed = 1; seed <= kSeeds / 4; ++seed) {
    INFO("seed " << seed);
    Random random(seed + 1000000);
    const Profile a = random_profile(random);
    const Profile b = random_profile(random);
    const Profile c = random_profile(random);
    check_same_decisions(meet(a, b, "b").profile, meet(b, a, "a").profile, random);
    check_same_decisions(meet(a, a, "a").profile, a, random);
    check_same_decisions(meet(meet(a, b, "b").profile, c, "c").profile, meet(a, meet(b, c, "c").profile, "bc").profile,
                         random);
  }
}

const char* const kAddressRules[] = {"10.0.0.0/8:*",       "10.1.0.0/16:443",  "10.1.2.3:443",   "*:443",
                                     "example.org:*",      "localhost:22",     "127.0.0.1:22",   "169.254.169.254:80",
                                     "[2001:db8::]/32:80", "169.254.0.0/16:*", "example.org:22", "0.0.0.0/0:80"};

Profile random_network_profile(Random& random) {
  Profile profile;
  if (random.one_in(3)) profile.network = NetworkMode::kHost;
  for (std::size_t count = random.below(5); count > 0; --count) {
    const char* text = kAddressRules[random.below(std::size(kAddressRules))];
    const Effect effect = policy_tests::random_effect(random);
    if (const auto pattern = AddressPattern::parse(text))
      profile.rules.push_back({effect, kAddressRights, *pattern, {}, {}});
  }
  return profile;
}

TEST_CASE("a meet of networks decides like the stricter side", "[policy][meet]") {
  const std::array<const char*, 10> targets = {"10.1.2.3:443", "10.9.9.9:80",  "example.org:443",  "example.org:22",
                                               "127.0.0.1:22", "localhost:22", "[2001:db8::1]:80", "169.254.169.254:80",
                                               "192.0.2.7:80", "[fe80::1]:443"};
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    const Profile profile = random_network_profile(random);
    const Profile bound = random_network_profile(random);
    const AccessPolicy policy = AccessPolicy::compile(profile);
    const AccessPolicy bounding = AccessPolicy::compile(bound);
    const AccessPolicy both = AccessPolicy::compile(meet(profile, bound, "the bound").profile);
    for (const char* target : targets) {
      INFO(target);
      const Address address = *Address::parse(target);
      const auto decided = [&](const AccessPolicy& one) {
        return one.decide_address({Right::kConnect}, address).effect;
      };
      REQUIRE(decided(both) == std::max(decided(policy), decided(bounding)));
    }
  }
}

TEST_CASE("a ceiling says what it took away", "[policy][meet]") {
  const Profile profile = profile_tests::loaded("filesystem: {read: [/usr], write: [/srv/a]}\nnetwork: host\n");
  const Profile ceiling = profile_tests::loaded("filesystem: {read: [/srv, /usr/lib]}\n");
  const MetProfile met = meet(profile, ceiling, "the ceiling");
  const PathGrant& grant = profile_tests::grant_of(met.profile, "/srv/a");
  CHECK(grant.access == PathAccess::kRead);
  CHECK(profile_tests::contains(profile_tests::grant_paths(met.profile), "/usr/lib"));
  CHECK(!profile_tests::contains(profile_tests::grant_paths(met.profile), "/usr"));
  CHECK(met.profile.network == NetworkMode::kNone);
  const auto says = [&](std::string_view subject, std::string_view reason) {
    return std::any_of(met.attenuations.begin(), met.attenuations.end(), [&](const Attenuation& a) {
      return a.subject == subject && a.reason.find(reason) != std::string::npos;
    });
  };
  CHECK(says("write /srv/a", "allows only read"));
  CHECK(says("read, execute, list /usr", "does not allow it"));
  CHECK(says("network", "stricter"));
}

TEST_CASE("settings of a meet are the stricter ones", "[policy][meet]") {
  const Profile a = profile_tests::loaded(
      "environment: {pass: [LANG, LC_*, TERM], set: {A: x, B: y}}\nlimits: {processes: 10, open_files: 999}\n"
      "syscalls: {allow: [perf_event_open], deny: [ptrace]}\nisolation: {cgroup_namespace: prefer}\n");
  const Profile b = profile_tests::loaded(
      "environment: {pass: [LC_ALL, LANG], set: {A: z}}\nlimits: {processes: 20, open_files: 100, wall_time: 5s}\n"
      "syscalls: {deny: [bpf]}\nterminal: none\n");
  const Profile both = meet(a, b, "b").profile;
  CHECK(both.environment.pass == profile_tests::Strings{"LANG", "LC_ALL"});
  REQUIRE(both.environment.set.size() == 1);
  CHECK(both.environment.set[0].second == "x");
  CHECK(both.limits.processes == 10);
  CHECK(both.limits.open_files == 100);
  CHECK(both.limits.wall_time == std::chrono::seconds(5));
  CHECK(both.syscalls.allow.empty());
  CHECK(both.syscalls.deny == profile_tests::Strings{"ptrace", "bpf"});
  CHECK(both.requirement(Layer::kCgroupNamespace) == Requirement::kRequire);
  CHECK(both.terminal == TerminalMode::kNone);
}

CommandRule command(std::string program, ArgumentMatch match, std::vector<ArgumentAlternatives> arguments,
                    Effect effect) {
  CommandRule rule;
  rule.program = std::move(program);
  rule.match = match;
  rule.arguments = std::move(arguments);
  rule.effect = effect;
  return rule;
}

CommandRule random_command(Random& random) {
  constexpr std::array<const char*, 3> kWords = {"x", "y", "z"};
  std::vector<ArgumentAlternatives> arguments;
  for (std::size_t count = random.below(2) + 1; count > 0; --count) {
    ArgumentAlternatives words = {kWords[random.below(3)]};
    if (random.one_in(2)) words.emplace_back(kWords[random.below(3)]);
    arguments.push_back(std::move(words));
  }
  const auto match = static_cast<ArgumentMatch>(random.below(3));  // all but contains, which one rule cannot always say
  if (match == ArgumentMatch::kAny) arguments.clear();
  return command(random.one_in(2) ? "git" : "/usr/bin/git", match, std::move(arguments),
                 policy_tests::random_effect(random));
}

Effect decided(const std::vector<CommandRule>& rules, const std::vector<std::string>& argv) {
  return is_ruled(rules, argv.front()) ? decide_command(rules, argv).effect : Effect::kAllow;
}

TEST_CASE("a meet of commands is at least as strict as both sides", "[policy][meet]") {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    Profile a;
    Profile b;
    for (std::size_t count = random.below(4); count > 0; --count) a.commands.push_back(random_command(random));
    for (std::size_t count = random.below(4); count > 0; --count) b.commands.push_back(random_command(random));
    const Profile both = meet(a, b, "b").profile;
    for (int i = 0; i < 10; ++i) {
      std::vector<std::string> argv = {random.one_in(2) ? "/usr/bin/git" : "/opt/git"};
      for (std::size_t count = random.below(3); count > 0; --count) argv.emplace_back(1, "xyz"[random.below(3)]);
      REQUIRE(decided(both.commands, argv) >= std::max(decided(a.commands, argv), decided(b.commands, argv)));
    }
  }
}

}  // namespace
}  // namespace writ
