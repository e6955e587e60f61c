#include "broker/grant/stream_grant.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <string>

#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/mount_tree.h"

namespace writ {
namespace {

std::string stream_name(int fd) {
  constexpr const char* kNames[] = {"standard input", "standard output", "standard error"};
  return fd >= 0 && fd <= 2 ? kNames[fd] : "descriptor " + std::to_string(fd);
}

bool is_connected_local_stream(int fd) {
  int domain = 0;
  int type = 0;
  socklen_t size = sizeof domain;
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_UNIX) return false;
  size = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || (type != SOCK_STREAM && type != SOCK_SEQPACKET))
    return false;
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  return ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) == 0;
}

std::string name_of_descriptor(int fd) {
  std::array<char, PATH_MAX> path{};
  const ssize_t length = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path.data(), path.size() - 1);
  return std::string(path.data(), length <= 0 ? 0 : static_cast<std::size_t>(length));
}

// A regular file whose last name is gone: a here-document, tempfile.TemporaryFile, a memory file.
Result<StreamKind> classify_unnamed_file(int fd, int flags) {
  if (fd != STDIN_FILENO) return StreamKind::kPlain;
  // Landlock knows no memory files (they lie on a mount that nobody can see), so only seals hold (memfd_create(2)).
  if (name_of_descriptor(fd).starts_with("/memfd:")) {
    const int seals = ::fcntl(fd, F_GET_SEALS);
    const bool fixed_size = seals >= 0 && (seals & F_SEAL_SHRINK) != 0 && (seals & F_SEAL_GROW) != 0;
    if (fixed_size && (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0) return StreamKind::kPlain;
    return fail(stream_name(fd) + " is a memory file that the tool could change under others who use it",
                "seal it (F_SEAL_WRITE, F_SEAL_SHRINK, F_SEAL_GROW), or put a pipe in between");
  }
  return (flags & O_ACCMODE) == O_RDONLY ? StreamKind::kPlain : StreamKind::kUnnamedInput;
}

}  // namespace

bool is_file_without_name(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 0 &&
         !name_of_descriptor(fd).starts_with("/memfd:");
}

Result<StreamKind> classify_stream(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  struct stat status {};
  if (flags < 0 || ::fstat(fd, &status) != 0) return fail_errno(errno, "cannot inspect " + stream_name(fd));
  if (S_ISDIR(status.st_mode) || (flags & O_PATH) != 0)
    return fail(stream_name(fd) + " is a directory or a path: the tool could walk the host from there",
                "redirect it to a file, a pipe or /dev/null");
  if (S_ISSOCK(status.st_mode) && !is_connected_local_stream(fd))
    return fail(stream_name(fd) + " is a socket that could be connected or sent elsewhere",
                "put a pipe in between, as in: … | writ run -- … | …");
  if (!S_ISREG(status.st_mode)) return StreamKind::kPlain;
  if (status.st_nlink == 0) return classify_unnamed_file(fd, flags);
  if (fd == STDIN_FILENO) return StreamKind::kInputFile;
  return (flags & O_APPEND) != 0 ? StreamKind::kAppendedLog : StreamKind::kPlain;
}

namespace {

bool same_object(int one, int other) {
  struct stat first {};
  struct stat second {};
  return ::fstat(one, &first) == 0 && ::fstat(other, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

// An ordinary user's broker has a mount namespace of its own, and a file that was opened outside cannot be cloned in it
// (EINVAL): there it is found by its name, and recognised by what it is.
Result<UniqueFd> clone_file_mount(int fd) {
  auto direct = clone_mount_tree(fd, "");
  if (direct || direct.error().system_errno != EINVAL) return direct;
  const std::string path = name_of_descriptor(fd);
  if (path.empty()) return fail_errno(errno, "cannot find the name of " + stream_name(fd));
  const UniqueFd found(::open(path.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW));
  if (!found.valid() || !same_object(found.get(), fd))
    return fail_errno(ESTALE, "cannot find the file of " + stream_name(fd) + " by its name",
                      "use a pipe: cat FILE | writ run …");
  return clone_mount_tree(found.get(), "");
}

// Opens what `object` refers to, for reading, at the offset of the stream `fd`.
Result<UniqueFd> open_again(int object, int fd) {
  UniqueFd reopened(::open(("/proc/self/fd/" + std::to_string(object)).c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!reopened.valid()) return fail_errno(errno, "cannot reopen " + stream_name(fd) + " read-only");
  const off_t offset = ::lseek(fd, 0, SEEK_CUR);
  if (offset > 0) ::lseek(reopened.get(), offset, SEEK_SET);
  return reopened;
}

}  // namespace

Result<UniqueFd> reopen_read_only(int fd) {
  WRIT_ASSIGN(const UniqueFd tree, clone_file_mount(fd));
  WRIT_TRY(restrict_mount_tree(tree.get(),
                               abi::kMountReadOnly | abi::kMountNoSuid | abi::kMountNoDevices | abi::kMountNoExecute));
  return open_again(tree.get(), fd);
}

Result<UniqueFd> reopen_unnamed_read_only(int fd) { return open_again(fd, fd); }

}  // namespace writ
