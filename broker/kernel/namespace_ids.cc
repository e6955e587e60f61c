#include "broker/kernel/namespace_ids.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string>

#include "broker/base/unique_fd.h"

namespace writ {
namespace {

// include/uapi/linux/nsfs.h of newer kernels: USER_NS_INIT_INO; the same number since 3.8.
constexpr ino_t kInitialUserNamespace = 0xEFFFFFFD;

// A map has at most 340 lines (user_namespaces(7)).
std::string read_own_file(const char* path) {
  const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 4096> block{};
  for (ssize_t got = 0; (got = ::read(file.get(), block.data(), block.size())) > 0;)
    text.append(block.data(), static_cast<std::size_t>(got));
  return text;
}

// The fixed files of /proc belong to the host's root (fs/proc/inode.c), whatever namespace one looks from. Whoever sees
// them as his own is that root; everybody else sees the overflow id.
RootMeaning meaning_of_root() {
  struct stat status {};
  if (::stat("/proc/version", &status) != 0) return RootMeaning::kHostRoot;
  return status.st_uid == 0 || status.st_gid == 0 ? RootMeaning::kHostRoot : RootMeaning::kSomebodyElse;
}

}  // namespace

NamespaceIds read_namespace_ids() {
  NamespaceIds ids;
  struct stat status {};
  if (::stat("/proc/self/ns/user", &status) != 0 || status.st_ino == kInitialUserNamespace) return ids;
  ids.level = UserNamespaceLevel::kContained;
  ids.root = meaning_of_root();
  if (read_own_file("/proc/self/setgroups").starts_with("deny")) ids.groups = SupplementaryGroups::kStay;
  ids.uids = parse_id_map(read_own_file("/proc/self/uid_map"));
  ids.gids = parse_id_map(read_own_file("/proc/self/gid_map"));
  return ids;
}

std::vector<IdRange> parse_id_map(std::string_view map) {
  std::vector<IdRange> ranges;
  std::istringstream text{std::string(map)};
  std::uint32_t outside = 0;
  for (IdRange range; text >> range.first >> outside >> range.count;) ranges.push_back(range);
  return ranges;
}

bool has_id(const std::vector<IdRange>& ranges, std::uint32_t id) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [id](const IdRange& range) { return id >= range.first && id - range.first < range.count; });
}

}  // namespace writ
