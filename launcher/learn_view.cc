#include "launcher/learn_view.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "broker/policy/secrets.h"

namespace writ {
namespace {

constexpr std::array<std::string_view, 9> kLeftOut = {"/proc", "/dev",  "/sys",        "/run", "/tmp",
                                                      "/home", "/root", "/lost+found", "/var"};
// /var is granted piece by piece: /var/tmp is the sandbox's own, and /var/run leads to /run.
constexpr std::array<std::string_view, 3> kLeftOutOfVar = {"/var/tmp", "/var/run", "/var/lock"};

bool is_granted(const Profile& profile, std::string_view path) {
  const auto& grants = profile.filesystem.grants;
  return std::any_of(grants.begin(), grants.end(), [&](const PathGrant& grant) { return grant.path == path; });
}

void grant(Profile& profile, const std::string& path, PathAccess access) {
  if (!is_granted(profile, path)) profile.filesystem.grants.push_back({path, access, Presence::kOptional});
}

// Grants the directories in `parent`, links and everything else left out: what a link leads to lies in another one.
template <class LeftOut>
void grant_directories_in(Profile& profile, const char* parent, const LeftOut& left_out) {
  std::error_code problem;
  for (const auto& entry : std::filesystem::directory_iterator(parent, problem)) {
    const std::string& path = entry.path().native();
    const bool skip = std::find(left_out.begin(), left_out.end(), path) != left_out.end();
    if (!skip && entry.symlink_status(problem).type() == std::filesystem::file_type::directory)
      grant(profile, path, PathAccess::kRead);
  }
}

void open_workspace(Profile& profile, const std::string& workspace) {
  grant(profile, workspace, PathAccess::kWrite);
  for (PathGrant& entry : profile.filesystem.grants)
    if (entry.path == workspace) entry.access = PathAccess::kWrite;
}

bool lies_beneath_hidden(const Profile& profile, const std::string& path) {
  const auto& hide = profile.filesystem.hide;
  return std::any_of(hide.begin(), hide.end(),
                     [&](const std::string& hidden) { return path.starts_with(hidden + "/"); });
}

// What the profile grants inside of a tree that is visible now needs no mount of its own, except in what is hidden
// there. One that leads through a link could not even be placed.
void drop_covered_grants(Profile& profile) {
  const std::vector<PathGrant> all = profile.filesystem.grants;
  std::erase_if(profile.filesystem.grants, [&](const PathGrant& entry) {
    return entry.access == PathAccess::kRead && !lies_beneath_hidden(profile, entry.path) &&
           std::any_of(all.begin(), all.end(),
                       [&](const PathGrant& other) { return entry.path.starts_with(other.path + "/"); });
  });
}

}  // namespace

void widen_for_learning(Profile& profile, const Person& person, const std::string& workspace, LearnMode mode) {
  open_workspace(profile, workspace);
  if (person.home != "/") grant(profile, person.home, PathAccess::kRead);
  grant_directories_in(profile, "/", kLeftOut);
  grant_directories_in(profile, "/var", kLeftOutOfVar);
  drop_covered_grants(profile);
  if (mode != LearnMode::kPermissive) return;
  FilesystemPolicy& filesystem = profile.filesystem;
  std::erase_if(filesystem.hide, [](const std::string& path) { return secret_reason(path).empty(); });
  filesystem.deny_all.clear();
  filesystem.deny_write.clear();
  filesystem.deny_execute.clear();
  filesystem.shields.clear();
  filesystem.scratch_execution = filesystem.writable_execution = Execution::kAllowed;
  for (PathGrant& entry : filesystem.grants) entry.execution = Execution::kAllowed;
  profile.rules.clear();
}

LearningPlaces learning_places(const Person& person, const std::string& workspace) {
  LearningPlaces places{workspace, person.home == "/nonexistent" ? std::string() : person.home,
                        secret_paths(person.home, person.uid)};
  for (const std::string& home : {person.configuration_home, person.state_home, person.cache_home})
    places.secrets.push_back(home + "/writ");
  return places;
}

}  // namespace writ
