// What the filesystem primitives that change something have in common: their arguments, and who may do what below a
// directory. One thread at a time.
#ifndef WRIT_BROKER_PRIMITIVES_FILESYSTEM_CHANGE_H_
#define WRIT_BROKER_PRIMITIVES_FILESYSTEM_CHANGE_H_

#include <string>
#include <string_view>

#include "broker/primitives/filesystem_read.h"
#include "broker/primitives/filesystem_target.h"
#include "broker/primitives/tree_walk.h"

namespace writ {

// The member `key`, or `usual`.
[[nodiscard]] Attempt<bool> flag_argument(StrictObject& arguments, std::string_view key, bool usual);

// The member `key` as a path. Error: kDenied for the workspace itself, whose change is nobody's.
[[nodiscard]] Attempt<WorkspacePath> changeable_path(StrictObject& arguments, std::string_view key,
                                                     const Workspace& workspace);

// Error: kDenied.
[[nodiscard]] Attempt<Permit> authorise(FilesystemContext& context, CapabilityRight right, const WorkspacePath& path,
                                        const std::string& argument_hash = {});

// Walks what is below `path`: whether `right` holds for each of it, and no protected name is among it, as if it lay
// below `as`. Nothing is done yet: each use is given back. Errors: kDenied, those of walk_tree().
[[nodiscard]] Attempt<WalkedTree> authorised_tree(FilesystemContext& context, CapabilityRight right,
                                                  const WorkspacePath& path, const WorkspacePath& as);

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_FILESYSTEM_CHANGE_H_
