// What clients of the daemon ask for, read strictly from the arguments of a request. Pure; any thread.
#ifndef WRIT_BROKER_DAEMON_DAEMON_REQUESTS_H_
#define WRIT_BROKER_DAEMON_DAEMON_REQUESTS_H_

#include <sys/ioctl.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/json_text.h"
#include "broker/daemon/detached_output.h"
#include "broker/daemon/sandbox_record.h"

namespace writ {

inline constexpr std::size_t kLaunchWordLimit = 4096;
inline constexpr std::size_t kLaunchVariableLimit = 4096;

// sandbox.launch
struct LaunchWish {
  std::vector<std::string> words;        // "run" or "tool", and what follows; bytes
  std::vector<std::string> environment;  // "NAME=value"; bytes
  std::string directory;                 // what the client calls its working directory; bytes
  Attendance attendance = Attendance::kForeground;
  std::optional<winsize> terminal;  // of a detached one
};
// How many descriptors come with it: the directory, and in the foreground the three streams.
[[nodiscard]] constexpr std::size_t launch_descriptors(Attendance attendance) {
  return attendance == Attendance::kForeground ? 4 : 1;
}

// Texts are bytes, and JSON's are not: a byte that is not part of valid UTF-8 is written as U+DC80 … would be, which no
// reader takes. So a word that is no valid UTF-8 travels as {"hex": "…"}.
[[nodiscard]] JsonValue bytes_json(const std::string& bytes);
[[nodiscard]] Result<std::string> read_bytes_json(const JsonValue& value);

[[nodiscard]] JsonObject launch_arguments(const LaunchWish& wish);
[[nodiscard]] Result<LaunchWish> read_launch(const JsonObject& arguments);

// {"sandbox": N}, and nothing else.
[[nodiscard]] Result<SandboxNumber> read_sandbox_number(const JsonObject& arguments);
// sandbox.pause, sandbox.resume: {"sandbox"?: N}. Nothing: the one that this connection launched.
[[nodiscard]] Result<std::optional<SandboxNumber>> read_own_or_named(const JsonObject& arguments);
// sandbox.signal: {"sandbox"?: N, "signal": 15}. Error: a signal that is none.
struct SignalWish {
  std::optional<SandboxNumber> number;
  int signal = 0;
};
[[nodiscard]] Result<SignalWish> read_signal(const JsonObject& arguments);
// sandbox.kill: {"sandbox": N, "grace_ms"?: 2000}; 0 kills at once.
struct KillWish {
  SandboxNumber number;
  std::int64_t grace_ms = 2000;
};
[[nodiscard]] Result<KillWish> read_kill(const JsonObject& arguments);
// sandbox.logs, sandbox.follow: {"sandbox": N, "stream"?: "stdout"}
struct LogWish {
  SandboxNumber number;
  OutputStream stream = OutputStream::kOutput;
};
[[nodiscard]] Result<LogWish> read_log(const JsonObject& arguments);
// sandbox.resize: {"sandbox": N, "rows": 24, "columns": 80}
struct ResizeWish {
  SandboxNumber number;
  winsize size;
};
[[nodiscard]] Result<ResizeWish> read_resize(const JsonObject& arguments);
// sandbox.list: {"all"?: false}
[[nodiscard]] Result<bool> read_list(const JsonObject& arguments);

}  // namespace writ

#endif  // WRIT_BROKER_DAEMON_DAEMON_REQUESTS_H_
