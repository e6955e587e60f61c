// Escaping: everything that came from a tool, a file or a command line is bytes until it has passed through here.
// Pure functions; any thread.
#ifndef WRIT_BROKER_BASE_ESCAPE_H_
#define WRIT_BROKER_BASE_ESCAPE_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace writ {

// Longest text that escape_bytes() lets through; longer input ends in "…".
inline constexpr std::size_t kEscapedTextLimit = 1024;

// Returns `bytes` made safe for a terminal, a log line or an error message: control characters, DEL, invalid UTF-8 and
// Unicode format characters (bidirectional overrides, zero-width characters, line separators) become \xNN; a backslash
// is doubled. At most `limit` bytes of input are shown. The result is valid UTF-8 without control characters.
[[nodiscard]] std::string escape_bytes(std::string_view bytes, std::size_t limit = kEscapedTextLimit);

// The same, appended to `out`, which need not be allocated anew each time.
void append_escaped(std::string& out, std::string_view bytes, std::size_t limit = kEscapedTextLimit);

// The same in single quotes, for paths and words inside a sentence.
[[nodiscard]] std::string quote_bytes(std::string_view bytes, std::size_t limit = kEscapedTextLimit);

// True when `bytes` is well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
[[nodiscard]] bool is_valid_utf8(std::string_view bytes);

}  // namespace writ

#endif  // WRIT_BROKER_BASE_ESCAPE_H_
