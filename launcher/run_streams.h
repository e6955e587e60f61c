// RunStreams: what becomes of standard input, output and error of a run: passed on as they are, or, where they are a
// terminal, replaced by a terminal (or pipes) of the sandbox's own. The tool never holds the user's terminal.
#ifndef WRIT_LAUNCHER_RUN_STREAMS_H_
#define WRIT_LAUNCHER_RUN_STREAMS_H_

#include <poll.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/kernel/landlock.h"
#include "broker/policy/profile.h"
#include "broker/sandbox/broker_start.h"
#include "broker/sandbox/identity.h"
#include "broker/sandbox/plan_writer.h"
#include "launcher/terminal_relay.h"

namespace writ {

// Copies one pipe of the tool to one descriptor of ours.
struct OutputPipe {
  UniqueFd read_end;
  UniqueFd destination;
  int number = 1;            // of the stream, for the tool
  std::uint64_t passed = 0;  // bytes
};

// Opens /dev/null for every closed one of descriptors 0, 1 and 2. Call before anything else opens a descriptor: it
// would land on such a number, and the tool would get it as a standard stream.
[[nodiscard]] Status fill_closed_standard_streams();

// Whose streams they are: a person's, or those of a tool in the sandbox from which a command was asked for.
enum class StreamGiver : std::uint8_t { kPerson, kTool };

class RunStreams {
 public:
  // Looks at descriptors 0, 1 and 2 of this process, which must be open: fill_closed_standard_streams().
  [[nodiscard]] static Result<RunStreams> arrange(const Profile& profile, const BrokerStart& broker,
                                                  const ToolIdentity& identity, StreamGiver giver);

  [[nodiscard]] std::vector<GrantedDescriptor> descriptors() const;
  // Descriptor of the tool that becomes its controlling terminal, or -1.
  [[nodiscard]] int terminal_number() const;
  // What the floor must handle: a file without a name on standard input could be truncated through its name in /proc.
  [[nodiscard]] LandlockCoverage landlock_floor() const { return floor_; }
  // The devpts instance for the view; given away once.
  [[nodiscard]] UniqueFd take_devpts() { return std::move(devpts_); }
  [[nodiscard]] TerminalRelay* relay() { return relay_.get(); }

  // Our own copies of what the tool got are closed: its readers and writers must see the tool's end of file, not ours.
  // `tool` is its pidfd, borrowed.
  void tool_started(int tool);

  void add_poll_entries(std::vector<pollfd>& entries);
  void handle_events(std::span<const pollfd> entries);
  // With a limit of output: the stream on which more came than may, of which the rest was not passed on.
  [[nodiscard]] std::optional<int> over_limit() const { return over_limit_; }
  // Bytes of the longest stream that Writ passed on, where it counts them.
  [[nodiscard]] std::uint64_t longest_output() const { return longest_; }
  // Everything the tool's processes wrote is passed on; call after they are dead.
  void drain();

 private:
  Status use_terminal(const BrokerStart& broker, const ToolIdentity& identity);
  Status use_pipes();
  Status use_pipe_for(int number);
  Status grant_others(const BrokerStart& broker, StreamGiver giver);
  Status grant_input_file(const BrokerStart& broker, StreamGiver giver);
  void use_input_copy(UniqueFd copy);
  void pass_on_input_offset() const;
  void copy(OutputPipe& pipe);
  std::string_view within_limit(OutputPipe& pipe, std::string_view chunk);

  LandlockCoverage floor_ = LandlockCoverage::kWrites;
  std::array<int, 3> sources_{0, 1, 2};  // what the tool gets, by its number
  std::array<bool, 3> is_terminal_{};
  std::vector<UniqueFd> owned_;  // our copies of what the tool gets
  std::vector<OutputPipe> pipes_;
  std::optional<std::uint64_t> output_limit_;
  std::optional<int> over_limit_;
  std::uint64_t longest_ = 0;
  UniqueFd input_file_;  // standard input as the person gave it, where the tool got a copy
  UniqueFd input_copy_;
  UniqueFd devpts_;
  std::unique_ptr<TerminalRelay> relay_;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_RUN_STREAMS_H_
