// Where people and programs keep secrets and where runtime sockets lie: places that enter no view unless a grant names
// them exactly. Pure; any thread.
#ifndef WRIT_BROKER_POLICY_SECRETS_H_
#define WRIT_BROKER_POLICY_SECRETS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace writ {

struct SecretLocation {
  // Below "~/": in the home directory. Absolute otherwise; "${uid}" stands for the numeric user id.
  std::string_view path;
  std::string_view reason;  // what lies there, for people
};

// Returns the whole table.
[[nodiscard]] std::span<const SecretLocation> secret_locations();

// Returns the absolute paths of the table for this user. `home` is absolute and lexically normal; with an empty `home`
// only the absolute entries are returned. /root is a secret for everyone but root.
[[nodiscard]] std::vector<std::string> secret_paths(std::string_view home, std::uint32_t uid);

// Returns what lies at `path`, an entry of secret_paths() of any user, or an empty view when the table does not know
// it.
[[nodiscard]] std::string_view secret_reason(std::string_view path);

// Returns the entry of `secrets` that equals `path` or is a parent of it, or an empty view. `path` and all `secrets`
// are absolute and lexically normal.
[[nodiscard]] std::string_view secret_above(std::string_view path, std::span<const std::string> secrets);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_SECRETS_H_
