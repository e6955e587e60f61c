#include "broker/tool/json_equality.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <variant>

namespace writ {
namespace {

// Wide enough for each of the three kinds of number that a JsonValue holds, so that nothing is rounded.
using WideNumber = long double;
static_assert(std::numeric_limits<WideNumber>::digits >= std::numeric_limits<std::uint64_t>::digits);

std::optional<WideNumber> number_of(const JsonValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value.storage())) return static_cast<WideNumber>(*number);
  if (const auto* number = std::get_if<std::uint64_t>(&value.storage())) return static_cast<WideNumber>(*number);
  if (const auto* number = std::get_if<double>(&value.storage()); number != nullptr && std::isfinite(*number))
    return static_cast<WideNumber>(*number);
  return std::nullopt;
}

bool same_arrays(const JsonArray& a, const JsonArray& b) {
  return std::equal(a.elements().begin(), a.elements().end(), b.elements().begin(), b.elements().end(), same_json);
}

bool same_objects(const JsonObject& a, const JsonObject& b) {
  if (a.members().size() != b.members().size()) return false;
  return std::all_of(a.members().begin(), a.members().end(), [&](const JsonMember& member) {
    const JsonValue* other = b.find(member.key);
    return other != nullptr && same_json(member.value, *other);
  });
}

}  // namespace

bool same_json(const JsonValue& a, const JsonValue& b) {
  if (is_json_number(a) || is_json_number(b)) return compare_numbers(a, b) == std::partial_ordering::equivalent;
  if (a.storage().index() != b.storage().index()) return false;
  if (const auto* flag = std::get_if<bool>(&a.storage())) return *flag == std::get<bool>(b.storage());
  if (const auto* text = std::get_if<std::string>(&a.storage())) return *text == std::get<std::string>(b.storage());
  if (const auto* array = std::get_if<JsonArray>(&a.storage()))
    return same_arrays(*array, std::get<JsonArray>(b.storage()));
  if (const auto* object = std::get_if<JsonObject>(&a.storage()))
    return same_objects(*object, std::get<JsonObject>(b.storage()));
  return std::holds_alternative<std::monostate>(a.storage());  // two NaN are not the same
}

std::partial_ordering compare_numbers(const JsonValue& a, const JsonValue& b) {
  const std::optional<WideNumber> first = number_of(a);
  const std::optional<WideNumber> second = number_of(b);
  if (!first || !second) return std::partial_ordering::unordered;
  return *first <=> *second;
}

bool is_json_number(const JsonValue& value) { return number_of(value).has_value(); }

bool is_json_integer(const JsonValue& value) {
  const std::optional<WideNumber> number = number_of(value);
  return number && std::trunc(*number) == *number;
}

}  // namespace writ
