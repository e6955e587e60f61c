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

// What a tool, and the person or model behind it, is told about a command that may not be run. `program` is its path;
// `rule` the text of the rule that decided, as it was written.
[[nodiscard]] std::string refusal_text(const CommandDecision& decision, std::string_view program,
                                       std::string_view rule);

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_COMMAND_ANSWER_H_
