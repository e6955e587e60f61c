// cgroup v1: a hierarchy for each controller (Documentation/admin-guide/cgroup-v1 of the kernel).
#include <fcntl.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "broker/kernel/control_group_backend.h"

namespace writ {
namespace {

constexpr std::uint64_t kUsualShares = 1024;  // of who has no other, where a weight is 100
constexpr std::uint64_t kFewestShares = 2;

class SeparateControlGroup final : public ControlGroupBackend {
 public:
  Status set_limits(const ControlGroupLimits& limits) override {
    if (limits.memory) WRIT_TRY(limit_memory(*limits.memory, limits.swap));
    if (limits.cpus || limits.cpu_weight) WRIT_TRY(limit_processors(limits));
    const GroupDirectory* pids = directory_of("pids");
    if (limits.processes && pids != nullptr) WRIT_TRY(pids->write("pids.max", std::to_string(*limits.processes)));
    return {};
  }

  ControlGroupUse use() const override {
    ControlGroupUse use;
    if (const GroupDirectory* memory = directory_of("memory")) {
      use.memory_peak = memory->read_number("memory.max_usage_in_bytes");
      use.killed_for_memory = memory->read_entry("memory.oom_control", "oom_kill").value_or(0);
    }
    if (const GroupDirectory* pids = directory_of("pids")) {
      use.processes_peak = pids->read_number("pids.peak");
      use.processes_refused = pids->read_entry("pids.events", "max");
    }
    if (const GroupDirectory* account = directory_of("cpuacct"))
      if (const auto nanoseconds = account->read_number("cpuacct.usage"))
        use.cpu_time = std::chrono::microseconds(static_cast<std::int64_t>(*nanoseconds / 1000));
    if (const GroupDirectory* cpu = directory_of("cpu"))
      use.periods_throttled = cpu->read_entry("cpu.stat", "nr_throttled");
    return use;
  }

  int memory_descriptor() const override { return memory_event_.valid() ? memory_event_.get() : -1; }

  Status set_frozen(Frozen frozen) override {
    if (frozen == Frozen::kNo) return {};
    return fail("what the freezer of cgroup v1 has stopped cannot be killed");
  }

  std::string name() const override { return "control group v1"; }

 private:
  Status limit_memory(std::uint64_t memory, std::uint64_t swap) {
    const GroupDirectory* directory = directory_of("memory");
    if (directory == nullptr) return fail("there is no memory controller");
    WRIT_TRY(directory->write("memory.limit_in_bytes", std::to_string(memory)));
    // Counts both together, and must not be smaller than the limit above.
    constexpr const char* kBoth = "memory.memsw.limit_in_bytes";
    constexpr std::uint64_t kMost = (1ull << 63) - 1;
    if (directory->has(kBoth))
      WRIT_TRY(directory->write(kBoth, std::to_string(memory > kMost - swap ? kMost : memory + swap)));
    else
      not_held.emplace_back("swap: this kernel does not count it (it has no memory.memsw files)");
    return watch_memory(*directory);
  }

  // The kernel kills one process at a time; with this we are told and can end the others.
  Status watch_memory(const GroupDirectory& directory) {
    UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    const UniqueFd control(::openat(directory.directory.get(), "memory.oom_control", O_RDONLY | O_CLOEXEC));
    if (!event.valid() || !control.valid()) return fail_errno(errno, "cannot watch the memory of the control group");
    const std::string order = std::to_string(event.get()) + " " + std::to_string(control.get());
    // A kernel without this notification kills all the same; then the end of the run is when we learn of it.
    if (directory.write("cgroup.event_control", order)) memory_event_ = std::move(event);
    return {};
  }

  Status limit_processors(const ControlGroupLimits& limits) {
    const GroupDirectory* directory = directory_of("cpu");
    if (directory == nullptr) return fail("there is no cpu controller");
    if (limits.cpus) {
      WRIT_TRY(directory->write("cpu.cfs_period_us", std::to_string(kQuotaPeriod)));
      WRIT_TRY(directory->write("cpu.cfs_quota_us", std::to_string(quota_of(*limits.cpus))));
    }
    if (limits.cpu_weight) {
      const std::uint64_t shares = std::max(kFewestShares, *limits.cpu_weight * kUsualShares / 100);
      WRIT_TRY(directory->write("cpu.shares", std::to_string(shares)));
    }
    return {};
  }

  UniqueFd memory_event_;
};

}  // namespace

std::unique_ptr<ControlGroupBackend> make_separate_control_group() { return std::make_unique<SeparateControlGroup>(); }

}  // namespace writ
