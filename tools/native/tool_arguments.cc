#include "tools/native/tool_arguments.h"

#include <optional>
#include <variant>

#include "broker/base/escape.h"

namespace writ::tools {
namespace {

tl::unexpected<ToolFailure> not_texts(std::string_view key) {
  return refuse(FailureCode::kInvalidArguments, quote_bytes(key) + " must be a text or a list of texts");
}

}  // namespace

ToolResult<std::int64_t> number_argument(StrictObject& arguments, std::string_view key, NumberRange range) {
  WRIT_TOOL_ASSIGN(const std::optional<std::int64_t> given, arguments.optional_integer(key));
  const std::int64_t number = given.value_or(range.otherwise);
  if (number >= range.least && number <= range.most) return number;
  return refuse(FailureCode::kInvalidArguments, quote_bytes(arguments.place_of(key)) + " must be from " +
                                                    std::to_string(range.least) + " to " + std::to_string(range.most));
}

ToolResult<bool> flag_argument(StrictObject& arguments, std::string_view key, bool otherwise) {
  WRIT_TOOL_ASSIGN(const std::optional<bool> given, arguments.optional_flag(key));
  return given.value_or(otherwise);
}

ToolResult<std::string> path_argument(StrictObject& arguments, std::string_view key) {
  WRIT_TOOL_ASSIGN(std::string path, arguments.text(key));
  if (path.empty()) return refuse(FailureCode::kInvalidArguments, quote_bytes(key) + " must not be empty");
  return path;
}

ToolResult<std::vector<std::string>> texts_argument(StrictObject& arguments, std::string_view key) {
  const JsonValue* value = arguments.member(key);
  if (value == nullptr) return std::vector<std::string>();
  if (const auto* text = std::get_if<std::string>(&value->storage()); text != nullptr)
    return std::vector<std::string>{*text};
  const auto* array = std::get_if<JsonArray>(&value->storage());
  if (array == nullptr) return not_texts(key);
  std::vector<std::string> texts;
  for (const JsonValue& element : array->elements()) {
    const auto* text = std::get_if<std::string>(&element.storage());
    if (text == nullptr) return not_texts(key);
    texts.push_back(*text);
  }
  return texts;
}

}  // namespace writ::tools
