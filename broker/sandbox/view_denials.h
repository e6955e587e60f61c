// View denials: what deny rules need in a view: places to cover, places that lose the right to execute, and names of
// writable trees that must not be changed or made. Looks only; changes nothing.
//
// A rule speaks of a path, the kernel of files. So a denied path is resolved on the host, found again in every granted
// tree through whatever alias that was granted, and followed to its other hard links.
//
// Ownership: the plan owns one O_PATH descriptor for each place. Threads: call before the tool runs. Fork: descriptors
// are close-on-exec.
#ifndef WRIT_BROKER_SANDBOX_VIEW_DENIALS_H_
#define WRIT_BROKER_SANDBOX_VIEW_DENIALS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/grant/tree_grant.h"
#include "broker/policy/profile.h"

namespace writ {

// A granted tree as the denials see it. Borrowed for the time of plan_denials().
struct DenialTree {
  std::string path;       // in the view
  std::string real_path;  // canonical, on the host
  int object = -1;        // O_PATH
  PathAccess access = PathAccess::kRead;
  TreeKind kind = TreeKind::kDirectory;
};

// A place where the view needs a mount of its own.
struct Denial {
  std::size_t tree = 0;
  std::string relative;  // below the tree; empty: the whole tree is denied
  Rights rights;         // with read: covered; otherwise execute is taken away
  TreeKind kind = TreeKind::kFile;
  UniqueFd object;  // what was found there
};

enum class AbsentNames : std::uint8_t { kNone, kSome };

struct DenialPlan {
  std::vector<Denial> denials;  // sorted by tree, then by name; each place once
  // For each tree: names that can neither be changed nor made (writable trees only).
  std::vector<std::vector<std::string>> unchangeable;
  // For each tree: whether some name in it that must not be changed or made is not there yet. Only a broker that writes
  // the tree can refuse it.
  std::vector<AbsentNames> absent;
  std::vector<std::string> warnings;  // escaped sentences

  // What a mount at `relative` of a tree may execute, where the tree itself gives `tree_execution`.
  [[nodiscard]] Execution execution_at(std::size_t tree, std::string_view relative, Execution tree_execution) const;
};

// Plans the deny rules of `policy` over `trees`. Errors: a denied file has more hard links than can be searched for.
[[nodiscard]] Result<DenialPlan> plan_denials(const FilesystemPolicy& policy, std::span<const DenialTree> trees);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_VIEW_DENIALS_H_
