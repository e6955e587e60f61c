// Which host paths belong to the system and not to a person. Pure; any thread.
#ifndef WRIT_BROKER_SANDBOX_SYSTEM_PATHS_H_
#define WRIT_BROKER_SANDBOX_SYSTEM_PATHS_H_

#include <algorithm>
#include <array>
#include <string_view>

#include "broker/sandbox/host_path.h"

namespace writ {

// Ownership is translated only in trees of the person's own data: /usr and /etc of a root broker must keep files that
// only root may read unreadable for the tool.
inline constexpr std::array<std::string_view, 16> kSystemTrees = {
    "/usr", "/etc", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
    "/opt", "/var", "/nix", "/boot", "/dev", "/proc",  "/sys",   "/run"};

[[nodiscard]] inline bool is_system_path(std::string_view path) {
  if (path_lies_in(path, "/var/tmp") || path_lies_in(path, "/dev/shm")) return false;
  return std::any_of(kSystemTrees.begin(), kSystemTrees.end(), [&](auto tree) { return path_lies_in(path, tree); });
}

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_SYSTEM_PATHS_H_
