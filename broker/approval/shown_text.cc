#include "broker/approval/shown_text.h"

#include <algorithm>
#include <vector>

#include "broker/base/escape.h"

namespace writ {
namespace {

constexpr std::size_t kLabelColumns = 10;  // indentation and label
constexpr std::size_t kLeastTextColumns = 16;
constexpr std::string_view kContinuation = "        | ";
static_assert(kContinuation.size() == kLabelColumns);

// The next character or escape sequence of escaped text, which is valid UTF-8: what must not be broken apart.
struct Unit {
  std::size_t length;
  std::size_t columns;
};

Unit unit_at(std::string_view escaped) {
  const auto lead = static_cast<unsigned char>(escaped.front());
  if (lead == '\\') {
    const std::size_t length = escaped.size() > 1 && escaped[1] == 'x' ? 4 : 2;
    return {std::min(length, escaped.size()), std::min(length, escaped.size())};
  }
  if (lead < 0x80) return {1, 1};
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return {std::min(length, escaped.size()), 2};
}

// Escaped, with a single quote as \x27. Only as much of `bytes` as could be shown is looked at.
std::string escaped_inside(std::string_view bytes) {
  const std::string escaped = escape_bytes(bytes, bytes.size());
  std::string text;
  for (const char c : escaped) c == '\'' ? text.append("\\x27") : text.append(1, c);
  return text;
}

std::string without_unicode(std::string_view escaped) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : escaped) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80)
      text += c;
    else
      text.append("\\x").append(1, kDigits[byte >> 4U]).append(1, kDigits[byte & 0xFU]);
  }
  return text;
}

using Escape = std::string (*)(std::string_view);

std::string escaped_ascii(std::string_view bytes) { return without_unicode(escaped_inside(bytes)); }

// As many bytes from the front (or the back) as fit into `budget` columns once they are escaped.
std::string_view fitting_front(std::string_view bytes, std::size_t budget, Escape escape) {
  std::string_view part = bytes.substr(0, budget);
  while (!part.empty() && columns_of(escape(part)) > budget) part = part.substr(0, part.size() - (part.size() + 7) / 8);
  return part;
}

std::string_view fitting_back(std::string_view bytes, std::size_t budget, Escape escape) {
  std::string_view part = bytes.substr(bytes.size() - std::min(bytes.size(), budget));
  while (!part.empty() && columns_of(escape(part)) > budget) part = part.substr((part.size() + 7) / 8);
  return part;
}

std::string shown(std::string_view bytes, std::size_t budget, Escape escape) {
  if (bytes.size() <= budget) {
    const std::string whole = escape(bytes);
    if (columns_of(whole) <= budget) return "'" + whole + "'";
  }
  const std::string_view front = fitting_front(bytes, budget - budget / 3, escape);
  const std::string_view back = fitting_back(bytes.substr(front.size()), budget / 3, escape);
  const std::size_t left_out = bytes.size() - front.size() - back.size();
  if (left_out == 0) return "'" + escape(front) + "' '" + escape(back) + "'";
  return "'" + escape(front) + "' … " + std::to_string(left_out) + " bytes left out … '" + escape(back) + "'";
}

bool is_plain_word(std::string_view word) {
  constexpr std::string_view kMarks = "_@%+=:,./-";
  return !word.empty() && std::all_of(word.begin(), word.end(), [&](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return letter || kMarks.find(c) != std::string_view::npos;
  });
}

std::string shown_word(std::string_view word, std::size_t budget) {
  return word.size() <= budget && is_plain_word(word) ? std::string(word) : shown(word, budget, &escaped_inside);
}

// Takes words one after the other while they fit into `budget`, the first one always.
template <class Iterator>
std::vector<std::string> fitting_words(Iterator begin, Iterator end, std::size_t budget) {
  std::vector<std::string> words;
  std::size_t used = 0;
  for (Iterator word = begin; word != end; ++word) {
    std::string text = shown_word(*word, std::max<std::size_t>(budget / 2, 8));
    used += columns_of(text) + 1;
    if (!words.empty() && used > budget) break;
    words.push_back(std::move(text));
  }
  return words;
}

}  // namespace

std::size_t columns_of(std::string_view escaped) {
  std::size_t columns = 0;
  while (!escaped.empty()) {
    const Unit unit = unit_at(escaped);
    columns += unit.columns;
    escaped.remove_prefix(unit.length);
  }
  return columns;
}

std::string shown_bytes(std::string_view bytes, std::size_t budget) { return shown(bytes, budget, &escaped_inside); }

std::string shown_ascii(std::string_view bytes, std::size_t budget) {
  const auto is_beyond = [](char c) { return static_cast<unsigned char>(c) >= 0x80; };
  if (std::none_of(bytes.begin(), bytes.end(), is_beyond)) return {};
  return shown(bytes, budget, &escaped_ascii);
}

std::string shown_command(std::span<const std::string> argv, std::size_t budget) {
  const std::vector<std::string> front = fitting_words(argv.begin(), argv.end(), budget - budget / 3);
  const std::span<const std::string> rest = argv.subspan(front.size());
  const std::vector<std::string> back = fitting_words(rest.rbegin(), rest.rend(), budget / 3);
  std::string text;
  const auto add = [&text](std::string_view word) { text.append(text.empty() ? "" : " ").append(word); };
  for (const std::string& word : front) add(word);
  const std::size_t left_out = rest.size() - back.size();
  if (left_out > 0) add("… " + std::to_string(left_out) + " more words …");
  for (auto word = back.rbegin(); word != back.rend(); ++word) add(*word);
  return text;
}

void add_labelled(std::string& screen, std::string_view label, std::string_view text, std::size_t width) {
  const std::size_t space = std::max(width, kLabelColumns + kLeastTextColumns) - kLabelColumns;
  std::string start = "  " + std::string(label);
  start.resize(std::max(start.size() + 1, kLabelColumns), ' ');
  screen.append(start);
  std::size_t column = start.size() - kLabelColumns;
  while (!text.empty()) {
    const Unit unit = unit_at(text);
    if (column + unit.columns > space) {
      screen.append("\n").append(kContinuation);
      column = 0;
    }
    screen.append(text.substr(0, unit.length));
    column += unit.columns;
    text.remove_prefix(unit.length);
  }
  screen.append("\n");
}

}  // namespace writ
