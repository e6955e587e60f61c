// What the filesystem primitives have in common: their arguments, the resource they are about, and the file they find.
#ifndef WRIT_BROKER_PRIMITIVES_FILESYSTEM_TARGET_H_
#define WRIT_BROKER_PRIMITIVES_FILESYSTEM_TARGET_H_

#include <sys/stat.h>

#include <string>
#include <string_view>
#include <utility>

#include "broker/base/strict_object.h"
#include "broker/base/unique_fd.h"
#include "broker/primitives/argument_reading.h"
#include "broker/primitives/permit.h"
#include "broker/primitives/workspace.h"

namespace writ {

// Right before the effect, which looking is as well: from here on a use of a capability is taken.
[[nodiscard]] Attempt<std::monostate> begin_effect(Permit& permit, const Workspace::Access& access);

// The member `key` as a path.
[[nodiscard]] Attempt<WorkspacePath> path_argument(StrictObject& arguments, std::string_view key,
                                                   const Workspace& workspace);

// `filesystem:workspace:PATH`. Error: kDenied for a path that no capability or rule can name.
[[nodiscard]] Attempt<TypedResource> resource_of(const WorkspacePath& path);

struct OpenedFile {
  UniqueFd fd;
  struct stat status {};
};

// Opens the regular file `path` for reading, through the read-only clone. Errors: kWrongKind for anything else and for
// a file with several hard links.
[[nodiscard]] Attempt<OpenedFile> open_regular_file(const Workspace& workspace, const WorkspacePath& path);
// The same of what is open already.
[[nodiscard]] Attempt<struct stat> regular_file_status(int fd);

// At most `limit` bytes from the start of `fd`. Error: kTooLarge: there are more.
[[nodiscard]] Attempt<std::string> read_bounded(int fd, std::size_t limit);

// SHA-256 as 64 hexadecimal digits.
[[nodiscard]] std::string sha256_text(std::string_view bytes);

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_FILESYSTEM_TARGET_H_
