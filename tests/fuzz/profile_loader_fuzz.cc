// libFuzzer target: any bytes as a profile. The loader must answer, quickly, with a profile or with a printable
// message.
//   cmake --preset dev -DWRIT_FUZZ=ON -DCMAKE_CXX_COMPILER=clang++ && profile_loader_fuzz
//   tests/fuzz/corpus/profile_loader
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "broker/base/escape.h"
#include "broker/policy/access_policy.h"
#include "broker/policy/policy_meet.h"
#include "broker/policy/profile_loader.h"
#include "broker/policy/profile_values.h"
#include "broker/policy/rule_lowering.h"

namespace {

using writ::PathGrant;
using writ::Profile;
using writ::ProfileContext;
using writ::ProfileSource;
using writ::Result;

// The bytes under test also stand for every base, so that loops and misnamed bases are reached.
ProfileContext context_for(const std::string& text) {
  ProfileContext context;
  context.variables = {
      {"workspace", "/home/u/work"}, {"home", "/home/u"}, {"user", "u"}, {"uid", "1000"}, {"gid", "1000"}};
  context.find_profile = [&text](std::string_view name) -> Result<ProfileSource> {
    if (name == "nope") return writ::fail("there is no such profile");
    if (name == "default") return ProfileSource{"default", "version: 1\nname: default\nfilesystem: {read: [/usr]}\n"};
    return ProfileSource{std::string(name), text};
  };
  // As groups too: whatever is no group file is an error.
  context.groups_source = [&text]() -> Result<ProfileSource> {
    if (text.size() % 2 == 0) return ProfileSource{"groups", text};
    return ProfileSource{"groups", "version: 1\ngroups: {system: [/usr]}\n"};
  };
  return context;
}

void require(bool condition) {
  if (!condition) std::abort();
}

// What was loaded can be compiled, met with itself and lowered; and every case has an answer.
void check_policy(const Profile& profile) {
  require(writ::check_examples(profile.commands).has_value());
  const writ::AccessPolicy policy = writ::AccessPolicy::compile(profile);
  require(policy.decide_path({writ::Right::kRead}, "/home/u/.ssh/id").cause != writ::DecisionCause::kNothing);
  require(run_policy_cases(profile).size() == profile.tests.size());
  const Profile met = writ::meet(profile, profile, "itself").profile;
  const writ::AccessPolicy same = writ::AccessPolicy::compile(met);
  for (const writ::PathGrant& grant : profile.filesystem.grants)
    require(policy.decide_path({writ::Right::kRead}, grant.path).effect ==
            same.decide_path({writ::Right::kRead}, grant.path).effect);
  const auto lowering = writ::lower_rules(profile);
  if (!lowering) require(!lowering.error().what.empty());
}

void check_profile(const Profile& profile) {
  require(writ::is_profile_name(profile.name));
  require(profile.requirement(writ::Layer::kSeccomp) == writ::Requirement::kRequire);
  require(profile.limits.tmp_size > 0 && profile.limits.shm_size > 0);
  for (const PathGrant& grant : profile.filesystem.grants) {
    const Result<std::string> normal = writ::normalize_absolute_path(grant.path);
    require(normal && *normal == grant.path && grant.path != "/");
  }
  check_policy(profile);
  for (const std::string& path : profile.filesystem.protect) require(writ::check_relative_path(path).has_value());
}

void check_message(std::string_view message) {
  require(message.starts_with("fuzz.yaml:") || message.find(':') != std::string_view::npos);
  require(writ::is_valid_utf8(message));
  for (const char c : message) require(static_cast<unsigned char>(c) >= 0x20 || c == '\n');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const Result<Profile> profile = writ::load_profile({"fuzz.yaml", text}, context_for(text));
  if (profile) {
    check_profile(*profile);
  } else {
    check_message(profile.error().describe());
  }
  return 0;
}
