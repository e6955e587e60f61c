#include "launcher/ci_artifacts.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "broker/base/escape.h"
#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/raw_syscall.h"
#include "broker/sandbox/host_path.h"
#include "launcher/artifact_copy.h"

namespace writ {
namespace {

using ObjectId = std::pair<dev_t, ino_t>;

ObjectId id_of(const struct stat& status) { return {status.st_dev, status.st_ino}; }

std::string joined(const std::vector<std::string>& names) {
  std::string path;
  for (const std::string& name : names) path.append(path.empty() ? "" : "/").append(name);
  return path;
}

// Sorted, so that a collection is the same each time. Nothing where the directory cannot be read.
std::optional<std::vector<std::string>> names_in(int directory) {
  const int copy = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return std::nullopt;
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(copy), ::closedir);
  if (!entries) {
    ::close(copy);
    return std::nullopt;
  }
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(entries.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    if (names.size() > kArtifactWalkLimit) break;
  }
  std::sort(names.begin(), names.end());
  return names;
}

UniqueFd open_beneath(int directory, const std::string& name, std::uint64_t flags) {
  open_how how{};
  how.flags = flags | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const long opened = raw_syscall(SYS_openat2, directory, name.c_str(), &how, sizeof how);
  if (opened < 0) errno = static_cast<int>(-opened);
  return UniqueFd(static_cast<int>(std::max<long>(opened, -1)));
}

class ArtifactCollection {
 public:
  explicit ArtifactCollection(const ArtifactRequest& request) : request_(request) {}

  ArtifactResult run();

 private:
  using Visit = void (ArtifactCollection::*)(int directory, const std::string& name, const struct stat& status);

  void look_at_hidden();
  void walk(int directory, Visit visit, bool everywhere);
  void descend(int directory, const std::string& name, Visit visit, bool everywhere);
  void count_name(int directory, const std::string& name, const struct stat& status);
  void consider(int directory, const std::string& name, const struct stat& status);
  std::string why_not(const struct stat& status);
  [[nodiscard]] bool is_hidden() const;
  [[nodiscard]] bool owner_may_read(const struct stat& status) const;
  bool has_outside_names(const struct stat& status);
  void collect(int directory, const std::string& name, const struct stat& status);
  void refuse(std::string reason);
  void stop(std::string problem);

  const ArtifactRequest& request_;
  ArtifactResult result_;
  CopiedTree copies_{request_.place->directory.get()};
  struct stat workspace_ {};
  std::vector<std::string> path_;  // of what is looked at
  std::vector<bool> matched_;
  std::vector<ObjectId> hidden_objects_;
  std::optional<std::map<ObjectId, nlink_t>> names_;  // of every file with several links, in the visible workspace
  std::size_t looked_at_ = 0;
  std::uint64_t bytes_ = 0;
  bool stopped_ = false;
};

void ArtifactCollection::stop(std::string problem) {
  if (!stopped_) result_.problems.push_back(std::move(problem));
  stopped_ = true;
}

void ArtifactCollection::refuse(std::string reason) {
  result_.artifacts.push_back({escape_bytes(joined(path_)), 0, std::move(reason)});
  if (result_.artifacts.size() >= kArtifactCountLimit)
    stop("there are more than " + std::to_string(kArtifactCountLimit) + " artifacts");
}

void ArtifactCollection::look_at_hidden() {
  for (const std::string& hidden : request_.hidden) {
    struct stat status {};
    if (::fstatat(request_.workspace, hidden.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(status.st_mode))
      hidden_objects_.push_back(id_of(status));
  }
}

bool ArtifactCollection::is_hidden() const {
  const std::string path = joined(path_);
  return std::any_of(request_.hidden.begin(), request_.hidden.end(),
                     [&](const std::string& hidden) { return path == hidden || path.starts_with(hidden + "/"); });
}

// As an ordinary user the kernel says so when the file is opened.
bool ArtifactCollection::owner_may_read(const struct stat& status) const {
  if (::geteuid() != 0) return true;
  if (status.st_uid == workspace_.st_uid) return (status.st_mode & S_IRUSR) != 0;
  if (status.st_gid == workspace_.st_gid) return (status.st_mode & S_IRGRP) != 0;
  return (status.st_mode & S_IROTH) != 0;
}

void ArtifactCollection::count_name(int, const std::string&, const struct stat& status) {
  if (S_ISREG(status.st_mode) && status.st_nlink > 1) ++(*names_)[id_of(status)];
}

bool ArtifactCollection::has_outside_names(const struct stat& status) {
  if (status.st_nlink <= 1) return false;
  if (!names_) {
    names_.emplace();
    const std::vector<std::string> here = std::exchange(path_, {});
    walk(request_.workspace, &ArtifactCollection::count_name, true);
    path_ = here;
  }
  const auto found = names_->find(id_of(status));
  return found == names_->end() || found->second < status.st_nlink;
}

std::string ArtifactCollection::why_not(const struct stat& status) {
  if (S_ISLNK(status.st_mode)) return "a symbolic link";
  if (!S_ISREG(status.st_mode)) return "not a regular file";
  const bool by_another_name =
      std::find(hidden_objects_.begin(), hidden_objects_.end(), id_of(status)) != hidden_objects_.end();
  if (is_hidden() || by_another_name) return "the run could not see it";
  if (!owner_may_read(status)) return "the run could not read it";
  if (has_outside_names(status)) return "it has hard links that are not in the workspace";
  if (bytes_ + static_cast<std::uint64_t>(status.st_size) > kArtifactSizeLimit) {
    stop("the artifacts are larger than " + std::to_string(kArtifactSizeLimit >> 20) + " MiB together");
    return "too large";
  }
  return {};
}

void ArtifactCollection::collect(int directory, const std::string& name, const struct stat& status) {
  // O_NONBLOCK: what was a file a moment ago may be a FIFO by now, where processes of the run can be left.
  const UniqueFd file = open_beneath(directory, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  struct stat opened {};
  if (!file.valid()) return refuse(std::strerror(errno));
  if (::fstat(file.get(), &opened) != 0 || id_of(opened) != id_of(status) || !S_ISREG(opened.st_mode))
    return refuse("it was replaced while it was looked at");
  const auto size = static_cast<std::uint64_t>(opened.st_size);
  if (bytes_ + size > kArtifactSizeLimit) return refuse("it grew while it was looked at");
  if (const Status copied = copies_.add(path_, file.get(), opened); !copied) {
    refuse("it could not be copied");
    return stop(copied.error().describe());
  }
  bytes_ += size;
  result_.artifacts.push_back({escape_bytes(joined(path_)), size, {}});
  if (result_.artifacts.size() >= kArtifactCountLimit)
    stop("there are more than " + std::to_string(kArtifactCountLimit) + " artifacts");
}

void ArtifactCollection::consider(int directory, const std::string& name, const struct stat& status) {
  if (S_ISDIR(status.st_mode)) return;
  bool wanted = false;
  for (std::size_t i = 0; i < request_.globs.size(); ++i) {
    if (!request_.globs[i].matches(path_)) continue;
    matched_[i] = true;
    wanted = true;
  }
  if (!wanted) return;
  if (std::string reason = why_not(status); !reason.empty()) return refuse(std::move(reason));
  collect(directory, name, status);
}

void ArtifactCollection::descend(int directory, const std::string& name, Visit visit, bool everywhere) {
  const bool wanted = everywhere || std::any_of(request_.globs.begin(), request_.globs.end(),
                                                [&](const PathGlob& glob) { return glob.may_match_beneath(path_); });
  if (!wanted || (everywhere && is_hidden())) return;
  if (path_.size() >= kArtifactDepthLimit) {
    if (!everywhere) refuse("too deep");
    return;
  }
  const UniqueFd child = open_beneath(directory, name, O_RDONLY | O_DIRECTORY);
  struct stat opened {};
  struct stat place {};
  const bool is_place = child.valid() && ::fstat(child.get(), &opened) == 0 &&
                        ::fstat(request_.place->directory.get(), &place) == 0 && id_of(opened) == id_of(place);
  if (is_place) return;
  if (child.valid()) return walk(child.get(), visit, everywhere);
  if (!everywhere) refuse(std::strerror(errno));
}

void ArtifactCollection::walk(int directory, Visit visit, bool everywhere) {
  const auto names = names_in(directory);
  if (!names) return;
  for (const std::string& name : *names) {
    if (stopped_) return;
    if (++looked_at_ > kArtifactWalkLimit) return stop("the workspace has too many files to look for artifacts");
    struct stat status {};
    if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    path_.push_back(name);
    (this->*visit)(directory, name, status);
    if (S_ISDIR(status.st_mode)) descend(directory, name, visit, everywhere);
    path_.pop_back();
  }
}

ArtifactResult ArtifactCollection::run() {
  matched_.resize(request_.globs.size());
  if (::fstat(request_.workspace, &workspace_) != 0) stop("the workspace cannot be looked at");
  const auto there = names_in(request_.place->directory.get());
  if (!there || !there->empty())
    stop(quote_bytes(request_.place->path) + " was empty before the run, and is not any more");
  if (!stopped_) {
    look_at_hidden();
    walk(request_.workspace, &ArtifactCollection::consider, false);
  }
  for (std::size_t i = 0; i < matched_.size(); ++i)
    if (!matched_[i]) result_.unmatched.push_back(escape_bytes(request_.globs[i].text()));
  return std::move(result_);
}

}  // namespace

Result<ArtifactPlace> open_artifact_place(const std::string& typed, const std::string& workspace) {
  const std::string what = "cannot use " + quote_bytes(typed) + " for artifacts";
  if (::mkdir(typed.c_str(), 0755) != 0 && errno != EEXIST) return fail_errno(errno, what);
  // Beneath the current directory an earlier run may have left links.
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = typed.starts_with('/') ? 0U : RESOLVE_NO_SYMLINKS;
  const long opened = raw_syscall(SYS_openat2, AT_FDCWD, typed.c_str(), &how, sizeof how);
  if (opened < 0) return fail_errno(static_cast<int>(-opened), what);
  ArtifactPlace place{UniqueFd(static_cast<int>(opened)), {}};
  place.path = path_of_descriptor(place.directory.get());
  if (place.path.empty()) return fail(what + ": its real path cannot be found");
  if (path_lies_in(workspace, place.path)) return fail(what + ": the workspace lies in it", "choose another directory");
  const auto names = names_in(place.directory.get());
  if (!names || !names->empty())
    return fail(what + ": it is not empty", "what is collected must be of this run; remove it first");
  return place;
}

ArtifactResult collect_artifacts(const ArtifactRequest& request) { return ArtifactCollection(request).run(); }

}  // namespace writ
