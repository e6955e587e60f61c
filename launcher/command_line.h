// The command line of `writ`: what was typed → one command with its options.
#ifndef WRIT_LAUNCHER_COMMAND_LINE_H_
#define WRIT_LAUNCHER_COMMAND_LINE_H_

#include <span>
#include <string>
#include <variant>

#include "launcher/approvals_command.h"
#include "launcher/audit_options.h"
#include "launcher/broker_options.h"
#include "launcher/caps_options.h"
#include "launcher/ci_options.h"
#include "launcher/command_spec.h"
#include "launcher/doctor_command.h"
#include "launcher/learn_options.h"
#include "launcher/profile_command.h"
#include "launcher/run_options.h"
#include "launcher/tool_options.h"
#include "launcher/why_command.h"

namespace writ {

using Command =
    std::variant<CommandLineDone, RunOptions, CiOptions, LearnOptions, DoctorOptions, ProfileOptions, WhyOptions,
                 CapsOptions, AuditOptions, ApprovalsOptions, ToolOptions, BrokerOptions, SandboxesOptions>;

// Parses `arguments` (argv without the program's name). Prints help to standard output, errors to standard error.
[[nodiscard]] Command parse_command_line(std::span<const std::string> arguments);

// True when the command will launch a sandbox, found without parsing, so that init can be started before anything else.
[[nodiscard]] bool is_launch_command(int argc, const char* const* argv);

}  // namespace writ

#endif  // WRIT_LAUNCHER_COMMAND_LINE_H_
