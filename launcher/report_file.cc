#include "launcher/report_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <optional>

#include "broker/base/escape.h"
#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

Status write_whole(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno(errno, "cannot write the report " + quote_bytes(path));
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

// The descriptor of ours that `path` names: a stream, or what a shell's `>(command)` stands for. It is used as it is:
// opening the name anew would need permissions on what is behind it, and would find whatever the name means then.
std::optional<int> own_descriptor(std::string_view path) {
  if (path == "-" || path == "/dev/stderr") return STDERR_FILENO;
  if (path == "/dev/stdout") return STDOUT_FILENO;
  for (const std::string_view directory : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(directory)) continue;
    const std::string_view digits = path.substr(directory.size());
    int number = -1;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (problem == std::errc() && end == digits.data() + digits.size() && number >= 0) return number;
  }
  return std::nullopt;
}

// Only what was inherited counts. It cannot be marked to close on exec, and everything that Writ opened for itself is:
// the socket to init must not be mistaken for a place for reports.
Result<UniqueFd> take_own_descriptor(int number, const std::string& path) {
  const int flags = ::fcntl(number, F_GETFD);
  const std::string what = "cannot write the report " + quote_bytes(path) + ": descriptor " + std::to_string(number);
  if (flags < 0 || (flags & FD_CLOEXEC) != 0)
    return fail(what + " is not open", "in a shell: 3> FILE, or --report >(command)");
  const int mode = ::fcntl(number, F_GETFL);
  if (mode < 0 || (mode & O_ACCMODE) == O_RDONLY || (mode & O_PATH) != 0)
    return fail(what + " is not open for writing");
  UniqueFd copy(::fcntl(number, F_DUPFD_CLOEXEC, 3));
  if (!copy.valid()) return fail_errno(errno, "cannot write the report " + quote_bytes(path));
  return copy;
}

// Beneath the current directory, which is the workspace as a rule, an earlier run may have left links: none is followed
// there. Elsewhere links are the person's own.
UniqueFd open_directory(const std::string& directory) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  if (!directory.starts_with('/')) how.resolve = RESOLVE_NO_SYMLINKS;
  const long opened = raw_syscall(SYS_openat2, AT_FDCWD, directory.c_str(), &how, sizeof how);
  if (opened == -ENOSYS) return UniqueFd(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (opened < 0) errno = static_cast<int>(-opened);
  return UniqueFd(static_cast<int>(opened));
}

tl::unexpected<Error> report_error(const std::string& path) {
  return fail_errno(errno, "cannot write the report " + quote_bytes(path));
}

}  // namespace

Result<ReportFile> ReportFile::open(const std::string& path) {
  ReportFile report;
  report.path_ = path;
  if (const std::optional<int> own = own_descriptor(path)) {
    WRIT_ASSIGN(report.stream_, take_own_descriptor(*own, path));
    return report;
  }
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  report.name_ = slash == std::string::npos ? path : path.substr(slash + 1);
  report.directory_ = open_directory(directory);
  if (!report.directory_.valid()) return report_error(path);
  struct statfs file_system {};
  if (::fstatfs(report.directory_.get(), &file_system) == 0 && file_system.f_type == PROC_SUPER_MAGIC)
    return fail("cannot write the report " + quote_bytes(path) + ": no file can be made there",
                "an inherited descriptor is /dev/fd/N");
  struct stat status {};
  const bool exists = ::fstatat(report.directory_.get(), report.name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (report.name_.empty() || (exists && S_ISDIR(status.st_mode))) {
    errno = EISDIR;
    return report_error(path);
  }
  // A link is replaced and not followed: an earlier run may have left it.
  if (!exists || S_ISREG(status.st_mode) || S_ISLNK(status.st_mode)) return report;
  report.stream_.reset(::openat(report.directory_.get(), report.name_.c_str(),
                                O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY));
  // O_NONBLOCK: a FIFO that nobody reads is an error now (ENXIO, fifo(7)), not a launch that hangs. Writing may wait.
  if (!report.stream_.valid() || ::fcntl(report.stream_.get(), F_SETFL, O_WRONLY) != 0) return report_error(path);
  return report;
}

// A file without a name until it is complete: a Writ that is killed meanwhile leaves nothing. Not every file system
// can.
Status ReportFile::write_unnamed(int file, std::string_view text, const std::string& temporary) const {
  WRIT_TRY(write_whole(file, text, path_));
  const std::string unnamed = "/proc/self/fd/" + std::to_string(file);
  if (::linkat(AT_FDCWD, unnamed.c_str(), directory_.get(), name_.c_str(), AT_SYMLINK_FOLLOW) == 0) return {};
  if (errno != EEXIST) return report_error(path_);
  // An old report is replaced as a whole, which only rename(2) can do.
  if (::linkat(AT_FDCWD, unnamed.c_str(), directory_.get(), temporary.c_str(), AT_SYMLINK_FOLLOW) != 0)
    return report_error(path_);
  return put_in_place(temporary);
}

Status ReportFile::put_in_place(const std::string& temporary) const {
  if (::renameat(directory_.get(), temporary.c_str(), directory_.get(), name_.c_str()) == 0) return {};
  const int reason = errno;
  ::unlinkat(directory_.get(), temporary.c_str(), 0);
  errno = reason;
  return report_error(path_);
}

Status ReportFile::write(std::string_view text) const {
  if (stream_.valid()) return write_whole(stream_.get(), text, path_);
  const std::string temporary = "." + name_ + ".writ-" + std::to_string(::getpid());
  const UniqueFd unnamed(::openat(directory_.get(), ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0644));
  if (unnamed.valid()) return write_unnamed(unnamed.get(), text, temporary);
  // O_EXCL and O_NOFOLLOW: the tool may know this name and may have put a link there.
  const UniqueFd file(
      ::openat(directory_.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file.valid()) return report_error(path_);
  if (Status written = write_whole(file.get(), text, path_); !written) {
    ::unlinkat(directory_.get(), temporary.c_str(), 0);
    return written;
  }
  return put_in_place(temporary);
}

}  // namespace writ
