#include "launcher/recipe_witness.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "launcher/ceiling_file.h"
#include "launcher/profile_store.h"

namespace writ {
namespace {

void add_number(std::string& text, std::uint64_t number) { text.append(std::to_string(number)).push_back(' '); }

// Both times: a change of content that keeps the one changes the other (inode(7)).
void add_file(std::string& text, const std::string& path) {
  struct stat status {};
  text.append(path).push_back('\0');
  if (::stat(path.c_str(), &status) != 0) return text.push_back('-');
  add_number(text, status.st_dev);
  add_number(text, status.st_ino);
  add_number(text, static_cast<std::uint64_t>(status.st_size));
  for (const timespec& time : {status.st_mtim, status.st_ctim}) {
    add_number(text, static_cast<std::uint64_t>(time.tv_sec));
    add_number(text, static_cast<std::uint64_t>(time.tv_nsec));
  }
}

// Which one it is and whose; what happens in it is no concern of a recipe.
void add_directory(std::string& text, const std::string& path) {
  struct stat status {};
  text.append(path).push_back('\0');
  if (::stat(path.c_str(), &status) != 0) return text.push_back('-');
  for (const std::uint64_t number :
       {static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino),
        std::uint64_t{status.st_uid}, std::uint64_t{status.st_gid}})
    add_number(text, number);
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

void add_profiles(std::string& text, const std::string& directory) {
  add_file(text, directory);
  const std::unique_ptr<DIR, CloseDirectory> open(::opendir(directory.c_str()));
  if (!open) return;
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(open.get()))
    if (std::string_view(entry->d_name).ends_with(".yaml")) names.emplace_back(entry->d_name);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) add_file(text, directory + "/" + name);
}

}  // namespace

std::string witness_recipe_inputs(const RunOptions& options, const Person& person) {
  std::string text;
  const ProfileStore store(person.configuration_home);
  for (const ProfilePlace place : {ProfilePlace::kPersonal, ProfilePlace::kAdministrator})
    if (const std::string directory = store.directory(place); !directory.empty()) add_profiles(text, directory);
  add_file(text, kCeilingPath);
  add_file(text, "/etc/passwd");
  add_directory(text, options.workspace.empty() ? "." : options.workspace);
  if (names_profile_file(options.profile)) add_file(text, options.profile);
  for (const std::string& manifest : options.manifests) add_file(text, manifest);
  return text;
}

}  // namespace writ
