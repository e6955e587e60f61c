// Readers of the broker's replies. Unlike arguments, replies may have members that this program does not know yet.
// Pure; any thread.
#ifndef WRIT_TOOLS_NATIVE_REPLY_READING_H_
#define WRIT_TOOLS_NATIVE_REPLY_READING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/base/json_text.h"

namespace writ::tools {

// The member of the object `value`; nullptr where it is absent, or `value` is no object.
[[nodiscard]] const JsonValue* reply_member(const JsonValue& value, std::string_view key);
[[nodiscard]] std::optional<std::string> reply_text(const JsonValue& value, std::string_view key);
[[nodiscard]] std::optional<std::uint64_t> reply_count(const JsonValue& value, std::string_view key);
// False where it is absent.
[[nodiscard]] bool reply_flag(const JsonValue& value, std::string_view key);

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_REPLY_READING_H_
