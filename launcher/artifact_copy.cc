#include "launcher/artifact_copy.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "broker/base/escape.h"
#include "broker/base/unique_fd.h"

namespace writ {
namespace {

Status write_all(int to, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(to, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno(errno, "cannot write an artifact");
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
  return {};
}

Status copy_slowly(int from, int to, std::uint64_t size) {
  std::array<char, 1U << 16> bytes;
  while (size > 0) {
    const ssize_t got = ::read(from, bytes.data(), std::min<std::uint64_t>(size, bytes.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "cannot read an artifact");
    if (got == 0) return {};
    WRIT_TRY(write_all(to, bytes.data(), static_cast<std::size_t>(got)));
    size -= static_cast<std::uint64_t>(got);
  }
  return {};
}

// The file system may share the blocks (copy_file_range(2)).
Status copy_bytes(int from, int to, std::uint64_t size) {
  while (size > 0) {
    const ssize_t copied = ::copy_file_range(from, nullptr, to, nullptr, size, 0);
    if (copied < 0 && errno == EINTR) continue;
    if (copied <= 0) return copy_slowly(from, to, size);
    size -= static_cast<std::uint64_t>(copied);
  }
  return {};
}

}  // namespace

Status CopiedTree::add(const std::vector<std::string>& path, int file, const struct stat& status) const {
  UniqueFd held;
  int directory = top_;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    if (::mkdirat(directory, path[i].c_str(), 0755) != 0 && errno != EEXIST)
      return fail_errno(errno, "cannot make the directory " + quote_bytes(path[i]) + " for artifacts");
    held = UniqueFd(::openat(directory, path[i].c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!held.valid()) return fail_errno(errno, "cannot open the directory " + quote_bytes(path[i]) + " of artifacts");
    directory = held.get();
  }
  const mode_t mode = (status.st_mode & 0111) != 0 ? 0755 : 0644;
  const UniqueFd copy(
      ::openat(directory, path.back().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!copy.valid()) return fail_errno(errno, "cannot make the artifact " + quote_bytes(path.back()));
  return copy_bytes(file, copy.get(), static_cast<std::uint64_t>(status.st_size));
}

}  // namespace writ
