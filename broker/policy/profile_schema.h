// The closed schema of a profile file: which keys exist, of which kind, within which bounds. Internal to the profile
// loader. Pure; any thread.
#ifndef WRIT_BROKER_POLICY_PROFILE_SCHEMA_H_
#define WRIT_BROKER_POLICY_PROFILE_SCHEMA_H_

#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/policy/profile_draft.h"
#include "broker/policy/yaml_document.h"

namespace writ {

// What must be known of a file before its bases are loaded.
struct ProfileHeader {
  SourceText name;
  std::vector<SourceText> extends;
};

// Checks the version and every top-level key, and returns name and bases. Errors carry file:line:column.
[[nodiscard]] Result<ProfileHeader> read_profile_header(const YamlDocument& document);

// Lays `document` over `draft`: empties the lists that its `reset` names, then adds its own entries and overrides
// scalars. `document` must have passed read_profile_header() and outlive `draft`. Errors carry file:line:column.
[[nodiscard]] Status apply_profile(const YamlDocument& document, ProfileDraft& draft);

// Reads one `NAME=VALUE` of the command line, a key of `limits:` and its value as in a profile. Errors: no such limit,
// a bad value; they point into `typed`.
[[nodiscard]] Status apply_limit(std::string_view typed, LimitPolicy& limits);

// The keys of `limits:`.
[[nodiscard]] std::vector<std::string> known_limit_keys();

// Every key that a profile may have, for tests of what describes the format elsewhere: "limits.wall_time",
// "rules.effect" (of an item), "isolation.view"; and every list that `reset` can name, as "reset=filesystem.read".
[[nodiscard]] std::vector<std::string> known_profile_keys();

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_PROFILE_SCHEMA_H_
