// Writable trees that only the broker writes: what the view does for mediated writing. Internal to view.cc.
#ifndef WRIT_BROKER_SANDBOX_VIEW_WRITING_H_
#define WRIT_BROKER_SANDBOX_VIEW_WRITING_H_

#include <string>
#include <vector>

#include "broker/grant/tree_grant.h"
#include "broker/sandbox/view.h"

namespace writ {

// True when a tree that is granted with `access` shall be written by the broker: a writable directory in which some
// name is to be refused.
[[nodiscard]] bool is_mediated(const FilesystemPolicy& filesystem, PathAccess access, TreeKind kind);

struct WritablePlace {
  std::string path;  // in the view
  int object;        // borrowed, O_PATH
  std::vector<std::string> unchangeable;
};

// Keeps a mount of `place` in `view`, under `restriction` but writable.
[[nodiscard]] Status keep_writable(WritablePlace place, TreeRestriction restriction, View& view);

// Lets the guard report what the profile wants reported at the end, in the borrowed tree `object` at `path`.
[[nodiscard]] Status report_changes(const FilesystemPolicy& filesystem, const std::string& path, int object,
                                    View& view);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_VIEW_WRITING_H_
