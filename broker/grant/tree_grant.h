// Tree grants: a path of the host, opened once and turned into a detached mount that the kernel itself limits
// afterwards.
//
// What is decided on is what is handed out: the path is opened with O_PATH, the result is inspected, and that very
// descriptor is cloned. Needs CAP_SYS_ADMIN over the current mount namespace. Results are owned by the caller.
#ifndef WRIT_BROKER_GRANT_TREE_GRANT_H_
#define WRIT_BROKER_GRANT_TREE_GRANT_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/policy/profile.h"

namespace writ {

enum class TreeKind : std::uint8_t { kDirectory, kFile };

enum class LinksFollowed : std::uint8_t { kNone, kSome };

struct OpenedTree {
  UniqueFd object;  // O_PATH on the host's file or directory
  TreeKind kind = TreeKind::kDirectory;
  uid_t owner = 0;
  LinksFollowed links = LinksFollowed::kNone;  // kNone: the path that was opened is canonical
  std::string real_path;                       // canonical, where it is known without asking /proc; else empty
};

// Opens the host's `path`, following links: it is the words of the person, not of a tool. Errors: what open(2) reports;
// something that is neither a directory nor a regular file.
[[nodiscard]] Result<OpenedTree> open_host_tree(const std::string& path);

// What the mount of a grant may do; devices and set-uid programs never work in one.
struct TreeRestriction {
  PathAccess access = PathAccess::kRead;
  Execution execution = Execution::kAllowed;
  int ownership_namespace = -1;  // user namespace to translate ownership through, or -1
};

// Clones the mounts at and below the borrowed `object` into a detached tree under `restriction`.
[[nodiscard]] Result<UniqueFd> make_tree_grant(int object, const TreeRestriction& restriction);

}  // namespace writ

#endif  // WRIT_BROKER_GRANT_TREE_GRANT_H_
