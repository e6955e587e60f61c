// Held entries: looking at one name in one held directory, without ever following a link or trusting a path string.
//
// Threads: every function is as safe as the system calls it makes, except OwnerAccess, which changes the mode of a
// directory for a moment. Fork: descriptors are close-on-exec.
#ifndef WRIT_BROKER_GRANT_HELD_ENTRY_H_
#define WRIT_BROKER_GRANT_HELD_ENTRY_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <ctime>
#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

enum class EntryKind { kAbsent, kFile, kDirectory, kLink, kOther };

// What stat(2) says of an entry, as far as Writ compares it.
struct EntryState {
  EntryKind kind = EntryKind::kAbsent;
  dev_t device = 0;
  ino_t inode = 0;
  nlink_t links = 0;
  off_t size = 0;          // bytes
  timespec modified = {};  // st_mtim
  timespec changed = {};   // st_ctim
  std::string link_text;   // of a link, as readlink(2) gives it
};

// True when both are the very same object (device and inode), whatever its content.
[[nodiscard]] bool same_object(const EntryState& left, const EntryState& right);
// True when nothing that EntryState records differs.
[[nodiscard]] bool same_state(const EntryState& left, const EntryState& right);

struct HeldEntry {
  UniqueFd object;  // O_PATH on the entry itself, a link included; invalid when the entry is absent
  EntryState state;
};

// Opens `component` (one name, no slash, not "." or "..") in the directory `parent_fd` with O_PATH | O_NOFOLLOW:
// nothing is followed, no device or FIFO is really opened. Absent entries are a success with EntryKind::kAbsent. One
// component at a time, so openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS) would add nothing, and Linux before 5.6 needs
// no other code. A directory of our own user that a tool made unsearchable is made searchable for the moment of the
// look. Errors: those of open(2) except ENOENT, ENOTDIR.
[[nodiscard]] Result<HeldEntry> open_entry(int parent_fd, const std::string& component);

// Looks at `relative_name` beneath `root_fd`, component by component, following nothing. A name that cannot be reached
// because something on the way is absent or no directory is absent.
[[nodiscard]] Result<EntryState> state_beneath(int root_fd, const std::string& relative_name);

// The same, but following symbolic links as long as they stay beneath the root (openat2(2), RESOLVE_BENEATH |
// RESOLVE_NO_MAGICLINKS). kAbsent when that is not so, and before Linux 5.6.
[[nodiscard]] EntryState followed_state_beneath(int root_fd, const std::string& relative_name);

// Splits a relative name into its components ("a//b/" is a, b). Errors: empty, absolute, NUL byte, "." or ".." in it, a
// component longer than NAME_MAX.
[[nodiscard]] Result<std::vector<std::string>> split_relative_name(const std::string& relative_name);

// Opens the held O_PATH directory `directory_fd` for readdir(3). The caller owns the result.
[[nodiscard]] Result<UniqueFd> reopen_directory(int directory_fd);

// Gives the owner (us) read, write and search on a held directory for the life of the object, then puts the mode back:
// a tool may have taken these rights away to hide a name from the broker, which runs as the same user.
// Nothing happens when we are not the owner or the rights are there already.
class OwnerAccess {
 public:
  explicit OwnerAccess(int directory_fd);
  OwnerAccess(const OwnerAccess&) = delete;
  OwnerAccess& operator=(const OwnerAccess&) = delete;
  ~OwnerAccess();

 private:
  int directory_fd_;
  mode_t mode_before_ = 0;
  bool changed_ = false;
};

}  // namespace writ

#endif  // WRIT_BROKER_GRANT_HELD_ENTRY_H_
