#include "broker/tool/yaml_to_json.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "broker/base/escape.h"
#include "broker/tool/json_equality.h"

namespace writ {
namespace {

constexpr auto kOtherBooleans = std::to_array<std::string_view>({
    "True",
    "TRUE",
    "False",
    "FALSE",
    "yes",
    "Yes",
    "YES",
    "no",
    "No",
    "NO",
    "on",
    "On",
    "ON",
    "off",
    "Off",
    "OFF",
});

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view without_sign(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  return text;
}

std::size_t take_digits(std::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
  const auto count = static_cast<std::size_t>(end - text.begin());
  text.remove_prefix(count);
  return count;
}

// The grammar of RFC 8259.
bool is_number_of_json(std::string_view text) {
  if (!text.empty() && text.front() == '-') text.remove_prefix(1);
  const bool zero_first = !text.empty() && text.front() == '0';
  const std::size_t whole = take_digits(text);
  if (whole == 0 || (zero_first && whole > 1)) return false;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    if (take_digits(text) == 0) return false;
  }
  if (text.empty() || (text.front() != 'e' && text.front() != 'E')) return text.empty();
  text = without_sign(text.substr(1));
  return take_digits(text) > 0 && text.empty();
}

// Also octal, hexadecimal, grouped and sexagesimal numbers and dates: YAML 1.1 and 1.2 and their readers disagree.
bool may_be_number_elsewhere(std::string_view text) {
  const std::string_view digits = without_sign(text);
  for (const std::string_view word : {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"})
    if (digits == word) return true;
  const std::string_view first = digits.starts_with('.') ? digits.substr(1) : digits;
  if (first.empty() || !is_digit(first.front())) return false;
  constexpr std::string_view kParts = "0123456789abcdefABCDEFxXoO_.:+-TZ ";
  return digits.find_first_not_of(kParts) == std::string_view::npos;
}

tl::unexpected<Error> refuse_ambiguous(const SchemaValue& value, std::string_view instead) {
  return value.refuse(quote_bytes(value.node.text, 80) + " means different things to different readers of YAML: " +
                      std::string(instead) + ", or put the text in quotes");
}

Result<JsonValue> number_from(const SchemaValue& value) {
  Result<JsonValue> number = parse_json(value.node.text);
  if (!number || !is_json_number(*number)) return value.refuse("the number is too large");
  return number;
}

Result<JsonValue> scalar_from(const SchemaValue& value) {
  const std::string& text = value.node.text;
  if (value.node.quoting == YamlQuoting::kQuoted) return JsonValue(text);
  if (text == "true" || text == "false") return JsonValue(text == "true");
  if (is_number_of_json(text)) return number_from(value);
  if (std::find(kOtherBooleans.begin(), kOtherBooleans.end(), text) != kOtherBooleans.end())
    return refuse_ambiguous(value, "write true or false");
  if (may_be_number_elsewhere(text)) return refuse_ambiguous(value, "write a number as JSON has it");
  return JsonValue(text);
}

}  // namespace

Result<JsonValue> json_from_yaml(const SchemaValue& value) {
  switch (value.node.kind) {
    case YamlKind::kNull:
      return JsonValue();
    case YamlKind::kScalar:
      return scalar_from(value);
    case YamlKind::kSequence: {
      JsonArray array;
      WRIT_TRY(for_each_item(value, [&](const SchemaValue& item) -> Status {
        WRIT_ASSIGN(JsonValue element, json_from_yaml(item));
        array.add(std::move(element));
        return {};
      }));
      return JsonValue(std::move(array));
    }
    case YamlKind::kMapping: {
      JsonObject object;
      WRIT_TRY(for_each_entry(value, [&](const SchemaValue& entry) -> Status {
        WRIT_ASSIGN(JsonValue member, json_from_yaml(entry));
        object.set(entry.node.key, std::move(member));
        return {};
      }));
      return JsonValue(std::move(object));
    }
  }
  return JsonValue();
}

}  // namespace writ
