// cgroup v2: one directory for all controllers (Documentation/admin-guide/cgroup-v2.rst of the kernel).
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "broker/kernel/control_group_backend.h"

namespace writ {
namespace {

class UnifiedControlGroup final : public ControlGroupBackend {
 public:
  explicit UnifiedControlGroup(ControlGroupPlace place) : place_(std::move(place)) {}

  // Nobody else is in the group: whoever we started goes with us. They may end meanwhile.
  Status prepare() override {
    const GroupDirectory& group = directories[0];
    if (place_.must_leave) {
      leaf_ = leaf_name(group);
      if (::mkdirat(group.parent.get(), leaf_.c_str(), 0755) != 0)
        return fail_errno(errno, "cannot make a control group for Writ itself");
      WRIT_TRY(move_everything(".", leaf_));
    }
    if (!place_.to_give.empty()) WRIT_TRY(write_parent("cgroup.subtree_control", place_.to_give));
    return {};
  }

  LeftGroup left() const override {
    if (!place_.must_leave) return {};
    return {directories[0].parent.get(), leaf_name(directories[0]), taken_back()};
  }

  void finish() override {
    if (!leaf_.empty()) {
      (void)write_parent("cgroup.subtree_control", taken_back());
      (void)move_everything(leaf_, ".");
      (void)::unlinkat(directories[0].parent.get(), leaf_.c_str(), AT_REMOVEDIR);
    }
  }

  Status set_limits(const ControlGroupLimits& limits) override {
    const GroupDirectory& directory = directories[0];
    if (limits.memory) {
      WRIT_TRY(directory.write("memory.max", std::to_string(*limits.memory)));
      // Everything ends together: half of a build is worth nothing.
      WRIT_TRY(directory.write("memory.oom.group", "1"));
      if (directory.has("memory.swap.max"))
        WRIT_TRY(directory.write("memory.swap.max", std::to_string(limits.swap)));
      else
        not_held.emplace_back("swap: this kernel does not count it (it has no memory.swap.max)");
    }
    if (limits.cpus)
      WRIT_TRY(directory.write("cpu.max", std::to_string(quota_of(*limits.cpus)) + " " + std::to_string(kQuotaPeriod)));
    if (limits.cpu_weight) WRIT_TRY(directory.write("cpu.weight", std::to_string(*limits.cpu_weight)));
    if (limits.processes && directory.controls("pids"))
      WRIT_TRY(directory.write("pids.max", std::to_string(*limits.processes)));
    return {};
  }

  ControlGroupUse use() const override {
    const GroupDirectory& directory = directories[0];
    ControlGroupUse use;
    use.memory_peak = directory.read_number("memory.peak");  // kernel 5.19
    use.killed_for_memory = directory.read_entry("memory.events", "oom_kill").value_or(0);
    use.processes_peak = directory.read_number("pids.peak");  // kernel 6.1
    use.processes_refused = directory.read_entry("pids.events", "max");
    if (const auto used = directory.read_entry("cpu.stat", "usage_usec"))
      use.cpu_time = std::chrono::microseconds(static_cast<std::int64_t>(*used));
    use.periods_throttled = directory.read_entry("cpu.stat", "nr_throttled");
    return use;
  }

  bool can_freeze() const override { return directories[0].has("cgroup.freeze"); }  // kernel 5.2

  Status set_frozen(Frozen frozen) override {
    WRIT_TRY(directories[0].write("cgroup.freeze", frozen == Frozen::kYes ? "1" : "0"));
    // Whoever is in a long system call takes a moment.
    constexpr int kLooks = 200;
    constexpr useconds_t kPause = 1000;
    for (int i = 0; frozen == Frozen::kYes && i < kLooks; ++i) {
      if (directories[0].read_entry("cgroup.events", "frozen").value_or(0) == 1) return {};
      ::usleep(kPause);
    }
    return frozen == Frozen::kNo ? Status() : fail("the control group did not come to a stop");
  }

  std::string name() const override { return "control group v2"; }

 private:
  static std::string leaf_name(const GroupDirectory& group) { return group.name + "-leaf"; }

  [[nodiscard]] std::string taken_back() const {
    std::string orders = place_.to_give;
    std::replace(orders.begin(), orders.end(), '+', '-');
    return orders;
  }

  [[nodiscard]] Status write_parent(const char* file, std::string_view text) const {
    const UniqueFd opened(::openat(directories[0].parent.get(), file, O_WRONLY | O_CLOEXEC));
    if (opened.valid() && ::write(opened.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()))
      return {};
    return fail_errno(
        errno, std::string("cannot write ").append(text).append(" to ").append(file) + " of Writ's own control group");
  }

  // Moves the processes of one group, named from the parent, to another.
  [[nodiscard]] Status move_everything(const std::string& from, const std::string& to) const {
    GroupDirectory source;
    source.directory.reset(::openat(directories[0].parent.get(), from.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    GroupDirectory target;
    target.path = to;
    target.directory.reset(::openat(directories[0].parent.get(), to.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const std::string list = source.read("cgroup.procs");
    std::string_view rest = list;
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      Status moved = target.write("cgroup.procs", line);
      if (!moved && moved.error().system_errno != ESRCH) return moved;
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    }
    return {};
  }

  std::string leaf_;
  ControlGroupPlace place_;
};

}  // namespace

std::unique_ptr<ControlGroupBackend> make_unified_control_group(ControlGroupPlace place) {
  return std::make_unique<UnifiedControlGroup>(std::move(place));
}

}  // namespace writ
