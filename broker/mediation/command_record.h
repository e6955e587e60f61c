// CommandRecord: one line of the report about a command that a tool asked for. Plain data.
#ifndef WRIT_BROKER_MEDIATION_COMMAND_RECORD_H_
#define WRIT_BROKER_MEDIATION_COMMAND_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/policy/rule.h"

namespace writ {

enum class CommandEnd : std::uint8_t {
  kRefused,   // denied by a rule, or by the lack of one
  kFailed,    // allowed, and could not be started
  kRunning,   // not at the end of a run
  kFinished,  // exit_status says how
  kEnded,     // by Writ, because who asked for it is gone
};
inline constexpr std::string_view kCommandEndNames[] = {"refused", "failed", "running", "finished", "ended"};

struct CommandRecord {
  std::string program;            // in the view
  std::vector<std::string> argv;  // raw bytes, capped; as the tool gave them
  std::size_t arguments = 0;      // how many there were
  Effect effect = Effect::kDeny;
  std::string rule;  // its text; empty: no rule matched
  RuleOrigin origin;
  CommandEnd end = CommandEnd::kRefused;
  std::optional<int> exit_status;
};

// The report lists so many, and counts the rest.
inline constexpr std::size_t kCommandRecordLimit = 1000;
inline constexpr std::size_t kRecordedArguments = 64;
inline constexpr std::size_t kRecordedArgumentSize = 256;

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_COMMAND_RECORD_H_
