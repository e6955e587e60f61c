// Cuts UTF-8 text at whole characters, and counts them. Pure; any thread. Bytes that are not UTF-8 count as characters
// of their own.
#ifndef WRIT_TOOLS_NATIVE_UTF8_CUTTING_H_
#define WRIT_TOOLS_NATIVE_UTF8_CUTTING_H_

#include <cstddef>
#include <string_view>

namespace writ::tools {

// The longest start of `text` that has at most `size` bytes and does not end within a character.
[[nodiscard]] std::string_view utf8_prefix(std::string_view text, std::size_t size);
// The longest end of `text` that has at most `size` bytes and does not start within a character.
[[nodiscard]] std::string_view utf8_suffix(std::string_view text, std::size_t size);
[[nodiscard]] std::size_t utf8_characters(std::string_view text);

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_UTF8_CUTTING_H_
