// What a refusal can say, for the broker and for tools. Pure data; any thread.
#ifndef WRIT_BROKER_PROTOCOL_REFUSAL_CODES_H_
#define WRIT_BROKER_PROTOCOL_REFUSAL_CODES_H_

#include <array>
#include <string_view>

namespace writ {

// A closed list.
inline constexpr std::array<std::string_view, 13> kRefusalCodes = {
    "invalid_arguments", "unknown_name", "denied",    "not_found", "exists",      "conflict", "too_large",
    "wrong_kind",        "limit",        "timed_out", "cancelled", "unavailable", "failed"};
[[nodiscard]] bool is_refusal_code(std::string_view code);

}  // namespace writ

#endif  // WRIT_BROKER_PROTOCOL_REFUSAL_CODES_H_
