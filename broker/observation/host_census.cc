#include "broker/observation/host_census.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string_view>
#include <utility>

#include "broker/base/unique_fd.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

constexpr int kDeepest = 64;  // directories inside each other

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

class Count {
 public:
  explicit Count(std::uint64_t at_most) : at_most_(at_most) {}

  // Counts what lies beneath `directory`. False when a part of it cannot be looked at.
  bool add(UniqueFd directory, int depth) {
    if (depth > kDeepest || !directory.valid()) return false;
    const Directory list(::fdopendir(directory.get()));
    if (!list) return false;
    (void)directory.release();  // closedir() closes it
    while (const dirent* entry = ::readdir(list.get())) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (++looked_at_ > kCensusLimit) return false;
      if (!add_entry(::dirfd(list.get()), *entry, depth)) return false;
      if (files_ > at_most_) return true;
    }
    return true;
  }

  [[nodiscard]] std::uint64_t files() const { return files_; }

 private:
  bool add_entry(int directory, const dirent& entry, int depth) {
    bool nested = entry.d_type == DT_DIR;
    if (entry.d_type == DT_UNKNOWN) {  // some file systems do not say
      struct stat status {};
      nested = ::fstatat(directory, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
    }
    if (nested)
      return add(UniqueFd(::openat(directory, entry.d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)),
                 depth + 1);
    ++files_;
    return true;
  }

  std::uint64_t at_most_;
  std::uint64_t files_ = 0;
  std::uint64_t looked_at_ = 0;
};

}  // namespace

std::optional<std::uint64_t> HostCensus::files_beneath(const std::string& directory, std::uint64_t at_most) const {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS;
  const long opened = raw_syscall(SYS_openat2, AT_FDCWD, directory.c_str(), &how, sizeof how);
  Count count(at_most);
  if (opened < 0 || !count.add(UniqueFd(static_cast<int>(opened)), 0)) return std::nullopt;
  return count.files();
}

bool HostCensus::exists(const std::string& path) const {
  return ::faccessat(AT_FDCWD, path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

}  // namespace writ
