#include "broker/capability/capability_id.h"

#include <charconv>

#include "broker/base/escape.h"

namespace writ::capability_id_detail {
namespace {

constexpr std::size_t kDigitsOfHalf = 16;
constexpr int kHexadecimal = 16;

void append_half(std::string& text, std::uint64_t half) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[(half >> shift) & 0xF];
}

bool read_half(std::string_view digits, std::uint64_t& half) {
  for (const char c : digits)
    if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) return false;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), half, kHexadecimal);
  return problem == std::errc() && end == digits.data() + digits.size();
}

}  // namespace

std::string text_of(std::string_view prefix, const RandomBits& bits) {
  std::string text(prefix);
  append_half(text, bits.high);
  append_half(text, bits.low);
  return text;
}

Result<RandomBits> parse(std::string_view prefix, std::string_view text) {
  RandomBits bits;
  const std::string_view digits = text.substr(std::min(prefix.size(), text.size()));
  if (text.starts_with(prefix) && digits.size() == 2 * kDigitsOfHalf &&
      read_half(digits.substr(0, kDigitsOfHalf), bits.high) && read_half(digits.substr(kDigitsOfHalf), bits.low))
    return bits;
  return fail(quote_bytes(text, 80) + " is no id: " + std::string(prefix) + " and 32 hexadecimal digits are");
}

}  // namespace writ::capability_id_detail
