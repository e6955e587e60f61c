#include "broker/base/escape.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace writ {
namespace {

struct Decoded {
  std::size_t length;  // bytes used; 0 when the bytes are not UTF-8
  std::uint32_t code_point;
};

// Decodes the character at the start of `bytes` (RFC 3629 §4).
Decoded decode_utf8(std::string_view bytes) {
  const auto byte_at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  const std::uint8_t lead = byte_at(0);
  if (lead < 0x80) return {1, lead};
  std::size_t length = 0;
  std::uint32_t code_point = 0;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
    code_point = lead & 0x1Fu;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    code_point = lead & 0x0Fu;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    code_point = lead & 0x07u;
  }
  if (length == 0 || length > bytes.size()) return {0, 0};
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte_at(i) & 0xC0u) != 0x80u) return {0, 0};
    code_point = (code_point << 6) | (byte_at(i) & 0x3Fu);
  }
  constexpr std::array<std::uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool overlong = code_point < kSmallest[length];
  const bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
  if (overlong || surrogate || code_point > 0x10FFFF) return {0, 0};
  return {length, code_point};
}

// Characters that move the cursor, hide text or change its direction on a screen.
bool is_deceptive(std::uint32_t c) {
  if (c < 0x20 || (c >= 0x7F && c <= 0x9F)) return true;  // C0, DEL, C1
  if (c == 0xAD || c == 0x61C || c == 0x180E || c == 0xFEFF) return true;
  if (c >= 0x200B && c <= 0x200F) return true;  // zero width, direction marks
  if (c >= 0x2028 && c <= 0x202E) return true;  // separators, embeddings, overrides
  if (c >= 0x2060 && c <= 0x206F) return true;  // word joiner, isolates
  if (c >= 0xFE00 && c <= 0xFE0F) return true;  // variation selectors
  if (c >= 0xFFF0 && c <= 0xFFFB) return true;  // interlinear annotation
  return c >= 0xE0000 && c <= 0xE0FFF;          // tags
}

void append_hex(std::string& out, std::uint8_t byte) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out.append("\\x").push_back(kDigits[byte >> 4]);
  out.push_back(kDigits[byte & 0x0F]);
}

}  // namespace

std::string escape_bytes(std::string_view bytes, std::size_t limit) {
  std::string out;
  out.reserve(std::min(bytes.size(), limit) + 8);
  append_escaped(out, bytes, limit);
  return out;
}

void append_escaped(std::string& out, std::string_view bytes, std::size_t limit) {
  const bool cut = bytes.size() > limit;
  std::string_view rest = bytes.substr(0, limit);
  while (!rest.empty()) {
    const Decoded decoded = decode_utf8(rest);
    const std::size_t used = decoded.length == 0 ? 1 : decoded.length;
    if (decoded.length == 0 || is_deceptive(decoded.code_point)) {
      for (std::size_t i = 0; i < used; ++i) append_hex(out, static_cast<std::uint8_t>(rest[i]));
    } else {
      if (rest[0] == '\\') out.push_back('\\');
      out.append(rest.substr(0, used));
    }
    rest.remove_prefix(used);
  }
  if (cut) out.append("…");
}

std::string quote_bytes(std::string_view bytes, std::size_t limit) {
  std::string quoted = "'";
  return quoted.append(escape_bytes(bytes, limit)).append("'");
}

bool is_valid_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const Decoded decoded = decode_utf8(bytes);
    if (decoded.length == 0) return false;
    bytes.remove_prefix(decoded.length);
  }
  return true;
}

}  // namespace writ
