#include "broker/base/json_escape.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include "broker/base/escape.h"

namespace writ {
namespace {

constexpr char kDelete = 0x7F;

// Of the character that begins with `lead`, in valid UTF-8.
std::size_t length_of_character(char lead) {
  const auto byte = static_cast<std::uint8_t>(lead);
  if (byte < 0x80) return 1;
  if (byte < 0xE0) return 2;
  return byte < 0xF0 ? 3 : 4;
}

std::uint32_t code_point_of(std::string_view character) {
  constexpr std::array<std::uint32_t, 5> kLeadBits = {0, 0x7F, 0x1F, 0x0F, 0x07};
  std::uint32_t code_point = static_cast<std::uint8_t>(character[0]) & kLeadBits[character.size()];
  for (const char byte : character.substr(1))
    code_point = (code_point << 6) | (static_cast<std::uint8_t>(byte) & 0x3Fu);
  return code_point;
}

void append_unit(std::string& out, std::uint32_t unit) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out.append("\\u");
  for (const std::uint32_t shift : {12U, 8U, 4U, 0U}) out.push_back(kDigits[(unit >> shift) & 0x0FU]);
}

// Beyond the first 65,536 as two surrogates (RFC 8259, 7).
void append_escape(std::string& out, std::uint32_t code_point) {
  if (code_point < 0x10000) return append_unit(out, code_point);
  append_unit(out, 0xD800 + ((code_point - 0x10000) >> 10));
  append_unit(out, 0xDC00 + ((code_point - 0x10000) & 0x3FFU));
}

}  // namespace

std::string escape_json_text(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    const std::string_view character = json.substr(0, length_of_character(json[0]));
    const bool is_ascii = character.size() == 1;
    const bool passes = is_ascii ? character[0] != kDelete : escape_bytes(character) == character;
    if (passes)
      out.append(character);
    else
      append_escape(out, code_point_of(character));
    json.remove_prefix(character.size());
  }
  return out;
}

}  // namespace writ
