// TerminalRelay: copies between the user's terminal and the tool's pseudo-terminal in an interactive run.
//
//   WRIT_ASSIGN(auto relay, TerminalRelay::create({.user_input = 0, .user_output = 1, .master = …, .slave = …}));
//   while (tool runs) {
//     entries.clear(); …own entries…; relay->add_poll_entries(entries);
//     poll(entries, relay->poll_timeout_ms());   // or the caller's own timeout where that is shorter
//     relay->handle_events(entries);             // also after a time-out and with EINTR
//     if (relay->kill_requested()) …kill the whole tree…
//   }
//   relay->drain(std::chrono::seconds(2));
//
// One poll(2) loop, owned by the caller; no threads, no signal handlers: the caller receives SIGWINCH, SIGCONT and the
// fatal signals (a signalfd or a self-pipe) and calls on_window_change(), on_continue(), or leaves the loop. SIGPIPE
// must be ignored. Memory is constant: both directions have bounded queues, and a full queue stops the reading side.
//
// The tool's output passes through TerminalOutputFilter unless that is switched off; see there for what a terminal can
// still be told. Keys typed ahead while a tool runs are read by the relay and are lost to the shell afterwards.
//
// Threads: one at a time; other threads must have SIGTSTP blocked (suspend_self). Fork: see user_terminal.h.
#ifndef WRIT_LAUNCHER_TERMINAL_RELAY_H_
#define WRIT_LAUNCHER_TERMINAL_RELAY_H_

#include <poll.h>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "launcher/stop_self.h"
#include "launcher/terminal_output_filter.h"
#include "launcher/user_terminal.h"

namespace writ {

enum class OutputFiltering : std::uint8_t { kDropDangerous, kNone };

struct TerminalRelayOptions {
  int user_input = -1;   // borrowed; -1: the tool gets no input from here
  int user_output = -1;  // borrowed; the user's terminal wherever there is one, even if only standard error leads to it
  TerminalUse use = TerminalUse::kExclusive;
  OutputFiltering filtering = OutputFiltering::kDropDangerous;
  EightBitControls eight_bit = EightBitControls::kOrdinary;
  UniqueFd master;  // of the tool's terminal
  // A copy of the slave, kept open until tool_ended(): a tool that closes its streams and opens /dev/tty later is not
  // cut off. May be left out; then the first moment without any open slave is the end of the output.
  UniqueFd slave;
};

// Two interrupts within one second. Pure.
class RepeatedInterrupt {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kWindow{1000};
  // Records an interrupt at `now`; true when it follows an earlier one closely enough.
  bool note(Clock::time_point now);

 private:
  std::optional<Clock::time_point> last_;
};

// First-in first-out bytes, never more than the capacity given at the start.
class ByteQueue {
 public:
  explicit ByteQueue(std::size_t capacity) : capacity_(capacity) { bytes_.reserve(capacity); }
  [[nodiscard]] bool empty() const { return begin_ == bytes_.size(); }
  [[nodiscard]] std::size_t size() const { return bytes_.size() - begin_; }
  [[nodiscard]] std::size_t space() const { return capacity_ - size(); }
  [[nodiscard]] std::span<const char> front() const { return {bytes_.data() + begin_, size()}; }
  // Appends `more`; the caller has checked space().
  void push(std::span<const char> more);
  void pop(std::size_t count);
  void clear();

 private:
  std::size_t capacity_;
  std::size_t begin_ = 0;
  std::string bytes_;
};

class TerminalRelay {
 public:
  // Takes over the terminal if it is ours, and gives the tool's terminal the user's settings and window size. Call
  // before the tool starts. Errors: `master` is no pseudo-terminal; O_NONBLOCK cannot be set.
  [[nodiscard]] static Result<std::unique_ptr<TerminalRelay>> create(TerminalRelayOptions options);
  // Restores the user's terminal.
  ~TerminalRelay();
  TerminalRelay(const TerminalRelay&) = delete;
  TerminalRelay& operator=(const TerminalRelay&) = delete;

  // Appends what the relay waits for at this moment: up to three entries with descriptors of its own.
  void add_poll_entries(std::vector<pollfd>& entries);
  // Longest time in milliseconds until the relay wants to be asked again; -1: only when a descriptor is ready.
  [[nodiscard]] int poll_timeout_ms() const;
  // Copies what is ready. `entries` may hold the caller's own entries as well. Never blocks.
  void handle_events(std::span<const pollfd> entries);

  // SIGWINCH: passes the new size on; the kernel then signals the tool.
  void on_window_change();
  // SIGCONT: looks again whether the terminal is ours.
  void on_continue();

  // The process group, in the caller's pid namespace, that a double interrupt may kill.
  void set_main_process_group(pid_t process_group) { main_process_group_ = process_group; }
  // True once the interrupt key was pressed twice within one second while the tool's terminal makes signals and lines
  // (ISIG, ICANON) and the main process group, which is no job-control shell (those ignore SIGTSTP), was in the
  // foreground. Both keys went to the tool as well. The caller kills the whole tree.
  [[nodiscard]] bool kill_requested() const { return kill_requested_; }

  // The main process was stopped (waitid WSTOPPED), or we shall stop for another reason: restores the terminal, stops
  // our own process group as Ctrl-Z would have, or what `reach` says, and takes the terminal back when continued. The
  // caller then continues the tool. Returns at once where nothing can stop us (stop_self.h).
  void suspend_self(StopReach reach = StopReach::kProcessGroup);

  // Lets go of the terminal for somebody who asks the person something there, and takes it back: in between nothing is
  // read from it or written to it, and it has the settings from before the run. What the tool writes waits.
  void pause();
  void resume();
  // The interrupt key, for the tool, whoever read it.
  void interrupt_tool();

  // The tool's processes are gone: closes the kept slave, so that the end of the output can be seen.
  void tool_ended() { slave_.reset(); }
  // True when every slave is closed and all output has been written (or the user's terminal is gone).
  [[nodiscard]] bool finished() const;
  // Calls tool_ended() and writes out what the kernel still holds. Gives up when nothing moved for `patience`: a
  // terminal stopped with Ctrl-S, or a slave still open somewhere. Returns finished().
  bool drain(std::chrono::milliseconds patience);

  // Number of escape sequences taken out of the output, for the report.
  [[nodiscard]] std::size_t dropped_sequences() const { return filter_.dropped(); }
  // True when writing to the user's terminal failed for good (window closed); output is thrown away from then on, so
  // that the tool does not hang on it.
  [[nodiscard]] bool user_terminal_lost() const { return output_lost_; }

 private:
  explicit TerminalRelay(TerminalRelayOptions options);
  Status set_up();
  void copy_settings_to_tool();
  void match_tool_to_user();
  void take_over_if_ours();
  void handle_input(short ready);
  void handle_input_end(short ready);
  void accept_input(std::span<const char> bytes);
  void interrupt_stuck_tool(std::span<const char> bytes);
  void note_interrupts(std::span<const char> bytes);
  [[nodiscard]] bool double_interrupt_may_kill() const;
  [[nodiscard]] bool is_interrupt(char byte) const;
  void write_tool();
  void copy_output(short user_ready);
  void send_end_of_input();
  bool read_tool();
  bool write_user();
  void queue_output(std::string_view bytes);
  void end_output();
  [[nodiscard]] bool wants_input() const;
  [[nodiscard]] bool input_is_stuck() const;

  UserTerminal user_;
  TerminalUse use_;
  OutputFiltering filtering_;
  TerminalOutputFilter filter_;
  UniqueFd master_;
  UniqueFd slave_;
  ByteQueue to_tool_;
  ByteQueue to_user_;
  std::string passed_;      // what the filter let through of one read
  bool has_input_ = false;  // input has not ended yet
  bool end_to_send_ = false;
  bool line_is_open_ = false;  // the last byte for the tool did not end a line
  bool slaves_closed_ = false;
  bool output_lost_ = false;
  bool kill_requested_ = false;
  bool paused_ = false;
  std::optional<bool> tool_output_processing_;  // what we last set OPOST of the slave to
  pid_t main_process_group_ = 0;
  RepeatedInterrupt interrupts_;
  std::chrono::steady_clock::time_point last_tool_progress_;  // when the tool's terminal last took input
  std::uint64_t moved_ = 0;                                   // bytes read from and written to either side, for drain()
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_TERMINAL_RELAY_H_
