// ProcessPause: how init stops everything in its sandbox and lets it go on, where no freezer of a control group does.
//
// SIGSTOP to every process of the pid namespace, the parents first, again until looks through /proc find nobody who
// runs or half a second is over. A stop cannot be ignored or handled; a process that waits in the kernel
// uninterruptibly (for the broker's answer to one of its calls, for a child of vfork(2), for a disk) stops before it
// returns to its own code.
//
// What it does not hide, unlike a freezer: a parent that asks wait4(2) with WUNTRACED inside of another pid namespace,
// or a debugger, can see that its children were stopped. A process that was stopped before stays stopped afterwards;
// up to kRememberedStops of those are told from the others.
//
// Raw system calls on its own storage, without allocation. Only for pid 1 of a namespace whose /proc is mounted.
#ifndef WRIT_BROKER_SANDBOX_PROCESS_PAUSE_H_
#define WRIT_BROKER_SANDBOX_PROCESS_PAUSE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "broker/sandbox/child_plan.h"

namespace writ {

// Processes that the tool's own job control had stopped before a pause, and that a resume leaves alone. What was
// stopped beyond this many goes on with the others.
inline constexpr std::size_t kRememberedStops = 512;

// One process as /proc/PID/stat shows it. The start time makes the number unmistakable (proc(5)).
struct ProcessState {
  std::int32_t pid = 0;
  char state = '?';
  std::uint64_t started = 0;  // clock ticks since boot
};

// Reads the text of /proc/PID/stat, whose second field may hold anything. False: it is not one.
[[nodiscard]] bool parse_process_state(std::string_view text, ProcessState& process);

class ProcessPause {
 public:
  // Stops everything; 0, or -errno: EOPNOTSUPP (not pid 1), or what was wrong with /proc, in which case everything was
  // told to stop, and nothing is known about it.
  long pause(PauseOutcome& outcome);
  // Continues, children before their parents, so that no parent finds a child stopped that it had not seen stop.
  // 0 or -errno; nothing to do is no error.
  long resume(PauseOutcome& outcome);

  // The one or the other; `command` is kPause or kResume.
  long obey(InitCommand command, PauseOutcome& outcome) {
    return command == InitCommand::kPause ? pause(outcome) : resume(outcome);
  }

  [[nodiscard]] bool is_paused() const { return paused_; }

 private:
  struct Known {
    std::int32_t pid;
    std::uint64_t started;
  };
  static constexpr std::size_t kAtOnce = 2048;

  long remember_stopped(int proc);
  long stop_until_quiet(int proc, PauseOutcome& outcome);
  void stop_in_order(int proc, std::int64_t until);
  long continue_all(int proc, PauseOutcome& outcome);
  void continue_batch(std::size_t count);
  [[nodiscard]] bool was_stopped_before(const ProcessState& process) const;

  bool paused_ = false;
  std::size_t remembered_count_ = 0;
  std::array<Known, kRememberedStops> remembered_{};
  std::array<Known, kAtOnce> batch_{};
};

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_PROCESS_PAUSE_H_
