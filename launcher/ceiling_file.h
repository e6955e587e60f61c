// The administrator's ceiling: one file that no profile, manifest or command line can exceed on this host.
#ifndef WRIT_LAUNCHER_CEILING_FILE_H_
#define WRIT_LAUNCHER_CEILING_FILE_H_

#include <optional>

#include "broker/base/error.h"
#include "broker/policy/profile_loader.h"

namespace writ {

// There is no other place for it, and no option or variable that names one: whoever could would have no ceiling.
inline constexpr const char* kCeilingPath = "/etc/writ/ceiling.yaml";

// The text of the ceiling; nothing where the file does not exist. An error is a ceiling that cannot be trusted, and
// nothing may be launched under it.
using CeilingFile = Result<std::optional<ProfileSource>>;

// Reads kCeilingPath, opened once and inspected through that descriptor. Call before the process enters a user
// namespace: there, root's files are nobody's. Errors: not a regular file (nor a link to one), not root's, writable by
// others than root, larger than a profile may be, unreadable.
[[nodiscard]] CeilingFile read_ceiling_file();

}  // namespace writ

#endif  // WRIT_LAUNCHER_CEILING_FILE_H_
