// shell.run: runs a program in a sandbox of its own and gives what it wrote. A list of words, never a shell's text.
//
//   {argv, timeout_s?, working_directory?, max_output_bytes?}
//   → {exit_status | signal, stdout, stderr, stdout_truncated, stderr_truncated, timed_out, wall_ms}
#ifndef WRIT_BROKER_PRIMITIVES_SHELL_RUN_H_
#define WRIT_BROKER_PRIMITIVES_SHELL_RUN_H_

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/json_text.h"
#include "broker/primitives/command_starter.h"
#include "broker/primitives/permit.h"
#include "broker/primitives/primitive.h"
#include "broker/primitives/sandboxed_command.h"

namespace writ {

inline constexpr std::size_t kShellWordLimit = 1024;        // words of a command line
inline constexpr std::size_t kShellTextLimit = 128 * 1024;  // bytes of it
inline constexpr std::size_t kShellOutputLimit = 200000;    // of each stream
inline constexpr std::size_t kShellOutputDefault = 32000;
inline constexpr double kShellTimeLimit = 300;  // seconds
inline constexpr std::string_view kShellPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct ShellContext {
  PrimitiveAuthority& authority;
  CommandStarter& starter;
  CommandSandbox sandbox;  // with its workspace
  // Where a program that is named without a path is looked for, as PATH; directories in the workspace do not count.
  std::string search_path{kShellPath};
  int cancel = -1;  // borrowed; ready: the caller is gone, end the command
};

// In this order:
//   1. the arguments are checked (kInvalidArguments; a working directory outside of the workspace: kDenied)
//   2. what is destructive by its words is kDenied, whoever allows it, and nobody is asked (command_risk.h)
//   3. authority for execute on `shell:<argv[0]>`, as it was given, bound to shell_argument_hash(): kDenied. What is no
//      exact resource (./git, git:*) never is allowed
//   4. a bare name is looked up along the search path: kNotFound
//   5. it runs. kUnavailable: nothing could be started. In a working directory behind a link it does not: that answers
//   as
//      one that does not exist. It is looked at right before; whoever puts a link there later leads no further than the
//      view of the command
// A time limit that was reached is a result: timed_out, exit_status 124. cancel: kCancelled.
[[nodiscard]] PrimitiveResult run_shell(ShellContext& context, const JsonObject& arguments);

// What an approval of a command is bound to: SHA-256 over the words and the working directory ("." or a path relative
// to the workspace), each with its length in front; 64 hexadecimal digits. Pure.
[[nodiscard]] std::string shell_argument_hash(std::span<const std::string> argv, std::string_view working_directory);

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_SHELL_RUN_H_
