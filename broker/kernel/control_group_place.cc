#include "broker/kernel/control_group_place.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <utility>

#include "broker/base/escape.h"
#include "broker/base/unique_fd.h"

namespace writ {
namespace {

constexpr std::size_t kSourceLimit = std::size_t{1} << 20;  // bytes; a host with many mounts has a long mountinfo
constexpr long kUnifiedMagic = 0x63677270;                  // CGROUP2_SUPER_MAGIC of linux/magic.h
constexpr std::array<std::string_view, 4> kUsedControllers = {"memory", "pids", "cpu", "cpuacct"};

std::string read_source(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  std::string content;
  std::array<char, 8192> buffer;
  while (file.valid() && content.size() < kSourceLimit) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count <= 0) break;
    content.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return content;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return parts;
}

// mountinfo writes blanks, tabs, newlines and backslashes as three octal digits (proc(5)).
std::string without_octal(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && digit(i + 1) && digit(i + 2) && digit(i + 3)) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

bool contains(const std::vector<std::string>& list, std::string_view wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

bool may_write(const std::string& path) { return ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0; }

bool may_make_groups(const std::string& directory) {
  return may_write(directory) && may_write(directory + "/cgroup.procs");
}

bool is_unified(const std::string& path) {
  struct statfs status {};
  return ::statfs(path.c_str(), &status) == 0 && status.f_type == kUnifiedMagic;
}

std::vector<std::string> words_of(const std::string& file) {
  std::string text = read_source(file);
  std::replace(text.begin(), text.end(), '\n', ' ');
  return split(text, ' ');
}

// What of `needs` is missing among `controllers`. In cgroup v2 every group counts processor time.
std::string missing(const std::vector<std::string>& controllers, const ControlGroupNeeds& needs, bool unified) {
  std::string text;
  for (const std::string& need : needs)
    if (!contains(controllers, need) && !(unified && need == "cpuacct"))
      text.append(text.empty() ? "" : " and ").append(need);
  return text;
}

// Looks for places of one form after the other, and remembers why there was none.
class PlaceSearch {
 public:
  PlaceSearch(const ControlGroupSources& sources, const ControlGroupNeeds& needs)
      : sources_(sources),
        needs_(needs),
        memberships_(parse_control_group_membership(read_source(sources.membership))),
        mounts_(parse_control_group_mounts(read_source(sources.mounts))) {}

  Result<ControlGroupPlace> search() {
    if (auto found = unified()) return std::move(*found);
    if (auto found = user_scope()) return std::move(*found);
    if (auto found = separate()) return std::move(*found);
    return fail("no control group can be made here (" + why_ + ")",
                "run under a unit with Delegate=yes (systemd-run --user --scope -p Delegate=yes writ …), as root, or "
                "with a control group that belongs to you");
  }

 private:
  void note(const std::string& reason) { why_.append(why_.empty() ? "" : "; ").append(reason); }

  [[nodiscard]] std::optional<std::string> own_group(const ControlGroupMount& mount) const {
    for (const ControlGroupMembership& entry : memberships_) {
      const bool same = mount.unified ? entry.controllers.empty()
                                      : std::any_of(entry.controllers.begin(), entry.controllers.end(),
                                                    [&](const auto& name) { return contains(mount.options, name); });
      if (!same) continue;
      std::string path = visible_control_group(mount, entry.path);
      if (!path.empty()) return path;
    }
    return std::nullopt;
  }

  // The root of the hierarchy may have both processes and controllers for its children.
  static bool is_hierarchy_root(const std::string& group) {
    return ::access((group + "/cgroup.type").c_str(), F_OK) != 0;
  }

  // The needs, and what is good to have.
  [[nodiscard]] std::string orders_for(const std::vector<std::string>& available) const {
    std::string orders;
    for (const std::string& name : available)
      if (contains(needs_, name) ||
          std::find(kUsedControllers.begin(), kUsedControllers.end(), name) != kUsedControllers.end())
        orders.append(orders.empty() ? "+" : " +").append(name);
    return orders;
  }

  // Writ itself and what it started.
  static bool are_ours(const std::vector<std::string>& processes) {
    const std::string own = std::to_string(::getpid());
    return std::all_of(processes.begin(), processes.end(), [&](const std::string& process) {
      if (process == own) return true;
      const std::string text = read_source("/proc/" + process + "/stat");
      const std::size_t bracket = text.rfind(") ");
      // "state parent …"
      return bracket != std::string::npos && text.substr(bracket + 4).starts_with(own + " ");
    });
  }

  // Children of `group` have the controllers, or can be given them.
  std::optional<ControlGroupPlace> unified_in(const std::string& group, bool is_own) {
    const std::vector<std::string> available = words_of(group + "/cgroup.controllers");
    const std::vector<std::string> given = words_of(group + "/cgroup.subtree_control");
    ControlGroupPlace place{ControlGroupForm::kUnified, {{group, available}}, false, {}, {}, {}};
    if (missing(given, needs_, true).empty()) {
      place.parents[0].controllers = given;
      // Whoever is a member of a group that gives controllers to its children is at the root.
      return place;
    }
    if (!missing(available, needs_, true).empty() || !may_write(group + "/cgroup.subtree_control")) return std::nullopt;
    place.to_give = orders_for(available);
    if (is_hierarchy_root(group)) return place;
    if (!is_own || !are_ours(words_of(group + "/cgroup.procs"))) return std::nullopt;
    place.must_leave = true;
    return place;
  }

  std::optional<ControlGroupPlace> unified() {
    for (const ControlGroupMount& mount : mounts_) {
      if (!mount.unified || !is_unified(mount.point)) continue;
      const auto own = own_group(mount);
      if (!own) continue;
      const std::string lacking = missing(words_of(*own + "/cgroup.controllers"), needs_, true);
      if (!lacking.empty()) {
        note("cgroup v2 has no controller for " + lacking + " here");
        continue;
      }
      if (may_make_groups(*own))
        if (auto place = unified_in(*own, true)) return place;
      // A service manager that keeps us in a leaf has given us the group above. That root may write there proves
      // nothing where systemd runs: the group is systemd's.
      const std::string above = own->substr(0, own->rfind('/'));
      const bool proves = ::geteuid() != 0 || ::access("/run/systemd/system", F_OK) != 0;
      if (proves && above.starts_with(mount.point) && may_make_groups(above))
        if (auto place = unified_in(above, false)) return place;
      note("the cgroup v2 group of this process is not delegated to it, or holds other processes");
    }
    return std::nullopt;
  }

  std::optional<ControlGroupPlace> user_scope() {
    const bool any = std::any_of(mounts_.begin(), mounts_.end(), [](const auto& mount) { return mount.unified; });
    std::string socket = sources_.bus_socket;
    if (socket.empty() && ::geteuid() == 0) socket = "/run/dbus/system_bus_socket";
    if (socket.empty()) {
      const char* const runtime = ::secure_getenv("XDG_RUNTIME_DIR");
      const bool named = runtime != nullptr && runtime[0] == '/';
      socket = (named ? std::string(runtime) : "/run/user/" + std::to_string(::geteuid())) + "/bus";
    }
    struct stat status {};
    const bool has_bus = is_first_pid_namespace() && ::stat(socket.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
    if (any && has_bus && ::access(sources_.bus_program.c_str(), X_OK) == 0)
      return ControlGroupPlace{ControlGroupForm::kUserScope, {}, false, {}, sources_.bus_program, socket};
    if (any) note("there is no systemd of this user's to ask for a scope");
    return std::nullopt;
  }

  // The service manager is told a number: it must mean the same process to both.
  static bool is_first_pid_namespace() {
    constexpr ino_t kFirst = 0xEFFFFFFC;  // PROC_PID_INIT_INO of the kernel
    struct stat status {};
    return ::stat("/proc/self/ns/pid", &status) == 0 && status.st_ino == kFirst;
  }

  std::optional<ControlGroupPlace> separate() {
    ControlGroupPlace place{ControlGroupForm::kSeparate, {}, false, {}, {}, {}};
    std::vector<std::string> all;
    for (const ControlGroupMount& mount : mounts_) {
      if (mount.unified) continue;
      ControlGroupParent found;
      // Each hierarchy costs the launch some milliseconds: no more than is needed, and what counts processes.
      for (const std::string_view controller : kUsedControllers)
        if (contains(mount.options, controller) && !contains(all, controller) &&
            (contains(needs_, controller) || controller == "pids"))
          found.controllers.emplace_back(controller);
      if (found.controllers.empty()) continue;
      const auto own = own_group(mount);
      if (!own || !may_make_groups(*own)) continue;
      found.path = *own;
      all.insert(all.end(), found.controllers.begin(), found.controllers.end());
      place.parents.push_back(std::move(found));
    }
    const std::string lacking = missing(all, needs_, false);
    if (lacking.empty() && !place.parents.empty()) return place;
    note("no cgroup v1 hierarchy" + (lacking.empty() ? "" : " for " + lacking) + " that this user may write");
    return std::nullopt;
  }

  const ControlGroupSources& sources_;
  const ControlGroupNeeds& needs_;
  std::vector<ControlGroupMembership> memberships_;
  std::vector<ControlGroupMount> mounts_;
  std::string why_;
};

}  // namespace

bool ControlGroupParent::controls(std::string_view controller) const { return contains(controllers, controller); }

std::string ControlGroupPlace::describe() const {
  if (form == ControlGroupForm::kUserScope) return "cgroup v2: a scope of the person's systemd";
  std::string text = form == ControlGroupForm::kUnified ? "cgroup v2: " : "cgroup v1: ";
  bool first = true;
  for (const std::string_view controller : kUsedControllers)
    for (const ControlGroupParent& above : parents) {
      if (!above.controls(controller)) continue;
      text.append(first ? "" : ", ").append(controller);
      first = false;
    }
  return text;
}

Result<ControlGroupPlace> find_control_group_place(const ControlGroupSources& sources, const ControlGroupNeeds& needs) {
  return PlaceSearch(sources, needs).search();
}

std::vector<ControlGroupMembership> parse_control_group_membership(std::string_view text) {
  std::vector<ControlGroupMembership> list;
  for (const std::string& line : split(text, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos || line.substr(second + 1, 1) != "/") continue;
    list.push_back({split(std::string_view(line).substr(first + 1, second - first - 1), ','), line.substr(second + 1)});
  }
  return list;
}

// proc(5): "36 35 98:0 /root /point options optional-fields - type source super-options"
std::vector<ControlGroupMount> parse_control_group_mounts(std::string_view text) {
  std::vector<ControlGroupMount> list;
  for (const std::string& line : split(text, '\n')) {
    const std::vector<std::string> fields = split(line, ' ');
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 6 || fields.end() - dash < 4) continue;
    const bool unified = dash[1] == "cgroup2";
    if (!unified && dash[1] != "cgroup") continue;
    list.push_back({unified, without_octal(fields[3]), without_octal(fields[4]), split(dash[3], ',')});
  }
  return list;
}

std::string visible_control_group(const ControlGroupMount& mount, std::string_view path) {
  // A group outside of our cgroup namespace is shown with "/..": nothing of it is below any mount.
  if (path.starts_with("/..") || mount.root.starts_with("/..")) return {};
  std::string_view rest = path;
  if (mount.root != "/") {
    if (path != mount.root && !path.starts_with(mount.root + "/")) return {};
    rest.remove_prefix(mount.root.size());
  }
  while (rest.ends_with('/')) rest.remove_suffix(1);
  return mount.point + std::string(rest);
}

}  // namespace writ
