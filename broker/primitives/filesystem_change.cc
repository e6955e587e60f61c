#include "broker/primitives/filesystem_change.h"

#include <optional>
#include <utility>

namespace writ {

Attempt<bool> flag_argument(StrictObject& arguments, std::string_view key, bool usual) {
  WRIT_ATTEMPT(const std::optional<bool> typed, valid(arguments.optional_flag(key)));
  return typed.value_or(usual);
}

Attempt<WorkspacePath> changeable_path(StrictObject& arguments, std::string_view key, const Workspace& workspace) {
  WRIT_ATTEMPT(WorkspacePath path, path_argument(arguments, key, workspace));
  if (path.is_workspace()) return refuse(PrimitiveCode::kDenied, "the workspace itself");
  return path;
}

Attempt<Permit> authorise(FilesystemContext& context, CapabilityRight right, const WorkspacePath& path,
                          const std::string& argument_hash) {
  WRIT_ATTEMPT(const TypedResource resource, resource_of(path));
  return context.authority.authorize(right, resource, argument_hash);
}

Attempt<WalkedTree> authorised_tree(FilesystemContext& context, CapabilityRight right, const WorkspacePath& path,
                                    const WorkspacePath& as) {
  WRIT_ATTEMPT(WalkedTree tree, walk_tree(context.workspace, path));
  for (const WalkedEntry& entry : tree.entries) {
    WRIT_ATTEMPT(const WorkspacePath below, WorkspacePath::parse(as.text() + "/" + entry.relative, "/"));
    WRIT_REQUIRE(authorise(context, right, below));
    WRIT_REQUIRE(context.workspace.respects_shields(below, entry.is_directory ? Way::kKept : Way::kReplaced));
  }
  return tree;
}

}  // namespace writ
