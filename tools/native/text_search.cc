#include "tools/native/text_search.h"

#include <algorithm>

#include "broker/base/escape.h"
#include "tools/native/utf8_cutting.h"

namespace writ::tools {
namespace {

constexpr std::size_t kShownBytes = 500;   // of one line
constexpr std::size_t kShownBefore = 100;  // of a long line, before the match
constexpr std::string_view kEllipsis = "…";

// Where a line is within the text.
struct LineSpan {
  std::size_t begin = 0;
  std::size_t end = 0;  // without the line end
};

LineSpan line_at(std::string_view text, std::size_t begin) {
  const std::size_t newline = text.find('\n', begin);
  return {begin, newline == std::string_view::npos ? text.size() : newline};
}

std::string_view content_of(std::string_view text, LineSpan line) {
  std::string_view content = text.substr(line.begin, line.end - line.begin);
  if (content.ends_with('\r')) content.remove_suffix(1);
  return content;
}

std::string shown(std::string_view line, std::size_t match) {
  std::string_view part = line;
  if (line.size() > kShownBytes) {
    const std::size_t begin = match > kShownBytes - kShownBefore ? match - kShownBefore : 0;
    part = utf8_prefix(utf8_suffix(line, line.size() - begin), kShownBytes);
  }
  const bool starts_later = part.data() != line.data();
  const bool ends_earlier = part.data() + part.size() != line.data() + line.size();
  std::string text(starts_later ? kEllipsis : "");
  text += is_valid_utf8(part) ? std::string(part) : escape_bytes(part, part.size());
  return text.append(ends_earlier ? kEllipsis : "");
}

std::vector<std::string> lines_before(std::string_view text, std::size_t begin, std::size_t count) {
  std::vector<std::string> lines;
  while (begin > 0 && lines.size() < count) {
    const std::size_t end = begin - 1;  // the newline
    const std::size_t newline = end == 0 ? std::string_view::npos : text.rfind('\n', end - 1);
    begin = newline == std::string_view::npos ? 0 : newline + 1;
    lines.push_back(shown(content_of(text, {begin, end}), 0));
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

std::vector<std::string> lines_after(std::string_view text, std::size_t end, std::size_t count) {
  std::vector<std::string> lines;
  while (end + 1 < text.size() && lines.size() < count) {
    const LineSpan line = line_at(text, end + 1);
    lines.push_back(shown(content_of(text, line), 0));
    end = line.end;
  }
  return lines;
}

std::size_t newlines(std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// Moves on to the line that has the needle; false where there is none.
bool skip_to_needle(std::string_view text, std::string_view needle, std::size_t& at, std::size_t& number) {
  const std::size_t hit = text.find(needle, at);
  if (hit == std::string_view::npos) return false;
  const std::string_view between = text.substr(at, hit - at);
  number += newlines(between);
  const std::size_t last = between.rfind('\n');
  if (last != std::string_view::npos) at += last + 1;
  return true;
}

}  // namespace

ToolResult<WalkStep> search_lines(std::string_view text, const LineSearch& search, const FoundVisitor& found) {
  std::size_t number = 1;
  for (std::size_t at = 0; at < text.size(); ++number) {
    if (!search.needle.empty() && !skip_to_needle(text, search.needle, at, number)) break;
    const LineSpan line = line_at(text, at);
    const std::string_view content = content_of(text, line);
    const ToolResult<std::optional<MatchPlace>> match = search.matcher->find(content);
    if (!match) return refuse(match.error().code, match.error().message + "; it was at line " + std::to_string(number));
    at = line.end + 1;
    if (!*match) continue;
    const std::size_t begin = (*match)->begin;
    const WalkStep step = found({number, utf8_characters(content.substr(0, begin)) + 1, shown(content, begin),
                                 lines_before(text, line.begin, search.context_lines),
                                 lines_after(text, line.end, search.context_lines)});
    if (step == WalkStep::kStop) return step;
  }
  return WalkStep::kGoOn;
}

}  // namespace writ::tools
