// A command that runs on behalf of a primitive: in a sandbox of its own (`writ run`), with its output captured, its
// time bounded, and nothing left of it afterwards.
//
// The run is a child of the broker and dies with it; its sandbox dies with the run. Whatever happens here, the run has
// ended when run_sandboxed() returns, except where the kernel holds a killed process for more than seconds.
#ifndef WRIT_BROKER_PRIMITIVES_SANDBOXED_COMMAND_H_
#define WRIT_BROKER_PRIMITIVES_SANDBOXED_COMMAND_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/primitives/captured_output.h"
#include "broker/primitives/command_starter.h"

namespace writ {

// How nested runs are started: the outer call's profile and bounds. Nothing in it comes from a tool.
struct CommandSandbox {
  std::string profile;
  std::string workspace;  // absolute; empty: not given
  // Further options of `writ run`; never --timeout, --chdir or --quiet, which are given here.
  std::vector<std::string> options;
};

enum class ConversationStep : std::uint8_t {
  kWaiting,   // for more bytes
  kWrite,     // there is something to write; then call again
  kFinished,  // all is said; the command has a second to end by itself
  kBroken,    // end it
};

// Talks with a command over its standard input and output.
class CommandConversation {
 public:
  CommandConversation() = default;
  CommandConversation(const CommandConversation&) = delete;
  CommandConversation& operator=(const CommandConversation&) = delete;
  virtual ~CommandConversation() = default;
  // What the command is sent first.
  [[nodiscard]] virtual std::string open() = 0;
  // What it wrote.
  virtual void take(std::string_view bytes) = 0;
  // Appends what there is to write to `written`. May take its time, which does not count as the command's. Nothing more
  // is taken until everything is written, so that a command which does not read cannot pile it up here.
  [[nodiscard]] virtual ConversationStep step(std::string& written) = 0;
};

struct SandboxedCommand {
  std::vector<std::string> argv;
  std::string working_directory;  // in the sandbox, absolute
  std::chrono::milliseconds time_limit{30000};
  std::chrono::milliseconds kill_grace{500};  // between SIGTERM and SIGKILL for the run, which has a grace of its own
  std::size_t output_limit = 0;               // bytes that are kept; the rest is read and counted
  std::size_t error_limit = 0;
  CommandConversation* conversation = nullptr;  // borrowed; nullptr: standard input is empty, output is captured
  int cancel = -1;                              // borrowed; ready to read, or hung up: end the command
};

enum class CommandEnding : std::uint8_t { kByItself, kTimedOut, kCancelled, kBroken };

inline constexpr int kStatusTimedOut = 124;
inline constexpr int kStatusNoSandbox = 125;
inline constexpr int kStatusNotExecutable = 126;
inline constexpr int kStatusNotFound = 127;

struct CommandOutcome {
  CommandEnding ending = CommandEnding::kByItself;
  // As of env(1) and timeout(1): the command's own; 128 + n after signal n; 124 after the time limit; 125 Writ could
  // not build the sandbox, 126 it cannot be executed, 127 it was not found. A command can end with any of them by
  // itself: never conclude from it that nothing happened.
  int exit_status = 0;
  int signal = 0;  // of the run itself, which then has no exit status
  CapturedOutput output;
  CapturedOutput errors;
  std::chrono::milliseconds wall{0};
};

// Runs it and waits for its end. SIGPIPE must be ignored. Errors: nothing was started.
[[nodiscard]] Result<CommandOutcome> run_sandboxed(CommandStarter& starter, const CommandSandbox& sandbox,
                                                   const SandboxedCommand& command);

// The command line of the run. Pure.
[[nodiscard]] std::vector<std::string> sandboxed_arguments(const CommandSandbox& sandbox,
                                                           const SandboxedCommand& command);

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_SANDBOXED_COMMAND_H_
