// Which ids exist in the user namespace this process was started in, and whether its uid 0 is the host's root. `unshare
// -Ur`, rootless containers and containers with remapped users show a uid 0 that is an ordinary user outside.
#ifndef WRIT_BROKER_KERNEL_NAMESPACE_IDS_H_
#define WRIT_BROKER_KERNEL_NAMESPACE_IDS_H_

#include <cstdint>
#include <string_view>
#include <vector>

namespace writ {

struct IdRange {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

enum class UserNamespaceLevel : std::uint8_t { kInitial, kContained };
enum class RootMeaning : std::uint8_t { kHostRoot, kSomebodyElse };
enum class SupplementaryGroups : std::uint8_t { kCanBeDropped, kStay };

struct NamespaceIds {
  UserNamespaceLevel level = UserNamespaceLevel::kInitial;
  RootMeaning root = RootMeaning::kHostRoot;
  SupplementaryGroups groups = SupplementaryGroups::kCanBeDropped;  // kStay: setgroups(2) is denied here
  std::vector<IdRange> uids;                                        // of a contained namespace
  std::vector<IdRange> gids;
};

// Looks at the namespace of the calling process. What cannot be found out is taken as the host's root.
[[nodiscard]] NamespaceIds read_namespace_ids();

// The ids that a uid_map or gid_map gives to its own namespace (user_namespaces(7): inside, outside, count). Pure.
[[nodiscard]] std::vector<IdRange> parse_id_map(std::string_view map);

[[nodiscard]] bool has_id(const std::vector<IdRange>& ranges, std::uint32_t id);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_NAMESPACE_IDS_H_
