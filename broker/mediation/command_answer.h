// The answers to a stand-in: an exit status, or an exit status with a line for standard error. Any thread.
#ifndef WRIT_BROKER_MEDIATION_COMMAND_ANSWER_H_
#define WRIT_BROKER_MEDIATION_COMMAND_ANSWER_H_

#include <string>
#include <string_view>

#include "broker/mediation/notification_handler.h"
#include "broker/policy/command_rule.h"

namespace writ {

// Exit statuses of a stand-in for its own reasons, as env(1) has them.
inline constexpr int kExitCommandRefused = 126;

// The stand-in writes "writ: <text>" to its standard error and leaves with `status`. `text` is escaped already.
[[nodiscard]] Answer answer_with_text(int status, std::string_view text);

// What a tool, and the person or model behind it, is told about a command that may not be run.
struct CommandRefusal {
  std::string_view program;  // its path
  std::string_view rule;     // the text of the rule that decided, as it was written
  std::string_view answer;   // of an ask rule: why the answer was no, escaped
};
[[nodiscard]] std::string refusal_text(const CommandDecision& decision, const CommandRefusal& refusal);

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_COMMAND_ANSWER_H_
