#include "launcher/yaml_text.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "broker/base/escape.h"

namespace writ {
namespace {

bool is_plain_character(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return letter || std::string_view("_./+@^=-*~").find(c) != std::string_view::npos;
}

// Words that a reader of YAML may take for something else than text, and what a list or document could begin with.
bool is_plain(std::string_view text) {
  constexpr auto kWords = std::to_array<std::string_view>(
      {"null", "Null", "NULL", "true", "false", "True", "False", "TRUE", "FALSE", "yes", "no", "on", "off", "none"});
  if (text.empty() || std::string_view("-=+@^*~").find(text.front()) != std::string_view::npos) return false;
  if (std::find(kWords.begin(), kWords.end(), text) != kWords.end()) return false;
  return std::all_of(text.begin(), text.end(), is_plain_character);
}

bool is_printable(std::string_view text) {
  const auto without_backslashes = [](std::string_view bytes) {
    std::string copy(bytes);
    std::erase(copy, '\\');
    return copy;
  };
  return without_backslashes(escape_bytes(text, text.size())) == without_backslashes(text);
}

std::string in_single_quotes(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted.append(c == '\'' ? 2 : 1, c);
  return quoted + "'";
}

// The code point that starts at `text`, and how many bytes it takes. `text` is valid UTF-8.
struct CodePoint {
  std::uint32_t value;
  std::size_t size;
};
CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t size = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  std::uint32_t value = first & (0xFFu >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) value = value << 6 | (byte(i) & 0x3Fu);
  return {value, size};
}

std::string hexadecimal(std::uint32_t value, int digits) {
  std::string text;
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) text += "0123456789ABCDEF"[(value >> shift) & 0xFu];
  return text;
}

// Everything outside of printable ASCII as an escape sequence.
std::string in_double_quotes(std::string_view text) {
  std::string quoted = "\"";
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    if (point.value == '"' || point.value == '\\')
      quoted.append("\\").append(1, static_cast<char>(point.value));
    else if (point.value == '\n')
      quoted += "\\n";
    else if (point.value >= 0x20 && point.value < 0x7F)
      quoted += static_cast<char>(point.value);
    else
      quoted += "\\U" + hexadecimal(point.value, 8);
    text.remove_prefix(std::min(point.size, text.size()));
  }
  return quoted + "\"";
}

struct Unit {
  std::string_view suffix;
  std::uint64_t factor;
};

// The first of `units`, largest first, that divides `number`; the last one has the factor 1.
template <std::size_t kCount>
std::string scaled(std::uint64_t number, const std::array<Unit, kCount>& units) {
  const auto fits = [&](const Unit& unit) { return number % unit.factor == 0 && (number != 0 || unit.factor == 1); };
  const Unit& unit = *std::find_if(units.begin(), units.end(), fits);
  return std::to_string(number / unit.factor).append(unit.suffix);
}

}  // namespace

std::string yaml_text(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  return is_printable(text) ? in_single_quotes(text) : in_double_quotes(text);
}

std::string yaml_literal(std::string_view text) {
  std::string doubled;
  for (const char c : text) doubled.append(c == '$' ? 2 : 1, c);
  return yaml_text(doubled);
}

std::string yaml_duration(std::chrono::milliseconds time) {
  constexpr std::array<Unit, 4> kUnits = {{{"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
  return scaled(static_cast<std::uint64_t>(time.count()), kUnits);
}

std::string yaml_size(std::uint64_t bytes) {
  constexpr std::array<Unit, 5> kUnits = {
      {{"T", 1ull << 40}, {"G", 1ull << 30}, {"M", 1ull << 20}, {"K", 1ull << 10}, {"", 1}}};
  return scaled(bytes, kUnits);
}

std::string yaml_thousandths(std::uint64_t thousandths) {
  std::string digits = std::to_string(1000 + thousandths % 1000).substr(1);
  while (!digits.empty() && digits.back() == '0') digits.pop_back();
  return std::to_string(thousandths / 1000) + (digits.empty() ? "" : "." + digits);
}

}  // namespace writ
