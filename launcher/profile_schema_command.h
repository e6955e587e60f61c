// `writ profile schema`: the JSON Schema of profile files, for editors.
#ifndef WRIT_LAUNCHER_PROFILE_SCHEMA_COMMAND_H_
#define WRIT_LAUNCHER_PROFILE_SCHEMA_COMMAND_H_

#include <string_view>

#include "launcher/profile_options.h"

namespace writ {

// profiles/profile.schema.json, which is part of the program.
[[nodiscard]] std::string_view profile_schema_text();

// Returns the exit status.
[[nodiscard]] int run_profile_schema(const ProfileOptions& options);

}  // namespace writ

#endif  // WRIT_LAUNCHER_PROFILE_SCHEMA_COMMAND_H_
