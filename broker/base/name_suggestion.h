// "Did you mean …?": the nearest known name for a misspelt one. Pure; any thread.
#ifndef WRIT_BROKER_BASE_NAME_SUGGESTION_H_
#define WRIT_BROKER_BASE_NAME_SUGGESTION_H_

#include <span>
#include <string>
#include <string_view>

namespace writ {

// Returns the entry of `known` that is the fewest edits (insert, delete, replace, swap of neighbours) away from `name`,
// or an empty view when none is close enough to be a likely misspelling. Names over 64 bytes have no suggestion.
[[nodiscard]] std::string_view nearest_name(std::string_view name, std::span<const std::string_view> known);

// Returns " (did you mean 'x'?)" for nearest_name(), or nothing.
[[nodiscard]] std::string did_you_mean(std::string_view name, std::span<const std::string_view> known);

}  // namespace writ

#endif  // WRIT_BROKER_BASE_NAME_SUGGESTION_H_
