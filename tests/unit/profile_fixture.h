// What the tests of the profile loader share: a user, files that `extends` finds, and short ways to load.
#ifndef WRIT_TESTS_UNIT_PROFILE_FIXTURE_H_
#define WRIT_TESTS_UNIT_PROFILE_FIXTURE_H_

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/policy/profile_loader.h"

namespace writ::profile_tests {

using Strings = std::vector<std::string>;
using Files = std::map<std::string, std::string, std::less<>>;

inline constexpr std::string_view kHead = "version: 1\nname: test\n";

inline ProfileContext context_with(Files files = {}) {
  ProfileContext context;
  context.variables = {
      {"workspace", "/home/u/work"}, {"home", "/home/u"}, {"user", "u"}, {"uid", "1000"}, {"gid", "1000"}};
  context.find_profile = [files = std::move(files)](std::string_view name) -> Result<ProfileSource> {
    const auto file = files.find(name);
    if (file == files.end()) return fail("there is no profile '" + std::string(name) + "'");
    return ProfileSource{std::string(name) + ".yaml", file->second};
  };
  return context;
}

inline std::string with_head(std::string_view body) { return std::string(kHead).append(body); }

inline Profile loaded(std::string_view body, Files files = {}) {
  const Result<Profile> profile = load_profile({"test.yaml", with_head(body)}, context_with(std::move(files)));
  if (!profile) FAIL("should load: " << profile.error().describe());
  return *profile;
}

inline std::string error_of_text(std::string_view text, Files files = {}) {
  const Result<Profile> profile = load_profile({"test.yaml", std::string(text)}, context_with(std::move(files)));
  if (profile) FAIL("should not load: " << text);
  return profile.error().describe();
}

inline std::string error_of(std::string_view body, Files files = {}) {
  return error_of_text(with_head(body), std::move(files));
}

inline bool says(const std::string& message, std::string_view part) {
  INFO("message: " << message);
  CHECK(message.find(part) != std::string::npos);
  return message.find(part) != std::string::npos;
}

inline const PathGrant& grant_of(const Profile& profile, std::string_view path) {
  for (const PathGrant& grant : profile.filesystem.grants)
    if (grant.path == path) return grant;
  FAIL("no grant for " << path);
  return profile.filesystem.grants.front();
}

inline Strings grant_paths(const Profile& profile) {
  Strings paths;
  for (const PathGrant& grant : profile.filesystem.grants) paths.push_back(grant.path);
  return paths;
}

inline bool contains(const Strings& list, std::string_view entry) {
  return std::find(list.begin(), list.end(), entry) != list.end();
}

}  // namespace writ::profile_tests

#endif  // WRIT_TESTS_UNIT_PROFILE_FIXTURE_H_
