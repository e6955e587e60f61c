#include "launcher/report_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "broker/base/escape.h"

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

tl::unexpected<Error> report_error(const std::string& path) {
  return fail_errno(errno, "cannot write the report " + quote_bytes(path));
}

}  // namespace

Result<ReportFile> ReportFile::open(const std::string& path) {
  ReportFile report;
  report.path_ = path;
  struct stat status {};
  const bool exists = path != "-" && ::stat(path.c_str(), &status) == 0;
  struct stat link {};
  const bool is_link = exists && ::lstat(path.c_str(), &link) == 0 && S_ISLNK(link.st_mode);
  if (exists && S_ISDIR(status.st_mode)) {
    errno = EISDIR;
    return report_error(path);
  }
  const int own = own_stream(path);
  // A link is followed now and not later, when the tool may have changed it; what is behind it is appended to.
  if (own >= 0 || is_link || (exists && !S_ISREG(status.st_mode))) {
    report.stream_.reset(own >= 0 ? ::fcntl(own, F_DUPFD_CLOEXEC, 3)
                                  : ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY));
    if (!report.stream_.valid()) return report_error(path);
    return report;
  }
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  report.name_ = slash == std::string::npos ? path : path.substr(slash + 1);
  report.directory_.reset(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!report.directory_.valid() || report.name_.empty()) return report_error(path);
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
