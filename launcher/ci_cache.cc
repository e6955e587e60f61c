#include "launcher/ci_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "broker/base/escape.h"
#include "broker/base/unique_fd.h"
#include "broker/policy/profile_values.h"
#include "broker/sandbox/host_path.h"
#include "launcher/placed_grant.h"
#include "launcher/profile_reading.h"

namespace writ {
namespace {

struct Owner {
  uid_t uid;
  gid_t gid;
};

// One name at a time beneath a held directory; links are refused. What is made belongs to `owner` where that is not us.
Result<UniqueFd> make_beneath(UniqueFd directory, const std::string& relative, const Owner* owner, mode_t mode) {
  for (std::size_t begin = 0; begin < relative.size();) {
    const std::size_t end = std::min(relative.find('/', begin), relative.size());
    const std::string name = relative.substr(begin, end - begin);
    begin = end + 1;
    if (name.empty()) continue;
    const bool made = ::mkdirat(directory.get(), name.c_str(), mode) == 0;
    if (!made && errno != EEXIST) return fail_errno(errno, "cannot make the directory " + quote_bytes(name));
    UniqueFd child(::openat(directory.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!child.valid())
      return fail_errno(errno, "cannot open the directory " + quote_bytes(name), "it must not be a symbolic link");
    if (made && owner != nullptr && ::fchown(child.get(), owner->uid, owner->gid) != 0)
      return fail_errno(errno, "cannot hand over the directory " + quote_bytes(name));
    directory = std::move(child);
  }
  return directory;
}

Result<UniqueFd> open_path(const std::string& path) {
  UniqueFd opened(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.valid()) return fail_errno(errno, "cannot open " + quote_bytes(path));
  return opened;
}

// The root of all caches, with its parents: where the person's cache directory leads is the person's business.
Result<UniqueFd> open_root(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
    (void)::mkdir(path.substr(0, slash).c_str(), 0700);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno(errno, "cannot make " + quote_bytes(path) + " for caches");
  return open_path(path);
}

Status check_owner(int cache, const CiCacheOption& option, const Owner& owner) {
  struct stat status {};
  if (::fstat(cache, &status) != 0) return fail_errno(errno, "cannot inspect the cache " + quote_bytes(option.name));
  if (status.st_uid == owner.uid) return {};
  return fail("the cache " + quote_bytes(option.name) + " belongs to the user " + std::to_string(status.st_uid) +
                  ", and this run is that of " + std::to_string(owner.uid),
              "use another name, or another --cache-root");
}

Result<std::string> place_of(const CiCacheOption& option, const Person& person, const std::string& workspace) {
  const std::string& typed = option.path;
  if (typed.starts_with('/') || typed == "~" || typed.starts_with("~/")) {
    std::string path = typed;
    if (typed.starts_with('~')) path = person.home + typed.substr(1);
    return normalize_absolute_path(path);
  }
  return normalize_absolute_path(workspace + "/" + typed);
}

Result<std::string> root_path_of(const CiOptions& options, const Person& person) {
  if (options.cache_root.empty()) return person.cache_home + "/writ/ci";
  return typed_path(options.cache_root, person);
}

// Makes the caches of one run, which all have the same owner.
class CacheMaker {
 public:
  CacheMaker(const Person& person, const std::string& workspace, Owner owner)
      : person_(person), workspace_(workspace), owner_(owner) {}

  // Returns the word that grants it. `root` is borrowed.
  Result<std::string> prepare(int root, const CiCacheOption& option) const;

 private:
  [[nodiscard]] const Owner* new_owner() const { return ::geteuid() == 0 ? &owner_ : nullptr; }
  [[nodiscard]] Status make_place(const std::string& place) const;

  const Person& person_;
  const std::string& workspace_;
  Owner owner_;
};

// In the workspace there must be something to mount on; elsewhere the view has it.
Status CacheMaker::make_place(const std::string& place) const {
  if (place == workspace_ || !path_lies_in(place, workspace_)) return {};
  WRIT_ASSIGN(UniqueFd top, open_path(workspace_));
  WRIT_TRY(make_beneath(std::move(top), place.substr(workspace_.size() + 1), new_owner(), 0755));
  return {};
}

Result<std::string> CacheMaker::prepare(int root, const CiCacheOption& option) const {
  WRIT_ASSIGN(const std::string place, place_of(option, person_, workspace_));
  UniqueFd held(::fcntl(root, F_DUPFD_CLOEXEC, 3));
  WRIT_ASSIGN(const UniqueFd cache, make_beneath(std::move(held), option.name, new_owner(), 0700));
  WRIT_TRY(check_owner(cache.get(), option, owner_));
  WRIT_TRY(make_place(place));
  const std::string source = path_of_descriptor(cache.get());
  if (source.empty() || source.find('=') != std::string::npos)
    return fail("the cache " + quote_bytes(option.name) + " cannot be granted: its path has a '=' in it");
  return placed_grant_word(source, place);
}

}  // namespace

Result<std::vector<std::string>> prepare_ci_caches(const CiOptions& options, const Person& person,
                                                   const std::string& workspace) {
  std::vector<std::string> words;
  if (options.caches.empty()) return words;
  WRIT_ASSIGN(const std::string root_path, root_path_of(options, person));
  WRIT_ASSIGN(const UniqueFd root, open_root(root_path));
  struct stat status {};
  if (::stat(workspace.c_str(), &status) != 0) return fail_errno(errno, "cannot inspect the workspace");
  const bool as_root = ::geteuid() == 0;
  const CacheMaker maker(person, workspace,
                         as_root ? Owner{status.st_uid, status.st_gid} : Owner{::geteuid(), ::getegid()});
  for (const CiCacheOption& option : options.caches) {
    WRIT_ASSIGN(std::string word, maker.prepare(root.get(), option));
    words.push_back(std::move(word));
  }
  return words;
}

}  // namespace writ
