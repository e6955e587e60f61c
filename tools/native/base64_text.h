// Bytes as base64 (RFC 4648, with padding), for content that is no text. Pure; any thread.
#ifndef WRIT_TOOLS_NATIVE_BASE64_TEXT_H_
#define WRIT_TOOLS_NATIVE_BASE64_TEXT_H_

#include <string>
#include <string_view>

namespace writ::tools {

[[nodiscard]] std::string base64_text(std::string_view bytes);

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_BASE64_TEXT_H_
