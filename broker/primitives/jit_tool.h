// Runs a tool that was made at run time: in a sandbox that reaches nothing (profile `jit`), talking with the broker
// over its standard streams. What it asks for goes past the table of tools, and through every check of the primitives.
#ifndef WRIT_BROKER_PRIMITIVES_JIT_TOOL_H_
#define WRIT_BROKER_PRIMITIVES_JIT_TOOL_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "broker/base/json_text.h"
#include "broker/jit/jit_candidate.h"
#include "broker/primitives/command_starter.h"
#include "broker/primitives/primitive.h"
#include "broker/primitives/sandboxed_command.h"

namespace writ {

inline constexpr std::string_view kJitProfile = "jit";
inline constexpr std::chrono::milliseconds kJitTimeDefault{5000};
inline constexpr std::chrono::milliseconds kJitTimeLimit{60000};
inline constexpr std::size_t kJitErrorLimit = 100 * 1000;  // bytes kept of what a tool prints

// Does one primitive by its name, with the authority of the session.
using JitDispatcher = std::function<PrimitiveResult(const std::string& name, const JsonObject& arguments)>;
// Records a refusal, and gives the number under which it can be found.
using JitRefusalRecorder = std::function<std::string(const std::string& name, const PrimitiveFailure& failure)>;

struct JitRuntime {
  CommandStarter& starter;
  CommandSandbox sandbox;  // its profile does not count: it is always `jit`
  JitDispatcher dispatch;
  JitRefusalRecorder record{};                             // empty: refusals have no number
  std::chrono::milliseconds time_limit = kJitTimeDefault;  // of one run, without its calls; at most kJitTimeLimit
  int cancel = -1;                                         // borrowed; ready: the caller is gone
};

enum class JitRunEnding : std::uint8_t { kReturned, kFailed, kRefused };

struct JitRun {
  JitRunEnding ending = JitRunEnding::kRefused;
  JsonValue value;           // kReturned
  std::string message;       // kFailed: in the tool's own words, not escaped
  PrimitiveFailure failure;  // kRefused: everything else
  std::string printed;       // what it wrote to standard output and standard error; escaped text
};

// Runs `candidate` once. kRefused with
//   kUnavailable  the language's interpreter is not there, or the sandbox could not be built or hold its limits
//   kTimedOut, kCancelled
//   kTooLarge     a line or all lines together; kLimit: more than kJitCallLimit calls
//   kFailed       it spoke out of protocol, or ended without a result
// Calls that hand out descriptors (filesystem.open, network.connect) and those about tools made at run time are
// answered `unavailable` and never reach the dispatcher; descriptors of any other reply are closed here.
[[nodiscard]] JitRun run_jit(JitRuntime& runtime, const JitCandidate& candidate, const JsonObject& arguments);

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_JIT_TOOL_H_
