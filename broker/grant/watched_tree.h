// WatchedTree: the protected names of one writable tree as PersistenceGuard keeps them, component by component.
// Pure data; one thread at a time.
#ifndef WRIT_BROKER_GRANT_WATCHED_TREE_H_
#define WRIT_BROKER_GRANT_WATCHED_TREE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/grant/directory_listing.h"
#include "broker/grant/held_entry.h"

namespace writ {

using SharedDirectory = std::shared_ptr<const UniqueFd>;

// One component of the protected names of a tree; the names that share a directory share its node.
struct NameNode {
  std::string component;  // empty for the root
  std::string name;       // relative to the root
  bool is_protected = false;
  EntryState start;                                 // what was there at create()
  EntryState target_start;                          // of a link: what it led to inside the tree
  std::vector<std::unique_ptr<NameNode>> children;  // none beneath a protected name: it goes as a whole

  // The directory that stands at this name now, held and watched; only for nodes with children.
  SharedDirectory directory;
  EntryState held;
  int watch = -1;
};

struct ReportedName {
  std::string name;
  EntryState start;
};

struct WatchedTree {
  std::string display_path;
  NameNode root;
  std::vector<ReportedName> report_changes;
  DirectoryListing listing;  // of the root; knows nothing while the tool runs
  bool dirty = false;
};

// An object that waits under a harmless name until finish() can copy it.
struct SetAsideObject {
  SharedDirectory parent;
  std::string component;
  std::string label;
  std::string display_path;
};

// Adds `name` to the nodes beneath `root`. Errors: those of split_relative_name().
[[nodiscard]] Status add_protected_name(NameNode& root, const std::string& name);

// True when an entry called `name` in the directory of `node` can be one of its children. Case is ignored because a
// directory may fold it (ext4 casefold, vfat); a needless look costs microseconds.
[[nodiscard]] bool concerns_child(const NameNode& node, std::string_view name);

template <class Visit>
void for_each_node(NameNode& node, const Visit& visit) {
  visit(node);
  for (const auto& child : node.children) for_each_node(*child, visit);
}

}  // namespace writ

#endif  // WRIT_BROKER_GRANT_WATCHED_TREE_H_
