#include "broker/audit/held_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "broker/base/escape.h"

namespace writ {
namespace {

constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;

Status check_directory(int fd, const std::string& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return fail_errno(errno, "cannot look at " + quote_bytes(path));
  // Root could replace anything anyway.
  if (status.st_uid != ::geteuid() && status.st_uid != 0 && (status.st_mode & S_ISVTX) == 0)
    return fail(quote_bytes(path) + " belongs to somebody else", "choose a directory of your own");
  if ((status.st_mode & kOthersWrite) != 0 && (status.st_mode & S_ISVTX) == 0)
    return fail("others can write " + quote_bytes(path), "chmod go-w " + quote_bytes(path));
  return {};
}

Status check_file(int fd, const std::string& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return fail_errno(errno, "cannot look at " + quote_bytes(path));
  if (!S_ISREG(status.st_mode)) return fail(quote_bytes(path) + " is no regular file", "choose another name");
  if (status.st_uid != ::geteuid()) return fail(quote_bytes(path) + " belongs to somebody else", "choose another name");
  if (status.st_nlink > 1) return fail(quote_bytes(path) + " has another name as well (a hard link)", "remove it");
  if ((status.st_mode & kOthersWrite) != 0)
    return fail("others can write " + quote_bytes(path), "chmod go-w " + quote_bytes(path));
  return {};
}

// mkdir -p, of directories for the person alone.
void make_parents(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
    (void)::mkdir(path.substr(0, slash).c_str(), 0700);  // opening says what is wrong
  (void)::mkdir(path.c_str(), 0700);
}

}  // namespace

Result<HeldDirectory> HeldDirectory::open(const std::string& path) {
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return fail_errno(errno, "cannot open the directory " + quote_bytes(path));
  WRIT_TRY(check_directory(directory.get(), path));
  return HeldDirectory(std::move(directory), path);
}

Result<HeldDirectory> HeldDirectory::make(const std::string& path) {
  auto found = open(path);
  if (found || found.error().system_errno != ENOENT) return found;
  make_parents(path);
  return open(path);
}

Result<HeldDirectory> HeldDirectory::make_below(const std::string& name) const {
  const std::string path = path_of(name);
  UniqueFd directory(::openat(descriptor(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.valid() && errno == ENOENT) {
    if (::mkdirat(descriptor(), name.c_str(), 0700) != 0 && errno != EEXIST)
      return fail_errno(errno, "cannot make the directory " + quote_bytes(path));
    directory.reset(::openat(descriptor(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  }
  // open(2): O_NOFOLLOW with O_DIRECTORY says ENOTDIR of a link.
  if (!directory.valid()) return fail_errno(errno, "cannot open the directory " + quote_bytes(path));
  WRIT_TRY(check_directory(directory.get(), path));
  return HeldDirectory(std::move(directory), path);
}

Result<UniqueFd> HeldDirectory::open_file(const std::string& name, int flags, mode_t mode) const {
  const std::string path = path_of(name);
  // O_NONBLOCK: a FIFO that somebody put there must not let us wait.
  UniqueFd file(::openat(descriptor(), name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode));
  if (!file.valid() && errno == ELOOP)
    return fail_errno(ELOOP, quote_bytes(path) + " is a symbolic link, which is not followed", "remove it");
  if (!file.valid()) return fail_errno(errno, "cannot open " + quote_bytes(path));
  WRIT_TRY(check_file(file.get(), path));
  return file;
}

Status write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno(errno, "cannot write " + quote_bytes(path));
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace writ
