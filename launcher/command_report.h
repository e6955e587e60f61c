// What the report says about the commands that a tool asked for.
#ifndef WRIT_LAUNCHER_COMMAND_REPORT_H_
#define WRIT_LAUNCHER_COMMAND_REPORT_H_

#include <string>
#include <vector>

#include "broker/base/json_text.h"
#include "broker/mediation/command_service.h"

namespace writ {

// `sources` are the names of the files that the profile was made of (Profile::sources).
[[nodiscard]] JsonArray commands_json(const CommandService& commands, const std::vector<std::string>& sources);

}  // namespace writ

#endif  // WRIT_LAUNCHER_COMMAND_REPORT_H_
