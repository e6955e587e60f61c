#include "broker/primitives/filesystem_turn.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <thread>

namespace writ {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPause{2};

struct Directory {
  dev_t device = 0;
  ino_t inode = 0;
  int descriptor = -1;

  [[nodiscard]] bool operator==(const Directory& other) const { return device == other.device && inode == other.inode; }
  [[nodiscard]] bool operator<(const Directory& other) const {
    return device != other.device ? device < other.device : inode < other.inode;
  }
};

// Each once, and in the same order for everybody, so that nobody waits for one who waits for him.
std::vector<Directory> in_order(std::initializer_list<int> descriptors) {
  std::vector<Directory> directories;
  for (const int descriptor : descriptors) {
    struct stat status {};
    if (::fstat(descriptor, &status) == 0) directories.push_back({status.st_dev, status.st_ino, descriptor});
  }
  std::sort(directories.begin(), directories.end());
  directories.erase(std::unique(directories.begin(), directories.end()), directories.end());
  return directories;
}

// Whether the wait is over: it is locked, or cannot be.
bool lock(int directory, Clock::time_point end) {
  while (::flock(directory, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return true;
    if (Clock::now() >= end) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

}  // namespace

Attempt<DirectoryTurn> DirectoryTurn::take(std::initializer_list<int> directories) {
  std::vector<UniqueFd> held;
  const Clock::time_point end = Clock::now() + kTurnPatience;
  for (const Directory& directory : in_order(directories)) {
    UniqueFd readable(::openat(directory.descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!readable.valid()) continue;
    if (!lock(readable.get(), end)) return refuse(PrimitiveCode::kConflict, "somebody else has locked the directory");
    held.push_back(std::move(readable));
  }
  return DirectoryTurn(std::move(held));
}

}  // namespace writ
