// Which host paths belong to the system and not to a person. Pure; any thread.
#ifndef WRIT_BROKER_SANDBOX_SYSTEM_PATHS_H_
#define WRIT_BROKER_SANDBOX_SYSTEM_PATHS_H_

#include <algorithm>
#include <array>
#include <string_view>

namespace writ {

// Ownership is translated only in trees of the person's own data: /usr and /etc of a root broker must keep files that
// only root may read unreadable for the tool.
inline constexpr std::array<std::string_view, 16> kSystemTrees = {
    "/usr", "/etc", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
    "/opt", "/var", "/nix", "/boot", "/dev", "/proc",  "/sys",   "/run"};

[[nodiscard]] inline bool is_system_path(std::string_view path) {
  const auto lies_in = [&](std::string_view tree) {
    return path.starts_with(tree) && (path.size() == tree.size() || path[tree.size()] == '/');
  };
  if (lies_in("/var/tmp") || lies_in("/dev/shm")) return false;
  return std::any_of(kSystemTrees.begin(), kSystemTrees.end(), lies_in);
}

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_SYSTEM_PATHS_H_
