#include "tools/native/utf8_cutting.h"

#include <algorithm>

namespace writ::tools {
namespace {

constexpr std::size_t kMostContinuations = 3;

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

// Bytes of the character that starts with `lead`.
std::size_t character_size(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  if (byte >= 0xF0U) return 4;
  if (byte >= 0xE0U) return 3;
  return byte >= 0xC0U ? 2 : 1;
}

}  // namespace

std::string_view utf8_prefix(std::string_view text, std::size_t size) {
  const std::string_view start = text.substr(0, size);
  std::size_t lead = start.size();
  const std::size_t least = lead - std::min(lead, kMostContinuations + 1);
  while (lead > least && is_continuation(start[lead - 1])) --lead;
  if (lead == least) return start;  // no character of at most four bytes ends here
  const bool whole = lead - 1 + character_size(start[lead - 1]) <= start.size();
  return whole ? start : start.substr(0, lead - 1);
}

std::string_view utf8_suffix(std::string_view text, std::size_t size) {
  if (size >= text.size()) return text;
  std::string_view end = text.substr(text.size() - size);
  for (std::size_t i = 0; i < kMostContinuations && !end.empty() && is_continuation(end.front()); ++i)
    end.remove_prefix(1);
  return end;
}

std::size_t utf8_characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

}  // namespace writ::tools
