#include "broker/policy/required_rights.h"

#include <linux/fcntl.h>
#include <linux/openat2.h>

#include <algorithm>
#include <array>
#include <string>

namespace writ {
namespace {

constexpr Rights kNone{};
constexpr Rights kReadOf{Right::kRead};
constexpr Rights kWriteOf{Right::kWrite};
constexpr Rights kListOf{Right::kList};
constexpr Rights kExecuteOf{Right::kExecute};

// ---- open
// ------------------------------------------------------------------------------------------------------------

// A bit (or a group of bits that must stand together) of open(2) and what it adds.
struct OpenFlag {
  std::uint64_t bits;
  Rights rights;
};

constexpr std::uint64_t kTmpFileBit = __O_TMPFILE;

constexpr auto kOpenFlags = std::to_array<OpenFlag>({
    {O_TRUNC, kWriteOf},      // empties the file whatever the access mode
    {O_CREAT, kWriteOf},      // a new name
    {O_APPEND, kWriteOf},     // only ever asked for in order to write
    {kTmpFileBit, kWriteOf},  // a file without a name, in a directory
    {O_EXCL, kNone},
    {O_DIRECTORY, kListOf},
    {O_NOFOLLOW, kNone},
    {O_CLOEXEC, kNone},
    {O_NONBLOCK, kNone},
    {O_NOCTTY, kNone},
    {O_SYNC, kNone},
    {O_DSYNC, kNone},
    {O_DIRECT, kNone},
    {O_LARGEFILE, kNone},
    {FASYNC, kNone},
    {O_NOATIME, kNone},
    {O_PATH, kNone},
});

constexpr std::uint64_t known_open_bits() {
  std::uint64_t known = O_ACCMODE;
  for (const OpenFlag& flag : kOpenFlags) known |= flag.bits;
  return known;
}

// With O_PATH the kernel ignores every other flag but these: the descriptor names an object and reads nothing.
constexpr std::uint64_t kPathFlags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

constexpr std::uint64_t kKnownResolveBits =
    RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_CACHED;

std::string hexadecimal(std::uint64_t bits) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (; bits != 0; bits >>= 4) text.insert(text.begin(), kDigits[bits & 0xF]);
  return "0x" + (text.empty() ? "0" : text);
}

// In the order of O_ACCMODE. The fourth value is for ioctls on devices only (open(2), "O_RDWR | O_WRONLY").
Result<Rights> rights_of_mode(std::uint64_t flags) {
  switch (flags & O_ACCMODE) {
    case O_RDONLY:
      return kReadOf;
    case O_WRONLY:
      return kWriteOf;
    case O_RDWR:
      return join(kReadOf, kWriteOf);
    default:
      return fail("open flags " + hexadecimal(flags) + ": this access mode is not allowed");
  }
}

// ---- the other calls
// -------------------------------------------------------------------------------------------------

constexpr std::int8_t kHere = -1;  // no directory argument
constexpr PathTarget kThing = PathTarget::kObject;
constexpr PathTarget kName = PathTarget::kParent;
constexpr LastLink kFollow = LastLink::kFollowed;
constexpr LastLink kStay = LastLink::kNotFollowed;
constexpr LastLink kFlag = LastLink::kByFlag;

// A new hard link is another name of the same file, so the source needs what the link could be used for: its names
// decide separately, and write at the source keeps a protected file from being renamed into reach (attack 17).
constexpr Rights kLinkSource{Right::kRead, Right::kWrite};

constexpr auto kPathArguments = std::to_array<PathArgument>({
    // Looking.
    {"stat", kHere, 0, kNone, kThing, kFollow},
    {"lstat", kHere, 0, kNone, kThing, kStay},
    {"newfstatat", 0, 1, kNone, kThing, kFlag},
    {"statx", 0, 1, kNone, kThing, kFlag},
    {"statfs", kHere, 0, kNone, kThing, kFollow},
    {"readlink", kHere, 0, kNone, kThing, kStay},
    {"readlinkat", 0, 1, kNone, kThing, kStay},
    {"name_to_handle_at", 0, 1, kNone, kThing, kFlag},
    {"getxattr", kHere, 0, kReadOf, kThing, kFollow},
    {"lgetxattr", kHere, 0, kReadOf, kThing, kStay},
    {"listxattr", kHere, 0, kReadOf, kThing, kFollow},
    {"llistxattr", kHere, 0, kReadOf, kThing, kStay},
    {"inotify_add_watch", kHere, 1, kReadOf, kThing, kFlag},
    // Going.
    {"chdir", kHere, 0, kListOf, kThing, kFollow},
    {"chroot", kHere, 0, kListOf, kThing, kFollow},
    // Running.
    {"execve", kHere, 0, kExecuteOf, kThing, kFollow},
    {"execveat", 0, 1, kExecuteOf, kThing, kFlag},
    {"uselib", kHere, 0, kExecuteOf, kThing, kFollow},
    // New names.
    {"mkdir", kHere, 0, kWriteOf, kName, kStay},
    {"mkdirat", 0, 1, kWriteOf, kName, kStay},
    {"mknod", kHere, 0, kWriteOf, kName, kStay},
    {"mknodat", 0, 1, kWriteOf, kName, kStay},
    {"symlink", kHere, 1, kWriteOf, kName, kStay},
    {"symlinkat", 1, 2, kWriteOf, kName, kStay},
    {"link", kHere, 0, kLinkSource, kThing, kStay},
    {"link", kHere, 1, kWriteOf, kName, kStay},
    {"linkat", 0, 1, kLinkSource, kThing, kFlag},
    {"linkat", 2, 3, kWriteOf, kName, kStay},
    // Names that go. A rename needs write at both: the old name vanishes, and what it named changes its place.
    {"rename", kHere, 0, kWriteOf, kName, kStay},
    {"rename", kHere, 1, kWriteOf, kName, kStay},
    {"renameat", 0, 1, kWriteOf, kName, kStay},
    {"renameat", 2, 3, kWriteOf, kName, kStay},
    {"renameat2", 0, 1, kWriteOf, kName, kStay},
    {"renameat2", 2, 3, kWriteOf, kName, kStay},
    {"unlink", kHere, 0, kWriteOf, kName, kStay},
    {"unlinkat", 0, 1, kWriteOf, kName, kStay},
    {"rmdir", kHere, 0, kWriteOf, kName, kStay},
    // Metadata and contents.
    {"truncate", kHere, 0, kWriteOf, kThing, kFollow},
    {"chmod", kHere, 0, kWriteOf, kThing, kFollow},
    {"fchmodat", 0, 1, kWriteOf, kThing, kFollow},
    {"fchmodat2", 0, 1, kWriteOf, kThing, kFlag},
    {"chown", kHere, 0, kWriteOf, kThing, kFollow},
    {"lchown", kHere, 0, kWriteOf, kThing, kStay},
    {"fchownat", 0, 1, kWriteOf, kThing, kFlag},
    {"utime", kHere, 0, kWriteOf, kThing, kFollow},
    {"utimes", kHere, 0, kWriteOf, kThing, kFollow},
    {"futimesat", 0, 1, kWriteOf, kThing, kFollow},
    {"utimensat", 0, 1, kWriteOf, kThing, kFlag},
    {"setxattr", kHere, 0, kWriteOf, kThing, kFollow},
    {"lsetxattr", kHere, 0, kWriteOf, kThing, kStay},
    {"removexattr", kHere, 0, kWriteOf, kThing, kFollow},
    {"lremovexattr", kHere, 0, kWriteOf, kThing, kStay},
    {"swapon", kHere, 0, kWriteOf, kThing, kFollow},
    {"acct", kHere, 0, kWriteOf, kThing, kFollow},
});

// access(2): R_OK 4, W_OK 2, X_OK 1 (unistd.h, which the pure core does not include).
constexpr std::uint64_t kReadMode = 4;
constexpr std::uint64_t kWriteMode = 2;
constexpr std::uint64_t kExecuteMode = 1;

}  // namespace

std::span<const PathArgument> path_arguments() { return kPathArguments; }

std::span<const PathArgument> path_arguments_of(std::string_view call) {
  const auto is_call = [&](const PathArgument& argument) { return argument.call == call; };
  const auto first = std::find_if(kPathArguments.begin(), kPathArguments.end(), is_call);
  const auto last = std::find_if_not(first, kPathArguments.end(), is_call);
  return {first, last};
}

Result<Rights> rights_to_open(std::uint64_t flags) {
  if (const std::uint64_t unknown = flags & ~known_open_bits(); unknown != 0)
    return fail("open flags " + hexadecimal(flags) + ": the bits " + hexadecimal(unknown) + " are not known");
  if ((flags & O_PATH) != 0) {
    if ((flags & ~kPathFlags & ~std::uint64_t{O_LARGEFILE}) != 0)
      return fail("open flags " + hexadecimal(flags) +
                  ": O_PATH stands with O_DIRECTORY, O_NOFOLLOW and O_CLOEXEC only");
    return kNone;
  }
  WRIT_ASSIGN(Rights rights, rights_of_mode(flags));
  if ((flags & kTmpFileBit) != 0 && !rights.has(Right::kWrite))
    return fail("open flags " + hexadecimal(flags) + ": O_TMPFILE needs write access");
  for (const OpenFlag& flag : kOpenFlags)
    if ((flags & flag.bits) != 0) rights = join(rights, flag.rights);
  // A directory is opened for its names: its contents are what list means.
  const bool only_lists = (flags & O_DIRECTORY) != 0 && (flags & kTmpFileBit) == 0;
  return only_lists ? without(rights, kReadOf) : rights;
}

Result<Rights> rights_to_open2(std::uint64_t flags, std::uint64_t resolve) {
  if (const std::uint64_t unknown = resolve & ~kKnownResolveBits; unknown != 0)
    return fail("openat2: the resolve bits " + hexadecimal(unknown) + " are not known");
  return rights_to_open(flags);
}

Result<Rights> rights_to_access(std::uint64_t mode) {
  if ((mode & ~(kReadMode | kWriteMode | kExecuteMode)) != 0)
    return fail("access mode " + hexadecimal(mode) + " is not known");
  Rights rights;
  if ((mode & kReadMode) != 0) rights = join(rights, kReadOf);
  if ((mode & kWriteMode) != 0) rights = join(rights, kWriteOf);
  if ((mode & kExecuteMode) != 0) rights = join(rights, kExecuteOf);
  return rights;
}

}  // namespace writ
