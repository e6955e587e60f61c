#include "broker/grant/held_entry.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "broker/base/escape.h"

namespace writ {
namespace {

// The only way before Linux 6.6 (fchmodat2) to change or reopen what an O_PATH descriptor holds.
std::string descriptor_path(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

EntryKind kind_of_mode(mode_t mode) {
  if (S_ISREG(mode)) return EntryKind::kFile;
  if (S_ISDIR(mode)) return EntryKind::kDirectory;
  return S_ISLNK(mode) ? EntryKind::kLink : EntryKind::kOther;
}

bool same_time(const timespec& left, const timespec& right) {
  return left.tv_sec == right.tv_sec && left.tv_nsec == right.tv_nsec;
}

Result<std::string> link_text_of(int link_fd) {
  std::array<char, PATH_MAX> text{};
  // readlinkat(2) with an empty path reads the O_PATH link itself, since Linux 2.6.39.
  const ssize_t length = ::readlinkat(link_fd, "", text.data(), text.size());
  if (length < 0) return fail_errno(errno, "cannot read a symbolic link");
  return std::string(text.data(), static_cast<std::size_t>(length));
}

Result<EntryState> state_of(int object_fd) {
  struct stat status {};
  if (::fstat(object_fd, &status) != 0) return fail_errno(errno, "cannot inspect a held entry");
  EntryState state{.kind = kind_of_mode(status.st_mode),
                   .device = status.st_dev,
                   .inode = status.st_ino,
                   .links = status.st_nlink,
                   .size = status.st_size,
                   .modified = status.st_mtim,
                   .changed = status.st_ctim,
                   .link_text = {}};
  if (state.kind == EntryKind::kLink) {
    WRIT_ASSIGN(state.link_text, link_text_of(object_fd));
  }
  return state;
}

int open_component(int parent_fd, const std::string& component) {
  return ::openat(parent_fd, component.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

}  // namespace

bool same_object(const EntryState& left, const EntryState& right) {
  return left.kind == right.kind && left.device == right.device && left.inode == right.inode;
}

bool same_state(const EntryState& left, const EntryState& right) {
  if (left.kind == EntryKind::kAbsent && right.kind == EntryKind::kAbsent) return true;
  return same_object(left, right) && left.size == right.size && same_time(left.modified, right.modified) &&
         same_time(left.changed, right.changed) && left.link_text == right.link_text;
}

Result<HeldEntry> open_entry(int parent_fd, const std::string& component) {
  UniqueFd object(open_component(parent_fd, component));
  if (!object.valid() && errno == EACCES) {
    const OwnerAccess access(parent_fd);
    object.reset(open_component(parent_fd, component));
  }
  if (!object.valid()) {
    if (errno == ENOENT || errno == ENOTDIR) return HeldEntry{};
    return fail_errno(errno, "cannot look at " + quote_bytes(component));
  }
  WRIT_ASSIGN(EntryState state, state_of(object.get()));
  return HeldEntry{std::move(object), std::move(state)};
}

Result<EntryState> state_beneath(int root_fd, const std::string& relative_name) {
  WRIT_ASSIGN(const std::vector<std::string> components, split_relative_name(relative_name));
  HeldEntry entry;
  int parent_fd = root_fd;
  for (const std::string& component : components) {
    WRIT_ASSIGN(HeldEntry next, open_entry(parent_fd, component));
    entry = std::move(next);
    if (entry.state.kind == EntryKind::kAbsent) return EntryState{};
    const bool last = &component == &components.back();
    if (!last && entry.state.kind != EntryKind::kDirectory) return EntryState{};
    parent_fd = entry.object.get();
  }
  return entry.state;
}

EntryState followed_state_beneath(int root_fd, const std::string& relative_name) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const long opened = ::syscall(SYS_openat2, root_fd, relative_name.c_str(), &how, sizeof how);
  const UniqueFd object(static_cast<int>(opened));
  if (!object.valid()) return {};
  return state_of(object.get()).value_or(EntryState{});
}

Result<std::vector<std::string>> split_relative_name(const std::string& relative_name) {
  const auto bad = [&](const char* why) {
    return fail("the protected name " + quote_bytes(relative_name) + " " + why,
                "write it relative to the root of the writable tree, for example .git/hooks");
  };
  if (relative_name.empty()) return bad("is empty");
  if (relative_name.front() == '/') return bad("is absolute");
  if (relative_name.find('\0') != std::string::npos) return bad("contains a NUL byte");
  std::vector<std::string> components;
  std::string_view rest = relative_name;
  while (!rest.empty()) {
    const std::string_view component = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), component.size() + 1));
    if (component.empty()) continue;
    if (component == "." || component == "..") return bad("contains \".\" or \"..\"");
    if (component.size() > NAME_MAX) return bad("has a component that is too long");
    components.emplace_back(component);
  }
  return components;
}

Result<UniqueFd> reopen_directory(int directory_fd) {
  const std::string path = descriptor_path(directory_fd);
  UniqueFd reopened(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!reopened.valid()) return fail_errno(errno, "cannot list a held directory");
  return reopened;
}

OwnerAccess::OwnerAccess(int directory_fd) : directory_fd_(directory_fd) {
  const int saved_errno = errno;
  struct stat status {};
  const bool ours = ::fstat(directory_fd, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == ::geteuid();
  if (ours && (status.st_mode & S_IRWXU) != S_IRWXU) {
    mode_before_ = status.st_mode & 07777U;
    changed_ = ::chmod(descriptor_path(directory_fd).c_str(), mode_before_ | S_IRWXU) == 0;
  }
  errno = saved_errno;
}

OwnerAccess::~OwnerAccess() {
  if (!changed_) return;
  const int saved_errno = errno;
  // A failure leaves the directory more open to its owner than it was, never to anybody else.
  [[maybe_unused]] const int restored = ::chmod(descriptor_path(directory_fd_).c_str(), mode_before_);
  errno = saved_errno;
}

}  // namespace writ
