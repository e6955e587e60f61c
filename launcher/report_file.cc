#include "launcher/report_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

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

// Streams of our own are used as they are: opening them anew would need permissions on what is behind them.
int own_stream(const std::string& path) {
  if (path == "-" || path == "/dev/stderr") return STDERR_FILENO;
  return path == "/dev/stdout" ? STDOUT_FILENO : -1;
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
  const int own = own_stream(path);
  if (own >= 0) {
    report.stream_.reset(::fcntl(own, F_DUPFD_CLOEXEC, 3));
    if (!report.stream_.valid()) return report_error(path);
    return report;
  }
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  report.name_ = slash == std::string::npos ? path : path.substr(slash + 1);
  report.directory_ = open_directory(directory);
  if (!report.directory_.valid()) return report_error(path);
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

Status ReportFile::write(std::string_view text) const {
  if (stream_.valid()) return write_whole(stream_.get(), text, path_);
  const std::string temporary = "." + name_ + ".writ-" + std::to_string(::getpid());
  // O_EXCL and O_NOFOLLOW: the tool may know this name and may have put a link there.
  const UniqueFd file(
      ::openat(directory_.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file.valid()) return report_error(path_);
  Status written = write_whole(file.get(), text, path_);
  if (written && ::renameat(directory_.get(), temporary.c_str(), directory_.get(), name_.c_str()) != 0)
    written = report_error(path_);
  if (!written) ::unlinkat(directory_.get(), temporary.c_str(), 0);
  return written;
}

}  // namespace writ
