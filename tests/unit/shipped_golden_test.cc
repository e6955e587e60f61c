// What the shipped profiles resolve to, line by line. A change here is a change of what tools get: it must be meant.
// WRIT_UPDATE_GOLDEN=1 writes the file anew.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "launcher/profile_store.h"
#include "tests/unit/profile_fixture.h"

namespace writ {
namespace {

using profile_tests::Strings;

const std::string kGolden = WRIT_SOURCE_DIR "/tests/unit/golden/shipped_profiles.txt";

Profile shipped(std::string_view name) {
  const ProfileStore store("/nonexistent");
  ProfileContext context = profile_tests::context_with();
  context.find_profile = [&](std::string_view wanted) { return store.find(wanted); };
  context.groups_source = &ProfileStore::shipped_groups;
  const Result<Profile> profile = load_profile(*store.find(name), context);
  if (!profile) FAIL(profile.error().describe());
  return *profile;
}

// Order has no meaning in these lists.
void append_sorted(std::string& text, std::string_view title, Strings lines) {
  std::sort(lines.begin(), lines.end());
  for (const std::string& line : lines) text.append("  ").append(title).append(" ").append(line).append("\n");
}

Strings grant_lines(const Profile& profile) {
  Strings lines;
  for (const PathGrant& grant : profile.filesystem.grants)
    lines.push_back(std::string(grant.access == PathAccess::kWrite ? "write " : "read ") + grant.path +
                    (grant.presence == Presence::kOptional ? " optional" : "") + (grant.named_exactly ? " named" : ""));
  return lines;
}

std::string describe(const Profile& profile) {
  std::string text = profile.name + "\n";
  append_sorted(text, "grant", grant_lines(profile));
  text += "  hide " + std::to_string(profile.filesystem.hide.size()) + " places\n";
  append_sorted(text, "protect", profile.filesystem.protect);
  append_sorted(text, "report", profile.filesystem.report_changes);
  append_sorted(text, "pass", profile.environment.pass);
  Strings settings;
  for (const auto& [name, value] : profile.environment.set) settings.push_back(name + "=" + value);
  append_sorted(text, "set", settings);
  append_sorted(text, "deny", profile.syscalls.deny);
  std::ostringstream rest;
  rest << "  modes " << static_cast<int>(profile.filesystem.scratch_execution)
       << static_cast<int>(profile.filesystem.writable_execution) << static_cast<int>(profile.syscalls.base)
       << static_cast<int>(profile.network) << static_cast<int>(profile.process.netlink) << "\n  limits "
       << profile.limits.processes << " " << profile.limits.open_files << " " << profile.limits.tmp_size << " "
       << profile.limits.shm_size << " " << profile.rules.size() << " rules\n";
  return text + rest.str();
}

std::string describe_all() {
  std::string text;
  std::vector<std::string_view> names = ProfileStore::shipped_names();
  std::sort(names.begin(), names.end());
  for (const std::string_view name : names) text += describe(shipped(name));
  return text;
}

TEST_CASE("the shipped profiles resolve to what the golden file says", "[shipped][golden]") {
  const std::string actual = describe_all();
  if (std::getenv("WRIT_UPDATE_GOLDEN") != nullptr) std::ofstream(kGolden) << actual;
  std::ifstream file(kGolden);
  std::ostringstream expected;
  expected << file.rdbuf();
  CHECK(actual == expected.str());
}

TEST_CASE("every shipped profile has cases, and they are decided as written", "[shipped][policy]") {
  for (const std::string_view name : ProfileStore::shipped_names()) {
    const Profile profile = shipped(name);
    CHECK(profile.tests.size() >= 7);
    for (const PolicyCaseResult& result : run_policy_cases(profile)) {
      INFO(name << ": " << result.policy_case->text() << ", because " << result.because);
      CHECK(result.passed());
    }
  }
}

}  // namespace
}  // namespace writ
