#include "broker/base/hex_text.h"

#include <array>

namespace writ {
namespace {

constexpr std::uint8_t kNoDigit = 0xFF;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (std::uint8_t i = 0; i < 10; ++i) values[static_cast<std::size_t>('0' + i)] = i;
  for (std::uint8_t i = 0; i < 6; ++i) values[static_cast<std::size_t>('a' + i)] = static_cast<std::uint8_t>(10 + i);
  return values;
}

constexpr std::array<std::uint8_t, 256> kValues = make_values();

std::uint8_t value_of(char digit) { return kValues[static_cast<std::uint8_t>(digit)]; }

}  // namespace

void write_hex(std::span<const std::uint8_t> bytes, char* out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const std::uint8_t byte : bytes) {
    *out++ = kDigits[byte >> 4];
    *out++ = kDigits[byte & 0x0F];
  }
}

std::string hex_text(std::span<const std::uint8_t> bytes) {
  std::string text(2 * bytes.size(), '0');
  write_hex(bytes, text.data());
  return text;
}

bool read_hex(std::string_view digits, std::span<std::uint8_t> bytes) {
  if (digits.size() != 2 * bytes.size()) return false;
  std::uint8_t wrong = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::uint8_t high = value_of(digits[2 * i]);
    const std::uint8_t low = value_of(digits[2 * i + 1]);
    wrong = static_cast<std::uint8_t>(wrong | high | low);
    bytes[i] = static_cast<std::uint8_t>((high << 4) | (low & 0x0F));
  }
  return (wrong & 0xF0) == 0;
}

}  // namespace writ
