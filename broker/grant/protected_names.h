// Protected names: which of the persistence files of a writable tree (.git/hooks, .envrc, .vscode, …) exist, and what
// the view has to do about each. Looks only; changes nothing.
//
// Ownership: the inventory owns one O_PATH descriptor for each mount the view needs, so what is mounted is what was
// inspected. Threads: call before the tool runs. Fork: descriptors are close-on-exec.
#ifndef WRIT_BROKER_GRANT_PROTECTED_NAMES_H_
#define WRIT_BROKER_GRANT_PROTECTED_NAMES_H_

#include <span>
#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/grant/held_entry.h"

namespace writ {

// One requested name, in the order of the request.
struct InspectedName {
  std::string name;     // normalized: single slashes, none at the end
  EntryState state;     // kAbsent when it does not exist or cannot be reached
  std::string reached;  // the longest existing part: `name` itself, an ancestor, or "" (the tree's root)
  EntryState reached_state;
};

// A place beneath the root where the view needs a mount. `object` holds what was found there: clone it with
// open_tree(object, "", AT_EMPTY_PATH | OPEN_TREE_CLONE), so a swap of the name in between cannot matter.
struct ProtectedMount {
  std::string name;
  EntryKind kind = EntryKind::kAbsent;  // kFile, kDirectory or kOther
  UniqueFd object;
};

struct ProtectedInventory {
  std::vector<InspectedName> names;
  // Existing files and directories: read-only bind mounts. None lies beneath another. An ancestor that is a file
  // (`.git` of a worktree or submodule) stands here for the names it blocks.
  std::vector<ProtectedMount> mounts_to_protect;
  // Existing intermediate directories, parents first: writable bind mounts on themselves, so that they cannot be
  // renamed away (EBUSY in the tool's mount namespace).
  std::vector<ProtectedMount> ancestors_to_pin;
  // Names that do not exist: PersistenceGuard waits for them.
  std::vector<std::string> absent;
  // Links: a mount point cannot be a symbolic link, so they cannot be made read-only; PersistenceGuard watches them.
  std::vector<std::string> unprotectable_links;
  // Sentences for the report: hard-linked files, links. Escaped.
  std::vector<std::string> warnings;
};

// Inspects `relative_names` beneath the directory `tree_root_fd` (O_PATH is enough). Each name is walked component by
// component, following no link. Errors: a name that is empty, absolute or contains "..", or what open(2) reports.
[[nodiscard]] Result<ProtectedInventory> inspect_protected_names(int tree_root_fd,
                                                                 std::span<const std::string> relative_names);

}  // namespace writ

#endif  // WRIT_BROKER_GRANT_PROTECTED_NAMES_H_
