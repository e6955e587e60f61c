#include "tools/native/reply_reading.h"

#include <variant>

namespace writ::tools {

const JsonValue* reply_member(const JsonValue& value, std::string_view key) {
  const auto* object = std::get_if<JsonObject>(&value.storage());
  return object == nullptr ? nullptr : object->find(key);
}

std::optional<std::string> reply_text(const JsonValue& value, std::string_view key) {
  const JsonValue* member = reply_member(value, key);
  const auto* text = member == nullptr ? nullptr : std::get_if<std::string>(&member->storage());
  return text == nullptr ? std::nullopt : std::optional(*text);
}

std::optional<std::uint64_t> reply_count(const JsonValue& value, std::string_view key) {
  const JsonValue* member = reply_member(value, key);
  if (member == nullptr) return std::nullopt;
  if (const auto* large = std::get_if<std::uint64_t>(&member->storage()); large != nullptr) return *large;
  const auto* number = std::get_if<std::int64_t>(&member->storage());
  if (number == nullptr || *number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

bool reply_flag(const JsonValue& value, std::string_view key) {
  const JsonValue* member = reply_member(value, key);
  const auto* flag = member == nullptr ? nullptr : std::get_if<bool>(&member->storage());
  return flag != nullptr && *flag;
}

}  // namespace writ::tools
