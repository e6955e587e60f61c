// CapturedTerminal: the terminal of a tool that no person sits at. What the tool writes is kept in an OutputRing;
// viewers may come and go, each gets what is kept and then what follows, and one of them at a time may type.
//
//   WRIT_ASSIGN(auto terminal, CapturedTerminal::create({}));
//   … terminal->slave() becomes the tool's standard streams and controlling terminal, terminal->take_devpts() goes into
//   the view …
//   while (…) { poll {terminal->descriptor(), terminal->poll_events()}; terminal->handle_events(revents); }
//   when the tool's processes are dead: terminal->tool_ended();  // reads what the kernel still holds
//
// Nobody waits for a viewer: the tool's output is read as fast as it comes, and a viewer that does not keep up loses
// the oldest bytes and is told how many. Memory: the ring, 16 bytes for each viewer, and what was typed and not yet
// read by the tool (at most kTypedLimit).
//
// The bytes are the tool's, escape sequences and all: whoever shows them on a person's terminal filters them
// (terminal_output_filter.h), whoever prints them into a log escapes them. While nobody is attached, nobody answers
// what a program asks its terminal.
//
// Ownership: owns the terminal. Threads: one at a time. Fork: not for use between clone and exec.
#ifndef WRIT_BROKER_DAEMON_CAPTURED_TERMINAL_H_
#define WRIT_BROKER_DAEMON_CAPTURED_TERMINAL_H_

#include <sys/ioctl.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/daemon/output_ring.h"
#include "broker/kernel/pseudo_terminal.h"

namespace writ {

enum class DevptsInstance : std::uint8_t {
  kPrivate,  // of the sandbox's own; needs the right to mount
  kHost,     // pseudo_terminal.h says what is missing then
};

struct CapturedTerminalOptions {
  std::size_t kept = OutputRing::kUsualCapacity;
  winsize size{24, 80, 0, 0};  // rows, columns
  DevptsInstance instance = DevptsInstance::kPrivate;
  std::optional<TerminalOwner> owner;
};

enum class ViewerRole : std::uint8_t {
  kReader,
  kWriter,  // may type and resize; at most one at a time
};
enum class ViewerId : std::uint64_t {};

class CapturedTerminal {
 public:
  static constexpr std::size_t kViewerLimit = 64;
  static constexpr std::size_t kTypedLimit = std::size_t{64} << 10;

  // Errors: those of make_private_pseudo_terminal() and make_host_pseudo_terminal(); the size cannot be set.
  [[nodiscard]] static Result<std::unique_ptr<CapturedTerminal>> create(CapturedTerminalOptions options);

  // --- for the launch ---

  // Borrowed; open until tool_ended(), so that a tool which closes its streams and opens /dev/tty later is not cut off.
  [[nodiscard]] int slave() const { return slave_.get(); }
  // The devpts instance for the view; given away once, invalid with DevptsInstance::kHost.
  [[nodiscard]] UniqueFd take_devpts() { return std::move(devpts_); }

  // --- for the loop ---

  // -1 once the output has ended.
  [[nodiscard]] int descriptor() const { return master_.get(); }
  [[nodiscard]] short poll_events() const;
  // Reads a bounded amount of what the tool wrote, writes what was typed. Never blocks. `ready`: what poll(2) said.
  void handle_events(short ready);
  // The tool's processes are dead: reads all that the kernel still holds, and ends. Viewers stay attached and can read
  // on.
  void tool_ended();
  // No more output will come.
  [[nodiscard]] bool has_ended() const { return !master_.valid(); }

  [[nodiscard]] const OutputRing& output() const { return ring_; }

  // --- for viewers ---

  // Attached viewers begin with the oldest byte that is kept. Errors: EBUSY (there is a writer already); EAGAIN (too
  // many viewers).
  [[nodiscard]] Result<ViewerId> attach(ViewerRole role);
  // Nothing when there is no such viewer.
  void detach(ViewerId viewer);

  // What comes next for this viewer, at most `most` bytes, and how many it has missed before them. Valid until the next
  // call that may read the terminal. Empty with lost == 0: nothing at the moment. Errors: ENOENT (no such viewer).
  [[nodiscard]] Result<OutputRing::Piece> next(ViewerId viewer, std::size_t most = SIZE_MAX) const;
  // The viewer has got `bytes` of what next() said, and knows what was lost before them.
  void advance(ViewerId viewer, std::size_t bytes);

  // Types `keys`; returns how many were taken, which is fewer when the tool does not read. Errors: EPERM (no writer);
  // EPIPE (the output has ended).
  [[nodiscard]] Result<std::size_t> type(ViewerId viewer, std::string_view keys);
  // The kernel tells the tool's foreground group (SIGWINCH) when this changes something. Errors: EPERM (no writer);
  // EPIPE.
  [[nodiscard]] Status resize(ViewerId viewer, winsize size);

 private:
  CapturedTerminal(PseudoTerminal terminal, std::size_t kept);

  bool read_once();
  void write_typed();
  [[nodiscard]] Status check_writer(ViewerId viewer) const;

  OutputRing ring_;
  UniqueFd master_;
  UniqueFd slave_;
  UniqueFd devpts_;
  std::string typed_;
  std::map<ViewerId, std::uint64_t> viewers_;  // the position that each has come to
  std::optional<ViewerId> writer_;
  std::uint64_t next_viewer_ = 1;
};

}  // namespace writ

#endif  // WRIT_BROKER_DAEMON_CAPTURED_TERMINAL_H_
