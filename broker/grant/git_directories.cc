#include "broker/grant/git_directories.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstddef>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "broker/base/unique_fd.h"

namespace writ {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = ".git/";
constexpr std::string_view kLeadsTo = "gitdir: ";
constexpr int kDeepestModule = 8;  // a submodule's name may have slashes in it

// The first bytes of a regular file, without the end of its line. A file `.git` and `commondir` are one line.
std::string line_of(const fs::path& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  std::array<char, PATH_MAX> text;
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  std::string line(text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
  return line;
}

// Also of what does not exist; empty where that cannot be told.
fs::path real_path(const fs::path& path) {
  std::error_code problem;
  fs::path real = fs::weakly_canonical(path, problem);
  return problem ? fs::path() : real;
}

class GitDirectories {
 public:
  explicit GitDirectories(const fs::path& tree) : own_(tree / ".git") {}

  std::vector<std::string> find() {
    const fs::path main = where_it_leads();
    if (main.empty()) return {};
    add_whole(main);
    if (const std::string common = line_of(main / "commondir"); !common.empty()) add_whole(real_path(main / common));
    return std::move(found_);
  }

 private:
  [[nodiscard]] fs::path where_it_leads() const {
    const std::string line = line_of(own_);
    if (line.empty()) return real_path(own_);
    if (!line.starts_with(kLeadsTo)) return {};
    return real_path(own_.parent_path() / line.substr(kLeadsTo.size()));
  }

  void add(const fs::path& directory) {
    if (directory.empty() || directory == own_ || found_.size() == kGitDirectoryLimit) return;
    if (std::find(found_.begin(), found_.end(), directory.native()) == found_.end())
      found_.push_back(directory.native());
  }

  void add_whole(const fs::path& directory) {
    add(directory);
    add_those_in(directory / "worktrees", 1);
    add_those_in(directory / "modules", kDeepestModule);
  }

  // A directory with a HEAD is one; others are parts of the names of deeper ones.
  void add_those_in(const fs::path& directory, int depth) {
    std::error_code problem;
    const auto entries = fs::directory_iterator(directory, problem);
    if (problem || depth == 0) return;
    for (auto entry = fs::begin(entries); entry != fs::end(entries); entry.increment(problem)) {
      if (problem || found_.size() == kGitDirectoryLimit) return;
      if (entry->symlink_status(problem).type() != fs::file_type::directory) continue;
      const fs::path& path = entry->path();
      const bool is_git_directory = fs::exists(fs::symlink_status(path / "HEAD", problem));
      if (is_git_directory) add(path);
      add_those_in(is_git_directory ? path / "modules" : path, depth - 1);
    }
  }

  fs::path own_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> git_directories_of(const std::string& tree) { return GitDirectories(tree).find(); }

std::vector<std::string> protected_in_git_directories(const std::string& tree, std::span<const std::string> names) {
  std::vector<std::string> places;
  const bool any = std::any_of(names.begin(), names.end(), [](const auto& name) { return name.starts_with(kPrefix); });
  if (!any) return places;
  const std::vector<std::string> directories = git_directories_of(tree);
  for (const std::string& directory : directories)
    for (const std::string& name : names)
      if (name.starts_with(kPrefix)) places.push_back(directory + "/" + name.substr(kPrefix.size()));
  // A working tree has its own directory in `worktrees` of the common one, and git must be able to work there.
  std::erase_if(places, [&](const std::string& place) { return directories.front().starts_with(place + "/"); });
  return places;
}

std::vector<std::string> with_git_directories(int tree_root, std::vector<std::string> names) {
  std::error_code problem;
  const std::string tree = fs::read_symlink("/proc/self/fd/" + std::to_string(tree_root), problem).native();
  if (problem || !tree.starts_with('/')) return names;
  const std::string prefix = tree == "/" ? tree : tree + "/";
  for (const std::string& place : protected_in_git_directories(tree, names))
    if (place.starts_with(prefix)) names.push_back(place.substr(prefix.size()));
  return names;
}

}  // namespace writ
