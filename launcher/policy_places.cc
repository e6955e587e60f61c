#include "launcher/policy_places.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "broker/base/escape.h"
#include "launcher/profile_reading.h"
#include "launcher/profile_store.h"

namespace writ {
namespace {

constexpr const char* kAdministratorDirectory = "/etc/writ";

void add_once(std::vector<std::string>& list, std::string entry) {
  if (std::find(list.begin(), list.end(), entry) == list.end()) list.push_back(std::move(entry));
}

// What `path` is without symbolic links, or empty where it does not exist.
std::string resolved(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  return real ? std::string(real.get()) : std::string();
}

void add_with_target(std::vector<std::string>& list, const std::string& path) {
  std::string target = resolved(path);
  add_once(list, path);
  if (!target.empty()) add_once(list, std::move(target));
}

// People keep their settings in a repository and link to them: such a profile lies in a workspace all the same.
void add_linked_profiles(std::vector<std::string>& list, const std::string& directory) {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(directory.c_str()), ::closedir);
  if (!entries) return;
  while (const dirent* entry = ::readdir(entries.get())) {
    if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN) continue;
    std::string target = resolved(directory + "/" + entry->d_name);
    if (!target.empty() && std::string_view(entry->d_name) != "." && std::string_view(entry->d_name) != "..")
      add_once(list, std::move(target));
  }
}

bool lies_in(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/';
}

// Both names of a writable grant: as granted, and what it is on the host where that differs.
std::vector<std::string> names_of(const PathGrant& grant) {
  std::vector<std::string> names;
  add_with_target(names, grant.path);
  return names;
}

Status guard_place(FilesystemPolicy& filesystem, const std::string& granted, const std::string& place) {
  if (granted == place || lies_in(granted, place))
    return fail(
        quote_bytes(granted) + " cannot be granted for writing: Writ takes its policy from " + quote_bytes(place),
        "grant it for reading");
  if (lies_in(place, granted)) add_once(filesystem.protect, place.substr(granted.size() + 1));
  return {};
}

}  // namespace

Result<PolicyPlaces> find_policy_places(const RunOptions& options, const Person& person) {
  PolicyPlaces places;
  for (const std::string& home : {person.state_home, person.cache_home, person.configuration_home})
    add_with_target(places.own, home + "/writ");
  std::vector<std::string> named = options.manifests;
  named.push_back(options.profile);
  for (const std::string& typed : named) {
    if (!names_profile_file(typed)) continue;
    WRIT_ASSIGN(const std::string path, typed_path(typed, person));
    add_with_target(places.read_only, path);
  }
  const std::string personal = ProfileStore(person.configuration_home).directory(ProfilePlace::kPersonal);
  if (std::string target = resolved(personal); !target.empty()) add_once(places.read_only, std::move(target));
  add_linked_profiles(places.read_only, personal);
  places.read_only.emplace_back(kAdministratorDirectory);
  return places;
}

Status guard_policy_places(Profile& profile, const PolicyPlaces& places) {
  for (const std::string& own : places.own) profile.filesystem.hide.push_back(own);
  std::vector<std::string> granted;
  for (const PathGrant& grant : profile.filesystem.grants)
    if (grant.access == PathAccess::kWrite)
      for (std::string& name : names_of(grant)) add_once(granted, std::move(name));
  for (const std::string& tree : granted)
    for (const std::vector<std::string>* list : {&places.own, &places.read_only})
      for (const std::string& place : *list) WRIT_TRY(guard_place(profile.filesystem, tree, place));
  return {};
}

}  // namespace writ
