// JSON values compared as JSON Schema compares them. Pure; any thread.
#ifndef WRIT_BROKER_TOOL_JSON_EQUALITY_H_
#define WRIT_BROKER_TOOL_JSON_EQUALITY_H_

#include <compare>

#include "broker/base/json_text.h"

namespace writ {

// Numbers by what they say, so that 1 and 1.0 are the same; members of objects in any order. A boolean is no number.
[[nodiscard]] bool same_json(const JsonValue& a, const JsonValue& b);

// The order of two numbers, exact for the largest too. Unordered where one of them is no finite number.
[[nodiscard]] std::partial_ordering compare_numbers(const JsonValue& a, const JsonValue& b);

// What JSON Schema calls a number: no boolean, and what JSON has no word for (NaN, infinities) is none either.
[[nodiscard]] bool is_json_number(const JsonValue& value);
// A number without a fraction: 1.0 is one, as JSON Schema has it, because senders differ in how they write it.
[[nodiscard]] bool is_json_integer(const JsonValue& value);

}  // namespace writ

#endif  // WRIT_BROKER_TOOL_JSON_EQUALITY_H_
