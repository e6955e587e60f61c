// Writable trees that only the broker writes: what the view does for mediated writing. Internal to view.cc.
#ifndef WRIT_BROKER_SANDBOX_VIEW_WRITING_H_
#define WRIT_BROKER_SANDBOX_VIEW_WRITING_H_

#include <string>

#include "broker/grant/tree_grant.h"
#include "broker/sandbox/view.h"

namespace writ {

// True when `grant` shall be written by the broker: a writable directory in which some name is to be refused.
[[nodiscard]] bool is_mediated(const FilesystemPolicy& filesystem, const PathGrant& grant, TreeKind kind);

// Keeps a mount of the borrowed `object` in `view`, under `restriction` but writable, and lets the guard report changes
// in it.
[[nodiscard]] Status keep_writable(const FilesystemPolicy& filesystem, const std::string& path, int object,
                                   TreeRestriction restriction, View& view);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_VIEW_WRITING_H_
