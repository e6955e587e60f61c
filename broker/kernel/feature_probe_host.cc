#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string>
#include <string_view>

#include "broker/base/escape.h"
#include "broker/base/unique_fd.h"
#include "broker/kernel/control_group_place.h"
#include "broker/kernel/feature_probe.h"

namespace writ {
namespace {

constexpr std::size_t kHostFileLimit = 16384;  // bytes; /proc/self/cgroup and its like are far smaller
constexpr long kCgroup2Magic = 0x63677270;     // CGROUP2_SUPER_MAGIC of linux/magic.h
constexpr const char* kUnifiedRoot = "/sys/fs/cgroup";
constexpr const char* kHybridRoot = "/sys/fs/cgroup/unified";

// Returns at most kHostFileLimit bytes of `path`, empty when it cannot be read.
std::string read_host_file(const char* path) {
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
  std::string content;
  std::array<char, 4096> buffer;
  while (fd.valid() && content.size() < kHostFileLimit) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count <= 0) break;
    content.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return content;
}

std::optional<std::int64_t> read_number(const char* path) {
  const std::string content = read_host_file(path);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(content.data(), content.data() + content.size(), number);
  if (error != std::errc()) return std::nullopt;
  return number;
}

bool exists(const char* path) { return ::access(path, F_OK) == 0; }

// Returns the rest of the first line of `text` that begins with `prefix`, or nothing.
std::optional<std::string> line_after(std::string_view text, std::string_view prefix) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with(prefix)) return std::string(line.substr(prefix.size()));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return std::nullopt;
}

bool is_cgroup2(const char* path) {
  struct statfs status {};
  return ::statfs(path, &status) == 0 && status.f_type == kCgroup2Magic;
}

bool writable(const std::string& path) { return ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0; }

bool has_word(std::string_view words, std::string_view wanted) {
  return (" " + std::string(words) + " ").find(" " + std::string(wanted) + " ") != std::string::npos;
}

// Returns the controllers Writ can use among `controllers`, for the detail line.
std::string useful_controllers(std::string_view controllers) {
  std::string useful;
  for (const char* name : {"memory", "pids", "cpu"})
    if (has_word(controllers, name)) useful += (useful.empty() ? "" : " ") + std::string(name);
  return useful;
}

FeatureStatus information(FeatureState state, std::string detail, std::string hint = {}) {
  return {.state = state, .detail = std::move(detail), .system_errno = 0, .hint = std::move(hint)};
}

}  // namespace

HostFacts read_host_facts() {
  HostFacts host;
  host.max_user_namespaces = read_number("/proc/sys/user/max_user_namespaces");
  host.unprivileged_userns_clone = read_number("/proc/sys/kernel/unprivileged_userns_clone");
  host.apparmor_restricts_userns = read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
  host.in_container = exists("/.dockerenv") || exists("/run/.containerenv") || exists("/run/systemd/container");
  const auto mode = line_after(read_host_file("/proc/self/status"), "Seccomp:\t");
  host.under_seccomp = mode && *mode != "0";
  return host;
}

// Found by looking for a place, as a run does; nothing is made.
FeatureStatus examine_control_group() {
  const auto place = find_control_group_place({});
  if (!place) return {FeatureState::kUnavailable, place.error().what, place.error().system_errno, place.error().hint};
  return information(FeatureState::kAvailable, place->describe());
}

FeatureStatus examine_cgroup_v2() {
  const char* root = is_cgroup2(kUnifiedRoot) ? kUnifiedRoot : is_cgroup2(kHybridRoot) ? kHybridRoot : nullptr;
  const auto own = line_after(read_host_file("/proc/self/cgroup"), "0::");
  if (root == nullptr || !own) return information(FeatureState::kUnavailable, "no cgroup v2 hierarchy is mounted");
  const std::string directory = root + *own;
  std::string controllers = read_host_file((directory + "/cgroup.controllers").c_str());
  while (controllers.ends_with('\n')) controllers.pop_back();
  const std::string useful = useful_controllers(controllers);
  if (useful.empty())
    return information(FeatureState::kUnavailable, "mounted, but without memory, pids or cpu controllers");
  if (!writable(directory) || !writable(directory + "/cgroup.procs"))
    return information(
        FeatureState::kUnavailable, "not delegated to this user: " + quote_bytes(directory),
        "run under a unit with Delegate=yes, for example: systemd-run --user --scope -p Delegate=yes writ …");
  return information(FeatureState::kAvailable, "writable, controllers: " + useful);
}

FeatureStatus examine_cgroup_v1() {
  std::string usable;
  for (const char* name : {"memory", "pids", "cpu", "freezer"}) {
    const std::string directory = std::string(kUnifiedRoot) + "/" + name;
    if (exists((directory + "/cgroup.procs").c_str()) && writable(directory)) usable += " " + std::string(name);
  }
  if (usable.empty()) return information(FeatureState::kUnavailable, "no writable cgroup v1 hierarchy");
  return information(FeatureState::kAvailable, "writable hierarchies:" + usable);
}

FeatureStatus examine_core_pattern() {
  std::string pattern = read_host_file("/proc/sys/kernel/core_pattern");
  while (pattern.ends_with('\n')) pattern.pop_back();
  if (pattern.empty()) return information(FeatureState::kUnavailable, "cannot be read");
  const bool handled = pattern.front() == '|' || pattern.front() == '@';
  if (!handled) return information(FeatureState::kAvailable, "core dumps are files: " + quote_bytes(pattern));
  return information(FeatureState::kDegraded,
                     "core dumps go to a program of the host, outside every sandbox: " + quote_bytes(pattern),
                     "nothing to do: Writ sets the core limit to 1, at which the kernel does not start that program");
}

}  // namespace writ
