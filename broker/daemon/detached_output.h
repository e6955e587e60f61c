// DetachedOutput: the standard streams of a sandbox that no client holds: its output is kept in bounded memory, and
// clients may read it and follow it. Either two pipes and an empty input, or a terminal that one client at a time may
// type on.
//
// Ownership: owns its ends, the rings and the sockets of those who follow. Borrows the loop. Threads: one.
#ifndef WRIT_BROKER_DAEMON_DETACHED_OUTPUT_H_
#define WRIT_BROKER_DAEMON_DETACHED_OUTPUT_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/daemon/captured_terminal.h"
#include "broker/daemon/event_loop.h"
#include "broker/daemon/output_pump.h"
#include "broker/daemon/output_ring.h"

namespace writ {

enum class OutputStream : std::uint8_t { kOutput, kError };  // a terminal has only the first
inline constexpr std::array<std::string_view, 2> kOutputStreamNames = {"stdout", "stderr"};

// A copy of what is kept of one stream.
struct KeptOutput {
  UniqueFd memory;  // sealed; the kept bytes
  std::uint64_t written = 0;
  std::uint64_t lost = 0;  // of those, the first ones that are not kept
};

class DetachedOutput {
 public:
  // Errors: the kernel's.
  [[nodiscard]] static Result<std::unique_ptr<DetachedOutput>> with_pipes(EventLoop& loop);
  [[nodiscard]] static Result<std::unique_ptr<DetachedOutput>> with_terminal(EventLoop& loop, winsize size);
  DetachedOutput(const DetachedOutput&) = delete;
  DetachedOutput& operator=(const DetachedOutput&) = delete;
  ~DetachedOutput();

  // What the sandbox gets as 0, 1 and 2; -1: /dev/null. Borrowed; for the launch.
  [[nodiscard]] std::array<int, 3> streams() const;
  // The sandbox holds its copies now: ours are closed, so that its end of file shows.
  void handed_over();
  // Everything in the sandbox is dead: reads what the kernel still holds, and lets those who follow see the end.
  void ended();

  // Error: ENODATA for the error stream of a terminal; the kernel's.
  [[nodiscard]] Result<KeptOutput> kept(OutputStream stream) const;
  // Returns the client's end of a socket (SOCK_STREAM) that gets what is kept and what follows. Errors as above;
  // EAGAIN: too many follow already.
  [[nodiscard]] Result<UniqueFd> follow(OutputStream stream);
  // The same, and what the client sends is typed on the terminal. Errors: ENOTTY; EBUSY: somebody types already.
  [[nodiscard]] Result<UniqueFd> attach();
  // Error: ENOTTY; EPERM: nobody is attached.
  [[nodiscard]] Status resize(winsize size);

  // nullptr for the error stream of a terminal.
  [[nodiscard]] const OutputRing* ring_of(OutputStream stream) const;

  [[nodiscard]] bool has_terminal() const { return terminal_ != nullptr; }

 private:
  static constexpr std::size_t kFollowerLimit = 64;

  struct Pipe {
    UniqueFd read_end;
    UniqueFd write_end;  // until it was handed over
    OutputRing ring;
  };
  struct Follower {
    OutputStream stream;
    std::unique_ptr<OutputPump> pump;
  };

  explicit DetachedOutput(EventLoop& loop) : loop_(loop) {}
  void read_pipe(OutputStream stream);
  [[nodiscard]] bool read_some(Pipe& pipe);
  void serve_terminal(std::uint32_t events);
  void watch_terminal();
  [[nodiscard]] Result<UniqueFd> add_follower(OutputStream stream, bool types);
  void type(std::string_view keys);
  void pump(OutputStream stream);
  void sweep();

  EventLoop& loop_;
  std::array<Pipe, 2> pipes_;
  std::unique_ptr<CapturedTerminal> terminal_;
  std::optional<ViewerId> writer_;
  std::vector<Follower> followers_;
  bool ended_ = false;
};

}  // namespace writ

#endif  // WRIT_BROKER_DAEMON_DETACHED_OUTPUT_H_
