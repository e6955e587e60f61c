#include "broker/sandbox/view_writing.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

namespace writ {

bool is_mediated(const FilesystemPolicy& filesystem, PathAccess access, TreeKind kind) {
  if (filesystem.writing != Writing::kMediated || access != PathAccess::kWrite) return false;
  if (kind != TreeKind::kDirectory) return false;  // a file has no names in it
  const bool refuses_beneath = !filesystem.deny_write.empty() || !filesystem.deny_all.empty();
  return refuses_beneath || !filesystem.protect.empty() || !filesystem.shields.empty();
}

Status keep_writable(WritablePlace place, TreeRestriction restriction, View& view) {
  restriction.access = PathAccess::kWrite;
  WRIT_ASSIGN(UniqueFd writable, make_tree_grant(place.object, restriction));
  view.mediated.push_back({std::move(place.path), std::move(writable), std::move(place.unchangeable)});
  return {};
}

Status report_changes(const FilesystemPolicy& filesystem, const std::string& path, int object, View& view) {
  if (filesystem.report_changes.empty()) return {};
  UniqueFd root(::fcntl(object, F_DUPFD_CLOEXEC, 3));
  if (!root.valid()) return fail_errno(errno, "cannot keep the workspace for watching it");
  // Nothing is taken away there: the tool cannot make a protected name, so whoever made one was somebody else.
  view.guarded.push_back({std::move(root), path, {}, filesystem.report_changes});
  return {};
}

}  // namespace writ
