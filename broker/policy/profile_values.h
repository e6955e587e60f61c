// The small values of a profile: durations, sizes, counts, names, relative paths. Strict, and shared with the command
// line so that `--timeout 60s` and `wall_time: 60s` mean the same. Pure; any thread.
//
// Errors of these functions say what is wrong with the value; the caller adds where it was found.
#ifndef WRIT_BROKER_POLICY_PROFILE_VALUES_H_
#define WRIT_BROKER_POLICY_PROFILE_VALUES_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/base/error.h"

namespace writ {

inline constexpr std::chrono::milliseconds kLongestDuration = std::chrono::hours(24 * 365);

// Parses a whole decimal number: digits only, no sign, no leading zero (010 is eight to some readers of YAML).
[[nodiscard]] Result<std::uint64_t> parse_count(std::string_view text);

// Parses `500ms`, `60s`, `5m` or `2h`; the unit is necessary. At most kLongestDuration.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);

// Parses a number of bytes, or one with K, M, G, T, KiB, MiB, GiB or TiB (all powers of 1024). At most 2^63 - 1, the
// largest size that the kernel's signed offsets can hold.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);

// Parses a decimal number with at most three digits behind the point, `2` or `0.5`, as thousandths.
[[nodiscard]] Result<std::uint64_t> parse_thousandths(std::string_view text);

// [a-z0-9-]{1,40}
[[nodiscard]] bool is_profile_name(std::string_view name);
// [a-z_]{1,40}
[[nodiscard]] bool is_variable_name(std::string_view name);
// [a-z0-9_]{1,40}; whether such a system call exists is decided elsewhere.
[[nodiscard]] bool is_syscall_name(std::string_view name);
// A host name label of RFC 1123: letters, digits and inner hyphens, 1 to 63 bytes.
[[nodiscard]] bool is_hostname(std::string_view name);

// Checks an entry of `protect` or `report_changes`: relative, no '.' or '..' segment, no empty segment, no pattern
// characters, no control characters.
[[nodiscard]] Status check_relative_path(std::string_view path);

// Returns the lexically normal form of an absolute path: repeated slashes, '.' segments and a trailing slash go.
// Errors: relative, '..', NUL, newline, other control characters, invalid UTF-8, longer than PATH_MAX (4096 with its
// NUL).
[[nodiscard]] Result<std::string> normalize_absolute_path(std::string_view path);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_PROFILE_VALUES_H_
