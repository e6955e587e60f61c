// The environment of a tool: an allow-list, from which variables that make programs load or run foreign code are always
// taken out. Pure; any thread.
#ifndef WRIT_BROKER_POLICY_ENVIRONMENT_H_
#define WRIT_BROKER_POLICY_ENVIRONMENT_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/error.h"
#include "broker/policy/profile.h"

namespace writ {

// Whether a person may still give a value to a variable that is never taken over from the host.
enum class Injection : std::uint8_t {
  kSettable,  // `set:` or `--env NAME=value` means it; taking it over from the host would be by accident
  kNever,     // runs code in every program it reaches and has no honest use inside of a sandbox
};

struct InjectionVariable {
  std::string_view name;  // exact, or a prefix ending in '*'
  Injection injection;
  std::string_view reason;
};

// Returns the whole table, for tests and documentation.
[[nodiscard]] std::span<const InjectionVariable> injection_variables();

// Returns the entry that `name` falls under (an exact one before a prefix), or nullptr.
[[nodiscard]] const InjectionVariable* find_injection_variable(std::string_view name);

// True for names that usually hold secrets (…TOKEN, …SECRET, …_KEY, AWS_*, …). A pattern never takes them over; their
// exact name does.
[[nodiscard]] bool is_secret_name(std::string_view name);

// [A-Za-z_][A-Za-z0-9_]*, at most 255 bytes.
[[nodiscard]] bool is_environment_name(std::string_view name);

// Checks an entry of `pass`: a name, or a prefix ending in "_*". Errors: malformed, a bare '*', an injection variable.
[[nodiscard]] Status check_passed_name(std::string_view name_or_prefix);

// Checks a name of `set`. Errors: malformed, an injection variable of the kind kNever.
[[nodiscard]] Status check_set_name(std::string_view name);

// Returns the tool's environment as sorted "NAME=value" strings without duplicate names.
//   `host`: the entries of environ(7); malformed ones are left out, of two with the same name the first counts.
//   `extra`: names and values of the command line; they win over `policy.set`, which wins over `policy.pass`.
// Errors: a malformed or forbidden name in `pass`, `set` or `extra`; a NUL in a value.
[[nodiscard]] Result<std::vector<std::string>> build_environment(
    const EnvironmentPolicy& policy, std::span<const std::string> host,
    std::span<const std::pair<std::string, std::string>> extra);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_ENVIRONMENT_H_
