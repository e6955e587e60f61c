#include "broker/mediation/asked_trees.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "broker/kernel/raw_syscall.h"
#include "broker/mediation/tool_lookup.h"
#include "broker/sandbox/host_path.h"

namespace writ {
namespace {

constexpr int kRaceRetries = 16;

// Status flags that a file for reading may have. O_NOATIME is the owner's alone, which the broker may be.
constexpr std::uint64_t kReadingFlags = O_NONBLOCK | O_DIRECT | O_LARGEFILE | O_SYNC | O_DSYNC;

}  // namespace

AskedTrees::AskedTrees(std::vector<AskedTree> trees) {
  for (AskedTree& tree : trees) trees_.push_back({std::move(tree)});
}

std::optional<std::size_t> AskedTrees::holding(std::string_view path) const {
  std::optional<std::size_t> deepest;
  for (std::size_t i = 0; i < trees_.size(); ++i) {
    if (trees_[i].state == TreeState::kJoined || !path_lies_in(path, trees_[i].tree.path)) continue;
    if (!deepest || trees_[*deepest].tree.path.size() < trees_[i].tree.path.size()) deepest = i;
  }
  return deepest;
}

void AskedTrees::let_go(std::size_t index) {
  trees_[index].tree.mount.reset();
  trees_[index].tree.attached.reset();
}

tl::expected<AskedTrees::Object, int> AskedTrees::find(std::size_t index, const std::string& rest,
                                                       FinalLink last_link) const {
  const AskedTree& place = trees_[index].tree;
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC | (last_link == FinalLink::kFollowed ? 0 : O_NOFOLLOW);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  long opened = -EAGAIN;
  if (rest.empty()) opened = ::fcntl(place.mount.get(), F_DUPFD_CLOEXEC, 3);
  for (int attempt = 0; opened == -EAGAIN && attempt < kRaceRetries; ++attempt)
    opened = raw_syscall(SYS_openat2, place.mount.get(), rest.c_str(), &how, sizeof how);
  if (opened < 0) return tl::unexpected<int>(rest.empty() ? EMFILE : static_cast<int>(-opened));
  Object object{UniqueFd(static_cast<int>(opened)), place.path};
  if (rest.empty()) return object;
  // Of a detached mount the kernel tells paths from the mount's own root on.
  const std::optional<std::string> inside = path_of_place(object.held.get());
  if (!inside) return tl::unexpected<int>(ENOENT);
  if (*inside != "/") object.path += *inside;
  return object;
}

tl::expected<UniqueFd, int> AskedTrees::open(const Object& object, std::uint64_t flags) {
  struct stat status {};
  if (::fstat(object.held.get(), &status) != 0) return tl::unexpected<int>(errno);
  if (!S_ISREG(status.st_mode)) return tl::unexpected<int>(EACCES);
  const std::string link = "/proc/self/fd/" + std::to_string(object.held.get());
  const std::uint64_t asked = flags & kReadingFlags;
  // O_NONBLOCK: a lease of somebody's would make us wait.
  UniqueFd file(::open(link.c_str(), static_cast<int>(O_RDONLY | O_CLOEXEC | O_NONBLOCK | asked)));
  if (!file.valid()) return tl::unexpected<int>(errno);
  if ((asked & O_NONBLOCK) == 0) (void)::fcntl(file.get(), F_SETFL, static_cast<int>(asked));
  return file;
}

std::optional<std::string> lexical_path(std::string_view place, std::string_view rest) {
  std::string path(place == "/" ? "" : place);
  const std::size_t least = path.size();
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view name = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (name.empty() || name == ".") continue;
    if (name != "..") {
      path.append("/").append(name);
      continue;
    }
    if (path.size() <= least) return std::nullopt;
    path.erase(path.rfind('/'));
  }
  return path;
}

}  // namespace writ
