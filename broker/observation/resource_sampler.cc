#include "broker/observation/resource_sampler.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/unique_fd.h"

namespace writ {
namespace {

constexpr std::size_t kProcessesLookedAt = 4096;

void raise(std::optional<std::uint64_t>& peak, std::uint64_t seen) { peak = std::max(peak.value_or(0), seen); }

// Children of the process's main thread (proc(5), CONFIG_PROC_CHILDREN); those of other threads are not counted.
void add_children(pid_t process, std::vector<pid_t>& found) {
  const std::string number = std::to_string(process);
  std::ifstream children("/proc/" + number + "/task/" + number + "/children");
  for (pid_t child = 0; children >> child && found.size() < kProcessesLookedAt;) found.push_back(child);
}

std::uint64_t processes_beneath(pid_t init) {
  std::vector<pid_t> found;
  add_children(init, found);
  for (std::size_t i = 0; i < found.size(); ++i) add_children(found[i], found);
  return found.size();
}

std::uint64_t open_files_of(pid_t thread) {
  const std::string path = "/proc/" + std::to_string(thread) + "/fd";
  DIR* list = ::opendir(path.c_str());
  std::uint64_t count = 0;
  while (list != nullptr && ::readdir(list) != nullptr) ++count;
  if (list != nullptr) ::closedir(list);
  return count > 2 ? count - 2 : 0;  // "." and ".."
}

std::uint64_t scratch_in_use(int root) {
  const UniqueFd scratch(::openat(root, "tmp", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct statvfs space {};
  if (!scratch.valid() || ::fstatvfs(scratch.get(), &space) != 0) return 0;
  return (space.f_blocks - space.f_bfree) * space.f_frsize;
}

}  // namespace

void ResourceSampler::look(pid_t thread) {
  const Clock::time_point now = Clock::now();
  if (now < next_) return;
  next_ = now + kSamplingInterval;
  raise(peaks_.processes, processes_beneath(init_));
  raise(peaks_.open_files, open_files_of(thread));
  raise(peaks_.scratch, scratch_in_use(root_));
}

}  // namespace writ
