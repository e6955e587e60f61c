// Random profiles, paths and rights for property tests: a small generator of our own, so that a seed means the same
// everywhere. A failing test prints its seed.
#ifndef WRIT_TESTS_UNIT_RANDOM_POLICY_H_
#define WRIT_TESTS_UNIT_RANDOM_POLICY_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/policy/profile.h"
#include "broker/policy/rights.h"
#include "broker/policy/rule.h"

namespace writ::policy_tests {

// SplitMix64 (Steele, Lea, Flood 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15ull;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(next() % bound); }
  bool one_in(std::size_t bound) { return below(bound) == 0; }

 private:
  std::uint64_t state_;
};

// Few names, so that patterns meet; "ab" has "a" as a prefix.
inline std::string random_relative(Random& random, std::size_t deepest) {
  constexpr std::array<std::string_view, 4> kNames = {"a", "b", "ab", "c"};
  std::string path;
  for (std::size_t depth = random.below(deepest) + 1; depth > 0; --depth)
    path.append(path.empty() ? "" : "/").append(kNames[random.below(kNames.size())]);
  return path;
}

inline std::string random_path(Random& random) { return "/" + random_relative(random, 4); }

inline Rights random_rights(Random& random) {
  Rights rights;
  for (const Right right : {Right::kRead, Right::kWrite, Right::kExecute, Right::kList})
    if (random.one_in(2)) rights = join(rights, {right});
  return rights.empty() ? Rights{Right::kRead} : rights;
}

inline Effect random_effect(Random& random) { return static_cast<Effect>(random.below(3)); }

inline PathPattern random_pattern(Random& random) {
  return {random_path(random), random.one_in(3) ? PathScope::kExact : PathScope::kSubtree};
}

inline PathGrant random_grant(Random& random) {
  PathGrant grant{random_path(random), random.one_in(2) ? PathAccess::kRead : PathAccess::kWrite};
  grant.execution = random.one_in(4) ? Execution::kDenied : Execution::kAllowed;
  return grant;
}

// A path is granted once, as the loader makes sure.
inline void add_random_grants(Random& random, Profile& profile) {
  for (std::size_t count = random.below(5); count > 0; --count) {
    PathGrant grant = random_grant(random);
    bool known = false;
    for (const PathGrant& other : profile.filesystem.grants) known = known || other.path == grant.path;
    if (!known) profile.filesystem.grants.push_back(grant);
  }
}

inline Profile random_profile(Random& random) {
  Profile profile;
  FilesystemPolicy& filesystem = profile.filesystem;
  add_random_grants(random, profile);
  for (std::size_t count = random.below(3); count > 0; --count) filesystem.hide.push_back(random_path(random));
  for (std::size_t count = random.below(3); count > 0; --count)
    filesystem.protect.push_back(random_relative(random, 2));
  for (std::size_t count = random.below(5); count > 0; --count)
    profile.rules.push_back({random_effect(random), random_rights(random), random_pattern(random), {}, {}});
  if (random.one_in(4)) filesystem.deny_write.push_back(random_pattern(random));
  if (random.one_in(6)) filesystem.deny_all.push_back(random_pattern(random));
  if (random.one_in(3)) filesystem.writable_execution = Execution::kDenied;
  if (random.one_in(3)) filesystem.writing = Writing::kMediated;
  return profile;
}

}  // namespace writ::policy_tests

#endif  // WRIT_TESTS_UNIT_RANDOM_POLICY_H_
