// A resolved profile as one JSON object with a version, for programs. Pure; any thread.
#ifndef WRIT_LAUNCHER_PROFILE_JSON_H_
#define WRIT_LAUNCHER_PROFILE_JSON_H_

#include "broker/base/json_text.h"
#include "launcher/profile_reading.h"

namespace writ {

inline constexpr int kProfileJsonVersion = 1;

// The members are described in docs/policy.md. Every string is escaped.
[[nodiscard]] JsonValue profile_json(const ReadProfile& read, const ProfileContext& context);

// What the limits are called in every JSON that Writ prints.
[[nodiscard]] JsonObject limits_json(const LimitPolicy& limits);

}  // namespace writ

#endif  // WRIT_LAUNCHER_PROFILE_JSON_H_
