#include "launcher/audit_reading.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "broker/audit/segment_files.h"
#include "broker/base/escape.h"
#include "broker/base/unique_fd.h"
#include "launcher/audit_place.h"
#include "launcher/person.h"

namespace writ {
namespace {

constexpr std::size_t kChunk = std::size_t{1} << 20;

Result<UniqueFd> open_for_reading(const std::string& path) {
  // O_NONBLOCK: a FIFO must not let us wait.
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.valid()) return fail_errno(errno, "cannot read " + quote_bytes(path));
  return file;
}

// The size between two writes of whoever writes at this moment: what comes later is not looked at.
Result<std::uint64_t> settled_size(int file, const std::string& path) {
  struct stat status {};
  (void)::flock(file, LOCK_SH);
  const int looked = ::fstat(file, &status);
  const int reason = errno;
  (void)::flock(file, LOCK_UN);
  if (looked != 0) return fail_errno(reason, "cannot look at " + quote_bytes(path));
  if (!S_ISREG(status.st_mode)) return fail(quote_bytes(path) + " is no regular file");
  return static_cast<std::uint64_t>(status.st_size);
}

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

Result<std::string> log_path(const AuditOptions& options) {
  if (!options.files.empty())
    return is_directory(options.files.front()) ? options.files.front() + "/" + kAuditLogName : options.files.front();
  WRIT_ASSIGN(const Person person, identify_person(::geteuid(), ::getegid()));
  return own_audit_log(person);
}

}  // namespace

Result<AuditFiles> find_audit_files(const AuditOptions& options) {
  WRIT_ASSIGN(const std::string path, log_path(options));
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const UniqueFd held(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!held.valid() || ::faccessat(held.get(), name.c_str(), F_OK, 0) != 0)
    return fail_errno(errno, "there is no audit log " + quote_bytes(path), "every `writ run` writes to one");
  WRIT_ASSIGN(const std::vector<std::string> archives, archived_segments(held.get(), name));
  AuditFiles files;
  const std::string prefix = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  for (const std::string& archive : archives) files.segments.push_back(prefix + archive);
  files.segments.push_back(path);
  files.head = prefix + head_name(name);
  return files;
}

Status read_audit_file(const std::string& path, const std::function<void(std::string_view)>& take) {
  WRIT_ASSIGN(const UniqueFd file, open_for_reading(path));
  WRIT_ASSIGN(std::uint64_t left, settled_size(file.get(), path));
  std::string chunk(kChunk, '\0');
  while (left > 0) {
    const ssize_t got = ::read(file.get(), chunk.data(), std::min<std::uint64_t>(left, kChunk));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "cannot read " + quote_bytes(path));
    if (got == 0) break;
    left -= static_cast<std::uint64_t>(got);
    take(std::string_view(chunk).substr(0, static_cast<std::size_t>(got)));
  }
  return {};
}

Status read_audit_lines(const std::string& path, const std::function<bool(const AuditLine&, std::string_view)>& take) {
  std::string carried;
  bool is_enough = false;
  const auto take_text = [&](std::string_view text) {
    const auto line = AuditLine::parse(text);
    if (line && !is_enough) is_enough = !take(*line, text);
  };
  return read_audit_file(path, [&](std::string_view bytes) {
    for (std::size_t end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
      if (carried.empty()) {
        take_text(bytes.substr(0, end));
      } else {
        take_text(carried.append(bytes.substr(0, end)));
        carried.clear();
      }
      bytes.remove_prefix(end + 1);
    }
    if (carried.size() <= kAuditLineLimit) carried.append(bytes);
  });
}

}  // namespace writ
