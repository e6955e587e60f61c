// walk_tree: everything below a directory of the workspace, as names, following nothing.
#ifndef WRIT_BROKER_PRIMITIVES_TREE_WALK_H_
#define WRIT_BROKER_PRIMITIVES_TREE_WALK_H_

#include <cstddef>
#include <string>
#include <vector>

#include "broker/primitives/primitive.h"
#include "broker/primitives/workspace.h"

namespace writ {

inline constexpr std::size_t kWalkLimit = 10'000;  // entries
inline constexpr std::size_t kWalkDepth = 64;

struct WalkedEntry {
  std::string relative;  // to the directory that the walk began in
  bool is_directory = false;

  [[nodiscard]] friend bool operator<(const WalkedEntry& one, const WalkedEntry& other) {
    return one.relative != other.relative ? one.relative < other.relative : one.is_directory < other.is_directory;
  }
};

struct WalkedTree {
  std::vector<WalkedEntry> entries;  // a directory before what lies in it
};

// Errors: kLimit beyond the limits above; kWrongKind: `path` is no directory; kNotFound.
[[nodiscard]] Attempt<WalkedTree> walk_tree(const Workspace& workspace, const WorkspacePath& path);

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_TREE_WALK_H_
