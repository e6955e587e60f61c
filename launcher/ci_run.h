// CiRun: one `writ run` as a child of `writ ci`: its streams are relayed, signals passed on, its report received.
//
// A process of its own and not a part of this one, so that nothing that slows the reader of a log down ever delays the
// broker, so that Writ's own messages are masked like the tool's, and so that verdict and reports are made by somebody
// who never had anything to do with the tool. It dies when this process does.
#ifndef WRIT_LAUNCHER_CI_RUN_H_
#define WRIT_LAUNCHER_CI_RUN_H_

#include <string>
#include <vector>

#include "broker/base/error.h"
#include "launcher/ci_streams.h"

namespace writ {

inline constexpr std::size_t kCiReportLimit = std::size_t{64} << 20;

struct CiRunResult {
  int exit_status = 0;  // of `writ run`; 125 where a signal ended it
  std::string report;   // JSON; empty where there is none
};

// Runs `writ run <arguments>` to its end. Signals that end programs are passed on to it. `streams` keep what was
// arranged; their routes are over afterwards. Errors: what starting a process can say.
[[nodiscard]] Result<CiRunResult> run_for_ci(const std::vector<std::string>& arguments, CiStreams& streams);

}  // namespace writ

#endif  // WRIT_LAUNCHER_CI_RUN_H_
