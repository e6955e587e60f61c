// RunOutcome: how a run ended. Plain data.
#ifndef WRIT_LAUNCHER_RUN_OUTCOME_H_
#define WRIT_LAUNCHER_RUN_OUTCOME_H_

#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace writ {

enum class OutcomeKind : std::uint8_t {
  kExited,
  kSignalled,
  kTimedOut,
  kInterrupted,
  kSandboxDied,
  kNotStarted,
  kAuditFailed,  // what has to be recorded could not be
  kLimited,      // a limit of the whole sandbox ended it
};

// How a run ended, with the one reason.
struct RunOutcome {
  OutcomeKind kind = OutcomeKind::kNotStarted;
  int exit_status = 0;  // of Writ
  int signal = 0;       // that ended the tool, 0 if none did
  std::string reason;
  rusage usage{};
  std::chrono::microseconds wall_time{0};
};

// Names for reports: "exited", "signalled", …
[[nodiscard]] std::string_view outcome_name(OutcomeKind kind);

}  // namespace writ

#endif  // WRIT_LAUNCHER_RUN_OUTCOME_H_
