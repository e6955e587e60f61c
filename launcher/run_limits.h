// RunLimits: the limits of one run: the control group where one is wanted, what Writ itself counts, and, when the tool
// has ended, what became of each limit.
//
// Ownership: owns the group; the profile is borrowed and must outlive it. Threads: one.
#ifndef WRIT_LAUNCHER_RUN_LIMITS_H_
#define WRIT_LAUNCHER_RUN_LIMITS_H_

#include <poll.h>
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/kernel/control_group.h"
#include "broker/observation/tree_sampler.h"
#include "broker/policy/profile.h"
#include "broker/sandbox/child_plan.h"
#include "broker/sandbox/launch.h"
#include "broker/sandbox/sandbox_freezer.h"
#include "launcher/limit_record.h"
#include "launcher/run_outcome.h"
#include "launcher/run_streams.h"

namespace writ {

// The freezer of a run's control group.
class GroupFreezer final : public SandboxFreezer {
 public:
  explicit GroupFreezer(ControlGroup& group) : group_(group) {}
  [[nodiscard]] Status freeze() override { return group_.set_frozen(Frozen::kYes); }
  [[nodiscard]] Status thaw() override { return group_.set_frozen(Frozen::kNo); }

 private:
  ControlGroup& group_;
};

class RunLimits {
 public:
  explicit RunLimits(const Profile& profile)
      : limits_(profile.limits), requirement_(profile.requirement(Layer::kControlGroup)) {}

  // Makes the control group and puts init into it, before its plan is sent. Where no limit has a use for one, nothing
  // is done. The result is for LaunchRequest::control_group.
  [[nodiscard]] Status make_group(pid_t init);
  // Whether one could be made, for a run that does not start anything.
  [[nodiscard]] Status look_for_group() const;

  // The group counts processes more exactly than the kernel's own limit, which is set a little wider then.
  void adjust(PreparedLaunch& prepared) const;

  // The tool runs: what Writ counts itself is counted from here on.
  void started(pid_t init);
  // Whether looking into the processes of the tool is a part of it (BrokerLandlock).
  [[nodiscard]] bool reads_processes() const { return limits_.write_size || samples_memory(); }

  // For the session's loop.
  void add_poll_entries(std::vector<pollfd>& entries) const;
  [[nodiscard]] std::optional<std::chrono::milliseconds> poll_timeout() const;
  // Looks at what Writ counts. Returns the limit for which everything has to be ended now; once.
  [[nodiscard]] std::optional<std::string> check(const RunStreams& streams);

  // Init says that the tool has ended.
  void note_exit(const InitReport& report);
  // Everything is dead. Reads the last figures, removes the group, and tells in `outcome` whether a limit ended the
  // run.
  void finish(const RunStreams& streams, RunOutcome& outcome);

  // After finish(): what is known of each limit.
  [[nodiscard]] const std::vector<LimitRecord>& records() const { return records_; }
  // What could not be enforced; for the terminal and the report.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  // Null where there is none.
  [[nodiscard]] SandboxFreezer* freezer() { return freezer_ ? &*freezer_ : nullptr; }

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] ControlGroupLimits group_limits() const;
  [[nodiscard]] Result<ControlGroup> create_group(pid_t init) const;
  [[nodiscard]] bool profits_from_group() const { return wants_control_group(limits_) || limits_.total_cpu_time; }
  [[nodiscard]] bool samples_memory() const { return limits_.memory && !group_; }
  [[nodiscard]] bool samples() const { return limits_.total_cpu_time || limits_.write_size || samples_memory(); }
  [[nodiscard]] std::chrono::milliseconds cpu_time(const ControlGroupUse& use) const;
  void look();
  void schedule();
  [[nodiscard]] std::string by_group() const;
  void end_for(std::string_view name, const std::string& detail);
  void record_memory(const ControlGroupUse& use);
  void record_processors(const ControlGroupUse& use);
  void record_processes(const ControlGroupUse& use);
  void record_streams(const RunStreams& streams);
  void record_scratch(const char* name, std::uint64_t limit, const ScratchUse& use);
  void record_each_process(const RunOutcome& outcome);
  void record_wall_time(const RunOutcome& outcome);
  LimitRecord& add(std::string_view name, LimitUnit unit, std::uint64_t value, std::string enforced);

  const LimitPolicy& limits_;
  Requirement requirement_;
  std::optional<ControlGroup> group_;
  std::optional<GroupFreezer> freezer_;
  std::string group_name_;
  std::optional<TreeSampler> sampler_;
  TreeUse seen_;  // peaks and sums of what was sampled
  std::optional<Clock::time_point> next_look_;
  bool memory_woke_ = false;
  std::optional<std::string> end_reason_;  // which limit Writ ends the run for
  std::string_view ended_for_;
  std::string end_detail_;
  bool told_ = false;
  std::optional<InitReport> exit_;
  std::vector<LimitRecord> records_;
  std::vector<std::string> warnings_;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_RUN_LIMITS_H_
