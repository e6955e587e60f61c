// CommandRisk: what a command line looks like, by its words alone. Not the boundary: that is the sandbox of the command
// and the capability for its name. It says which commands are refused whatever is allowed, and how to put a question.
// Pure; any thread.
#ifndef WRIT_BROKER_PRIMITIVES_COMMAND_RISK_H_
#define WRIT_BROKER_PRIMITIVES_COMMAND_RISK_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "broker/policy/rule.h"

namespace writ {

enum class RiskLevel : std::uint8_t { kHarmless, kLow, kMedium, kHigh, kDestructive };

struct CommandRisk {
  RiskLevel level = RiskLevel::kMedium;
  Effect effect = Effect::kAsk;  // where a policy leaves it to the classifier; kDeny counts always
  std::string_view because;      // static
};

// `argv` has at least one word. The first of these that fits:
//   destructive    a word of the command line is the name of such a program (rm, sudo, docker, …), with or without a
//                  path; also inside of a script that is handed to a shell
//   network, package managers, interpreters   ask, high
//   project code (pytest, npm test)            ask, medium
//   harmless       an exact list (git status, --version), nothing in it a shell would take apart
//   everything else                            ask, medium
// A program named by its path is never taken for the one of that bare name, except to refuse it.
[[nodiscard]] CommandRisk classify_command(std::span<const std::string> argv);

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_COMMAND_RISK_H_
