// `writ profile …`: the table of its subcommands.
#ifndef WRIT_LAUNCHER_PROFILE_COMMAND_H_
#define WRIT_LAUNCHER_PROFILE_COMMAND_H_

#include "launcher/command_spec.h"
#include "launcher/profile_options.h"

namespace writ {

// Reads the words behind `writ profile`. Errors are printed.
[[nodiscard]] Parsed<ProfileOptions> parse_profile_options(const TypedWords& typed);

// Does what the subcommand does and returns the exit status of the process.
[[nodiscard]] int run_profile_command(const ProfileOptions& options);

}  // namespace writ

#endif  // WRIT_LAUNCHER_PROFILE_COMMAND_H_
