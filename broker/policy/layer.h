// The layers of isolation that one sandbox is made of, in the words that profiles, reports and `writ doctor` use.
#ifndef WRIT_BROKER_POLICY_LAYER_H_
#define WRIT_BROKER_POLICY_LAYER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace writ {

enum class Layer : std::uint8_t {
  kUserNamespace,
  kView,        // own mount namespace that holds the granted trees and nothing else
  kLockedView,  // second user + mount namespace: the tool's side cannot loosen a mount
  kPidNamespace,
  kNetworkNamespace,
  kIpcNamespace,
  kUtsNamespace,
  kCgroupNamespace,
  kLandlock,
  kSeccomp,
  kControlGroup,  // only where a limit needs it: wants_control_group()
};
inline constexpr std::size_t kLayerCount = 11;

struct LayerName {
  Layer layer;
  std::string_view name;     // key under `isolation:` and in reports
  std::string_view purpose;  // one line for people
};

inline constexpr std::array<LayerName, kLayerCount> kLayerNames = {{
    {Layer::kUserNamespace, "user_namespace", "the tool's identity holds no capability outside its sandbox"},
    {Layer::kView, "view", "only granted trees exist in the tool's file system"},
    {Layer::kLockedView, "locked_view", "read-only and hidden mounts cannot be undone from inside"},
    {Layer::kPidNamespace, "pid_namespace", "other processes are invisible, the whole tree dies together"},
    {Layer::kNetworkNamespace, "network_namespace", "a network of its own with loopback only"},
    {Layer::kIpcNamespace, "ipc_namespace", "System V IPC and POSIX queues of its own"},
    {Layer::kUtsNamespace, "uts_namespace", "a host name of its own"},
    {Layer::kCgroupNamespace, "cgroup_namespace", "the host's cgroup paths are invisible"},
    {Layer::kLandlock, "landlock", "a floor under the view: no write, socket or signal outside it"},
    {Layer::kSeccomp, "seccomp", "an allow-list of system calls"},
    {Layer::kControlGroup, "control_group", "memory and processor limits of everything in the sandbox together"},
}};

// What happens when a layer cannot be put in place.
enum class Requirement : std::uint8_t {
  kRequire,  // the launch stops
  kPrefer,   // the launch goes on, the report and the terminal say it
};

// Returns the key of `layer` in profiles and reports.
[[nodiscard]] constexpr std::string_view layer_name(Layer layer) {
  return kLayerNames[static_cast<std::size_t>(layer)].name;
}

// Returns the layer with the key `name`, or nothing.
[[nodiscard]] constexpr std::optional<Layer> layer_from_name(std::string_view name) {
  for (const LayerName& entry : kLayerNames)
    if (entry.name == name) return entry.layer;
  return std::nullopt;
}

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_LAYER_H_
