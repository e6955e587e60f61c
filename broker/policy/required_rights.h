// Required rights: which rights every system call about a path needs, flag by flag. One table; mediation and learning
// read it. A bit that the table does not know is a denial. Pure; any thread.
#ifndef WRIT_BROKER_POLICY_REQUIRED_RIGHTS_H_
#define WRIT_BROKER_POLICY_REQUIRED_RIGHTS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "broker/base/error.h"
#include "broker/policy/rights.h"

namespace writ {

// Meaning of the last segment when it is a symbolic link.
enum class LastLink : std::uint8_t { kFollowed, kNotFollowed, kByFlag };

// On what a right is needed.
enum class PathTarget : std::uint8_t {
  kObject,  // what the path names
  kParent,  // the directory that gains or loses the name as well
};

// One path argument of one system call.
struct PathArgument {
  std::string_view call;  // "renameat2"
  std::int8_t directory;  // number of the argument with the directory descriptor, -1: relative to the working directory
  std::int8_t path;       // number of the argument with the path
  Rights rights;          // on what the path names; empty: looking only (stat, readlink), which needs no right beyond
                          // that some right on the object exists
  PathTarget target;      // kParent: `rights` are needed on the path itself, which need not exist yet
  LastLink last_link;
};

// Every path argument that the table knows, those of one call side by side.
[[nodiscard]] std::span<const PathArgument> path_arguments();

// Those of one call; empty for a call without path arguments, and for one whose rights its flags decide (open, openat,
// openat2, creat, access, faccessat, faccessat2).
[[nodiscard]] std::span<const PathArgument> path_arguments_of(std::string_view call);

// Rights for open(2) and openat(2) flags. Errors: a bit without a meaning here, an access mode that does not exist,
// O_TMPFILE without write access (which the kernel refuses as well), O_DIRECT-like bits are harmless and known.
[[nodiscard]] Result<Rights> rights_to_open(std::uint64_t flags);

// The same for openat2(2): the kernel refuses unknown bits of `flags` and `resolve` there, and so do we.
[[nodiscard]] Result<Rights> rights_to_open2(std::uint64_t flags, std::uint64_t resolve);

// Rights for access(2), faccessat2(2): F_OK needs none, and answers only for what exists for the tool anyway.
[[nodiscard]] Result<Rights> rights_to_access(std::uint64_t mode);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_REQUIRED_RIGHTS_H_
