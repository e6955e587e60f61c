#include "broker/grant/quarantine.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "broker/base/escape.h"
#include "broker/grant/held_entry.h"
#include "broker/grant/quarantine_copy.h"

namespace writ {
namespace {

constexpr mode_t kPrivateDirectory = 0700;
constexpr int kHeldDirectory = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr std::size_t kLabelLimit = 120;
constexpr int kRunDirectoryAttempts = 16;
constexpr int kDeepestTree = 512;

constexpr unsigned kNoReplace = 1;  // RENAME_NOREPLACE of <linux/fs.h>, which clashes with <sys/mount.h>

int rename_new(int from_fd, const std::string& from, int to_fd, const std::string& to) {
  // Raw: the wrapper is missing in musl. renameat2: Linux 3.15.
  const long moved = ::syscall(SYS_renameat2, from_fd, from.c_str(), to_fd, to.c_str(), kNoReplace);
  if (moved == 0) return 0;
  if (errno != EINVAL) return errno;
  // This file system knows no RENAME_NOREPLACE (some network and FUSE ones); the new name was chosen so that nothing
  // has it.
  return ::renameat(from_fd, from.c_str(), to_fd, to.c_str()) == 0 ? 0 : errno;
}

// A tool runs as the broker's user and can take away the rights that moving needs: write on the parent and, as ".." of
// a moved directory changes, on the directory itself.
int rename_with_owner_access(int from_fd, const std::string& from, int to_fd, const std::string& to) {
  const int first = rename_new(from_fd, from, to_fd, to);
  if (first != EACCES) return first;
  const OwnerAccess parent_access(from_fd);
  auto entry = open_entry(from_fd, from);
  if (!entry) return first;
  if (!entry->object.valid()) return ENOENT;
  const OwnerAccess entry_access(entry->object.get());
  return rename_new(from_fd, from, to_fd, to);
}

bool keeps_its_byte(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '.' ||
         byte == '_' || byte == '-';
}

// A file name that can be shown, typed and never means a directory: %XX for all but plain characters.
std::string file_name_of(const std::string& label) {
  std::string name;
  for (const char byte : label) {
    if (name.size() >= kLabelLimit) break;
    if (keeps_its_byte(byte)) {
      name += byte;
      continue;
    }
    std::array<char, 4> escaped{};
    std::snprintf(escaped.data(), escaped.size(), "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(byte)));
    name += escaped.data();
  }
  return name;
}

Result<std::vector<std::string>> absolute_components(const std::string& path) {
  if (path.empty() || path.front() != '/') return fail("the quarantine " + quote_bytes(path) + " is no absolute path");
  const std::size_t start = path.find_first_not_of('/');
  if (start == std::string::npos) return fail("the quarantine cannot be the root directory");
  return split_relative_name(path.substr(start));
}

// A link may be followed where only the system's administrator can have made it. Ownership cannot be asked: in the
// broker's user namespace root's files show the overflow uid.
bool links_are_system_layout(int directory_fd) {
  struct stat status {};
  if (::fstat(directory_fd, &status) != 0 || (status.st_mode & S_IWOTH) != 0) return false;
  return ::faccessat(directory_fd, ".", W_OK, AT_EACCESS) != 0;
}

Result<UniqueFd> open_state_directory(int parent_fd, const std::string& component) {
  UniqueFd directory(::openat(parent_fd, component.c_str(), kHeldDirectory));
  if (directory.valid() || errno == ENOENT) return directory;
  const int reason = errno;
  // O_PATH | O_DIRECTORY | O_NOFOLLOW on a link is ENOTDIR, not ELOOP.
  if ((reason == ENOTDIR || reason == ELOOP) && links_are_system_layout(parent_fd)) {
    directory.reset(::openat(parent_fd, component.c_str(), kHeldDirectory & ~O_NOFOLLOW));
    if (directory.valid()) return directory;
  }
  return fail_errno(reason, "cannot use " + quote_bytes(component) + " on the way to the quarantine",
                    "it must be a real directory, not a symbolic link; set XDG_STATE_HOME to a path without links");
}

Status check_private(int directory_fd, const std::string& path) {
  struct stat status {};
  if (::fstat(directory_fd, &status) != 0) return fail_errno(errno, "cannot inspect the quarantine");
  if (status.st_uid == ::geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0) return {};
  return fail("the quarantine " + quote_bytes(path) + " belongs to somebody else or can be written by others",
              "remove it, or choose another XDG_STATE_HOME");
}

Result<UniqueFd> make_state_directory(int parent_fd, const std::string& component) {
  if (::mkdirat(parent_fd, component.c_str(), kPrivateDirectory) != 0 && errno != EEXIST) {
    return fail_errno(errno, "cannot make the quarantine directory " + quote_bytes(component));
  }
  WRIT_ASSIGN(UniqueFd made, open_state_directory(parent_fd, component));
  if (!made.valid()) return fail("the quarantine directory " + quote_bytes(component) + " vanished");
  WRIT_TRY(check_private(made.get(), component));
  return made;
}

bool later_than(const statx_timestamp& time, const timespec& start) {
  if (time.tv_sec != start.tv_sec) return time.tv_sec > start.tv_sec;
  return static_cast<long>(time.tv_nsec) > start.tv_nsec;
}

}  // namespace

Result<Quarantine> Quarantine::open(const std::string& root, const std::string& run_id) {
  WRIT_ASSIGN(const std::vector<std::string> components, absolute_components(root));
  WRIT_ASSIGN(const std::vector<std::string> run_components, split_relative_name(run_id));
  if (run_components.size() != 1) return fail("the run id " + quote_bytes(run_id) + " must be one path component");
  Quarantine quarantine;
  quarantine.root_ = root;
  quarantine.run_id_ = run_components.front();
  WRIT_TRY(quarantine.hold_existing_part(components));
  return quarantine;
}

Status Quarantine::hold_existing_part(const std::vector<std::string>& components) {
  anchor_.reset(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!anchor_.valid()) return fail_errno(errno, "cannot open the root directory");
  for (const std::string& component : components) {
    if (missing_.empty()) {
      WRIT_ASSIGN(UniqueFd next, open_state_directory(anchor_.get(), component));
      if (next.valid()) {
        anchor_ = std::move(next);
        continue;
      }
    }
    missing_.push_back(component);
  }
  return missing_.empty() ? check_private(anchor_.get(), root_) : Status{};
}

Result<bool> Quarantine::lies_beneath(int tree_root_fd) const {
  struct stat tree {};
  struct stat here {};
  if (::fstat(tree_root_fd, &tree) != 0) return fail_errno(errno, "cannot inspect the root of a writable tree");
  UniqueFd at(::fcntl(anchor_.get(), F_DUPFD_CLOEXEC, 0));
  for (int level = 0; level < kDeepestTree; ++level) {
    if (!at.valid() || ::fstat(at.get(), &here) != 0) return fail_errno(errno, "cannot climb from the quarantine");
    if (here.st_dev == tree.st_dev && here.st_ino == tree.st_ino) return true;
    UniqueFd parent(::openat(at.get(), "..", kHeldDirectory));
    struct stat above {};
    if (!parent.valid() || ::fstat(parent.get(), &above) != 0)
      return fail_errno(errno, "cannot climb from the quarantine");
    if (above.st_dev == here.st_dev && above.st_ino == here.st_ino) return false;  // "/" is its own parent
    at = std::move(parent);
  }
  return fail("the quarantine lies too deep");
}

Status Quarantine::make_run_directory() {
  if (run_directory_.valid()) return {};
  while (!missing_.empty()) {
    WRIT_ASSIGN(anchor_, make_state_directory(anchor_.get(), missing_.front()));
    missing_.erase(missing_.begin());
  }
  const std::string wanted = run_id_;
  for (int attempt = 1; attempt <= kRunDirectoryAttempts; ++attempt) {
    // A directory that is there already may have been prepared by somebody: never used, the next number is tried.
    if (::mkdirat(anchor_.get(), run_id_.c_str(), kPrivateDirectory) == 0) {
      WRIT_ASSIGN(run_directory_, make_state_directory(anchor_.get(), run_id_));
      return {};
    }
    if (errno != EEXIST) return fail_errno(errno, "cannot make the quarantine of run " + quote_bytes(run_id_));
    run_id_ = wanted + "." + std::to_string(attempt);
  }
  return fail_errno(EEXIST, "cannot make the quarantine of run " + quote_bytes(wanted));
}

std::string Quarantine::next_name(const std::string& label) {
  return std::to_string(++moved_) + "-" + file_name_of(label);
}

std::string Quarantine::path_of(const std::string& name) const { return root_ + "/" + run_id_ + "/" + name; }

MoveOutcome Quarantine::move_in(int parent_fd, const std::string& component, const std::string& label) {
  if (!make_run_directory()) return {.system_errno = EXDEV, .name = {}};
  std::string name = next_name(label);
  const int reason = rename_with_owner_access(parent_fd, component, run_directory_.get(), name);
  return {.system_errno = reason, .name = std::move(name)};
}

bool Quarantine::copy_in(int parent_fd, const std::string& component, const std::string& label, CopyBudget budget,
                         std::string& name) {
  if (!make_run_directory()) return false;
  name = next_name(label);
  const EntryPlace source{parent_fd, component};
  const EntryPlace copy{run_directory_.get(), name};
  if (!copy_entry(source, copy, budget)) {
    // Only what copy_entry made is removed; it lies in a directory that nobody else has.
    [[maybe_unused]] const bool removed = remove_entry(copy);
    return false;
  }
  // What cannot be removed stays under its harmless set-aside name; the copy is complete.
  [[maybe_unused]] const bool removed = remove_entry(source);
  return true;
}

bool Quarantine::discard_if_made_after(const std::string& name, const timespec& start) {
  const auto entry = open_entry(run_directory_.get(), name);
  if (!entry || !entry->object.valid() || !made_after(entry->object.get(), start)) return false;
  const int flags = entry->state.kind == EntryKind::kDirectory ? AT_REMOVEDIR : 0;
  return ::unlinkat(run_directory_.get(), name.c_str(), flags) == 0;
}

MoveOutcome set_aside(int parent_fd, const std::string& component) {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number))
    return {.system_errno = EIO, .name = {}};
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(number));
  std::string name = std::string(kSetAsidePrefix) + digits.data();
  const int reason = rename_with_owner_access(parent_fd, component, parent_fd, name);
  return {.system_errno = reason, .name = std::move(name)};
}

bool made_after(int object_fd, const timespec& start) {
  struct statx status {};
  // STATX_BTIME: Linux 4.11, where the file system records it (statx(2)); absent means not proven.
  const int answered = ::statx(object_fd, "", AT_EMPTY_PATH, STATX_BTIME | STATX_NLINK | STATX_TYPE, &status);
  if (answered != 0 || (status.stx_mask & STATX_BTIME) == 0) return false;
  const bool one_name = S_ISDIR(status.stx_mode) || status.stx_nlink == 1;
  return one_name && later_than(status.stx_btime, start);
}

}  // namespace writ
