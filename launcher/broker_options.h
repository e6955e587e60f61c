// The command lines of `writ broker` and of the commands that speak to it. Plain data.
#ifndef WRIT_LAUNCHER_BROKER_OPTIONS_H_
#define WRIT_LAUNCHER_BROKER_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "launcher/command_spec.h"
#include "launcher/standard_output.h"

namespace writ {

struct BrokerOptions {
  std::string socket;  // --socket PATH; empty: the usual place
  std::string ready;   // --ready N
  bool quiet = false;
};
[[nodiscard]] Parsed<BrokerOptions> parse_broker_options(const TypedWords& typed);

// ps, inspect, logs, kill, pause, resume, attach.
struct SandboxesOptions {
  int (*run)(const SandboxesOptions&) = nullptr;
  std::vector<std::string> sandboxes;  // their numbers, as typed
  std::string signal;                  // --signal NAME
  std::string grace;                   // --grace DURATION
  std::string stream;                  // --stream stdout|stderr
  bool all = false;
  bool follow = false;
  OutputFormat format = OutputFormat::kText;
};

enum class SandboxesCommand : std::uint8_t { kPs, kInspect, kLogs, kKill, kPause, kResume, kAttach };
[[nodiscard]] Parsed<SandboxesOptions> parse_sandboxes_options(SandboxesCommand command, const TypedWords& typed);

}  // namespace writ

#endif  // WRIT_LAUNCHER_BROKER_OPTIONS_H_
