#include "broker/tool/schema_checker.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "broker/base/escape.h"
#include "broker/tool/json_equality.h"

namespace writ {
namespace {

constexpr std::size_t kShownNames = 16;  // names and choices in one message
constexpr std::size_t kShownBytes = 80;  // of each of them

bool is_of(JsonType type, const JsonValue& value) {
  switch (type) {
    case JsonType::kObject:
      return std::holds_alternative<JsonObject>(value.storage());
    case JsonType::kArray:
      return std::holds_alternative<JsonArray>(value.storage());
    case JsonType::kString:
      return std::holds_alternative<std::string>(value.storage());
    case JsonType::kInteger:
      return is_json_integer(value);
    case JsonType::kNumber:
      return is_json_number(value);
    case JsonType::kBoolean:
      return std::holds_alternative<bool>(value.storage());
    case JsonType::kNull:
      return std::holds_alternative<std::monostate>(value.storage());
  }
  return false;
}

std::uint64_t code_points(std::string_view text) {
  return static_cast<std::uint64_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; }));
}

bool is_within(std::uint64_t count, const std::optional<std::uint64_t>& least,
               const std::optional<std::uint64_t>& most) {
  return (!least || count >= *least) && (!most || count <= *most);
}

// " of at most 64 characters"
std::string range_text(const std::optional<std::string>& least, const std::optional<std::string>& most,
                       std::string_view unit) {
  if (!least && !most) return {};
  std::string text = " of ";
  if (least && most) {
    text += *least == *most ? *least : *least + " to " + *most;
  } else {
    text += least ? "at least " + *least : "at most " + *most;
  }
  return text.append(unit);
}

std::optional<std::string> text_of(const std::optional<std::uint64_t>& count) {
  if (!count) return std::nullopt;
  return std::to_string(*count);
}

std::optional<std::string> text_of(const std::optional<JsonValue>& number) {
  if (!number) return std::nullopt;
  return number->to_text();
}

std::string expected_text(const SchemaNode& node, JsonType type) {
  switch (type) {
    case JsonType::kObject:
      return "an object";
    case JsonType::kArray:
      return "an array" + range_text(text_of(node.least_items), text_of(node.most_items), " elements");
    case JsonType::kString:
      return "a string" + range_text(text_of(node.least_length), text_of(node.most_length), " characters");
    case JsonType::kInteger:
      return "an integer" + range_text(text_of(node.minimum), text_of(node.maximum), "");
    case JsonType::kNumber:
      return "a number" + range_text(text_of(node.minimum), text_of(node.maximum), "");
    case JsonType::kBoolean:
      return "true or false";
    case JsonType::kNull:
      return "null";
  }
  return {};
}

std::string shown(const JsonValue& choice) { return escape_bytes(choice.to_text(), kShownBytes); }

const SchemaProperty* find_property(const SchemaNode& node, std::string_view name) {
  const auto found =
      std::lower_bound(node.properties.begin(), node.properties.end(), name,
                       [](const SchemaProperty& property, std::string_view wanted) { return property.name < wanted; });
  return found == node.properties.end() || found->name != name ? nullptr : &*found;
}

std::string known_names(const SchemaNode& node) {
  if (node.properties.empty()) return "a member that the schema does not have; it has none";
  std::string text = "a member that the schema does not have; it has ";
  for (std::size_t i = 0; i < node.properties.size(); ++i) {
    if (i == kShownNames) return text + ", …";
    text.append(i == 0 ? "" : ", ").append(escape_bytes(node.properties[i].name, kShownBytes));
  }
  return text;
}

}  // namespace

tl::unexpected<Error> SchemaChecker::refuse(std::string_view message) const {
  return fail(place_ + ": " + std::string(message));
}

// `type`: the one that the value is of, where the schema names none.
tl::unexpected<Error> SchemaChecker::refuse_expected(const SchemaNode& node, JsonType type) const {
  std::string text;
  for (std::size_t i = 0; i < kJsonTypeNames.size(); ++i)
    if (const auto each = static_cast<JsonType>(i); node.types.has(each))
      text.append(text.empty() ? "" : " or ").append(expected_text(node, each));
  return refuse((text.empty() ? expected_text(node, type) : text) + " is expected");
}

Status SchemaChecker::check(const SchemaNode& node, const JsonValue& value) {
  bool fits = node.types.empty();
  for (std::size_t i = 0; i < kJsonTypeNames.size() && !fits; ++i)
    fits = node.types.has(static_cast<JsonType>(i)) && is_of(static_cast<JsonType>(i), value);
  if (!fits) return refuse_expected(node, JsonType::kNull);
  WRIT_TRY(check_choice(node, value));
  WRIT_TRY(check_bounds(node, value));
  if (const auto* array = std::get_if<JsonArray>(&value.storage())) return check_array(node, *array);
  if (const auto* object = std::get_if<JsonObject>(&value.storage())) return check_object(node, *object);
  return {};
}

Status SchemaChecker::check_choice(const SchemaNode& node, const JsonValue& value) {
  if (node.constant && !same_json(*node.constant, value)) return refuse(shown(*node.constant) + " is expected");
  if (!node.choices) return {};
  const auto is_it = [&](const JsonValue& choice) { return same_json(choice, value); };
  if (std::any_of(node.choices->begin(), node.choices->end(), is_it)) return {};
  std::string list;
  for (std::size_t i = 0; i < node.choices->size() && i <= kShownNames; ++i)
    list.append(i == 0 ? "" : ", ").append(i == kShownNames ? "…" : shown((*node.choices)[i]));
  return refuse("one of " + list + " is expected");
}

Status SchemaChecker::check_bounds(const SchemaNode& node, const JsonValue& value) {
  if (const auto* text = std::get_if<std::string>(&value.storage())) {
    if (!is_within(code_points(*text), node.least_length, node.most_length))
      return refuse_expected(node, JsonType::kString);
    return {};
  }
  if (!is_json_number(value)) return {};
  const bool small = node.minimum && compare_numbers(value, *node.minimum) == std::partial_ordering::less;
  const bool large = node.maximum && compare_numbers(value, *node.maximum) == std::partial_ordering::greater;
  if (small || large) return refuse_expected(node, JsonType::kNumber);
  return {};
}

Status SchemaChecker::check_array(const SchemaNode& node, const JsonArray& array) {
  if (!is_within(array.elements().size(), node.least_items, node.most_items))
    return refuse_expected(node, JsonType::kArray);
  if (!node.items) return {};
  const std::size_t length = place_.size();
  for (std::size_t i = 0; i < array.elements().size(); ++i) {
    place_.append("[").append(std::to_string(i)).append("]");
    WRIT_TRY(check(*node.items, array.elements()[i]));
    place_.resize(length);
  }
  return {};
}

Status SchemaChecker::check_object(const SchemaNode& node, const JsonObject& object) {
  const std::size_t length = place_.size();
  std::vector<bool> found(node.properties.size());
  for (const JsonMember& member : object.members()) {
    const SchemaProperty* property = find_property(node, member.key);
    if (property == nullptr && node.others == OtherMembers::kRefused) return refuse(known_names(node));
    if (property == nullptr) continue;
    found[static_cast<std::size_t>(property - node.properties.data())] = true;
    if (!property->schema) continue;
    place_.append(".").append(escape_bytes(property->name, kShownBytes));
    WRIT_TRY(check(*property->schema, member.value));
    place_.resize(length);
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i] || node.properties[i].need == PropertyNeed::kOptional) continue;
    place_.append(".").append(escape_bytes(node.properties[i].name, kShownBytes));
    return refuse("is missing");
  }
  return {};
}

}  // namespace writ
