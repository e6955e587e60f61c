// SandboxRecord: what the daemon knows about one sandbox, as plain data, and as JSON for clients.
#ifndef WRIT_BROKER_DAEMON_SANDBOX_RECORD_H_
#define WRIT_BROKER_DAEMON_SANDBOX_RECORD_H_

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/json_text.h"

namespace writ {

// Names a sandbox of one person for ever: numbers are not used again.
enum class SandboxNumber : std::int64_t {};
[[nodiscard]] constexpr std::int64_t value_of(SandboxNumber number) { return static_cast<std::int64_t>(number); }

enum class SandboxState : std::uint8_t {
  kStarting,
  kRunning,
  kPaused,
  kEnded,
  kLost,  // its daemon was killed, and so was the sandbox; nobody saw how it ended
};
inline constexpr std::array<std::string_view, 5> kSandboxStateNames = {"starting", "running", "paused", "ended",
                                                                       "lost"};
[[nodiscard]] constexpr std::string_view state_name(SandboxState state) {
  return kSandboxStateNames[static_cast<std::size_t>(state)];
}
[[nodiscard]] constexpr bool is_over(SandboxState state) { return state >= SandboxState::kEnded; }

// Which process is its broker.
enum class SandboxWay : std::uint8_t {
  kWarm,        // the daemon itself
  kSupervised,  // one `writ run` of its own
};
inline constexpr std::array<std::string_view, 2> kSandboxWayNames = {"warm", "supervised"};

enum class Attendance : std::uint8_t {
  kForeground,  // ends when the client that asked for it goes away
  kDetached,
};
inline constexpr std::array<std::string_view, 2> kAttendanceNames = {"foreground", "detached"};

// Bytes of a command that are kept.
inline constexpr std::size_t kKeptCommandLimit = 512;

struct SandboxRecord {
  SandboxNumber number{};
  SandboxWay way = SandboxWay::kSupervised;
  Attendance attendance = Attendance::kForeground;
  SandboxState state = SandboxState::kStarting;
  bool has_terminal = false;
  pid_t pid = 0;                // of `writ run`, or of the warm sandbox's init
  pid_t client = 0;             // who asked for it
  std::string command;          // its words, escaped, at most kKeptCommandLimit
  std::string profile;          // escaped
  std::string workspace;        // escaped
  std::int64_t started_ms = 0;  // since 1970-01-01 UTC
  std::int64_t ended_ms = 0;    // 0: not yet
  int exit_status = 0;          // once it is over
  std::string reason;           // in words; escaped
};

// The words of a command as one line, escaped and cut.
[[nodiscard]] std::string command_line_text(const std::vector<std::string>& words);

[[nodiscard]] JsonObject sandbox_json(const SandboxRecord& record);
// Errors: what a daemon of this version does not send.
[[nodiscard]] Result<SandboxRecord> read_sandbox_json(const JsonValue& value);

}  // namespace writ

#endif  // WRIT_BROKER_DAEMON_SANDBOX_RECORD_H_
