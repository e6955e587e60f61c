// `writ caps …`: the table of its subcommands.
#ifndef WRIT_LAUNCHER_CAPS_COMMAND_H_
#define WRIT_LAUNCHER_CAPS_COMMAND_H_

#include "launcher/caps_options.h"
#include "launcher/command_spec.h"

namespace writ {

// Reads the words behind `writ caps`. Errors are printed.
[[nodiscard]] Parsed<CapsOptions> parse_caps_options(const TypedWords& typed);

// Does what the subcommand does and returns the exit status of the process.
[[nodiscard]] int run_caps_command(const CapsOptions& options);

}  // namespace writ

#endif  // WRIT_LAUNCHER_CAPS_COMMAND_H_
