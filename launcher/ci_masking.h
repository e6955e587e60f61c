// Masking of the texts that `writ ci` itself writes, and the secrets themselves. Pure, but for the environment.
#ifndef WRIT_LAUNCHER_CI_MASKING_H_
#define WRIT_LAUNCHER_CI_MASKING_H_

#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/json_text.h"
#include "launcher/ci_system.h"
#include "launcher/secret_mask.h"

namespace writ {

struct CiSecrets {
  SecretMask mask;
  std::vector<std::string> unset;  // names without a value: nothing to mask there
};

// The values of the variables `names`. Errors: a value that cannot be masked; the message has the name only.
[[nodiscard]] Result<CiSecrets> read_ci_secrets(const std::vector<std::string>& names, const VariableLookup& variable);

// `value` with every string in it masked; keys are words of Writ's own.
[[nodiscard]] JsonValue masked_json(const JsonValue& value, const SecretMask& mask);

// Undoes escape_bytes(): the bytes of a path of a report. What was cut off stays away.
[[nodiscard]] std::string unescaped_path(std::string_view text);

}  // namespace writ

#endif  // WRIT_LAUNCHER_CI_MASKING_H_
