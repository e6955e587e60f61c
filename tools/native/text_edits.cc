#include "tools/native/text_edits.h"

#include <algorithm>
#include <vector>

namespace writ::tools {
namespace {

constexpr std::size_t kShownLines = 10;

enum class Overlaps { kCounted, kPassed };

// With overlaps counted, "aa" stands in "aaa" twice: which one is meant is not certain.
std::vector<std::size_t> places_of(std::string_view text, std::string_view wanted, Overlaps overlaps) {
  std::vector<std::size_t> places;
  const std::size_t step = overlaps == Overlaps::kCounted ? 1 : wanted.size();
  for (std::size_t at = text.find(wanted); at != std::string_view::npos; at = text.find(wanted, at + step))
    places.push_back(at);
  return places;
}

std::string replace_at(std::string_view text, std::span<const std::size_t> places, const TextEdit& edit) {
  std::string result;
  std::size_t taken = 0;
  for (const std::size_t place : places) {
    result.append(text.substr(taken, place - taken)).append(edit.new_text);
    taken = place + edit.old_text.size();
  }
  return result.append(text.substr(taken));
}

std::string without_blanks(std::string_view text) {
  std::string result;
  for (const char byte : text)
    if (byte != ' ' && byte != '\t' && byte != '\r' && byte != '\n') result += byte;
  return result;
}

// Why a text may not be found although the caller has seen it.
std::string not_found_hint(std::string_view text, std::string_view wanted) {
  if (wanted.find('\n') != std::string_view::npos && wanted.find('\r') == std::string_view::npos &&
      text.find("\r\n") != std::string_view::npos)
    return "; the lines of the file end in \\r\\n";
  const std::string compact = without_blanks(wanted);
  if (!compact.empty() && without_blanks(text).find(compact) != std::string::npos)
    return "; a text that differs only in blanks or line ends is there";
  return "; read the file again";
}

tl::unexpected<ToolFailure> refuse_edit(FailureCode code, std::size_t index, std::string_view why) {
  std::string message = "edit " + std::to_string(index + 1) + ": ";
  return refuse(code, message.append(why).append("; nothing was written"));
}

ToolResult<std::vector<std::size_t>> find_places(std::string_view text, const TextEdit& edit, std::size_t index) {
  if (edit.old_text.empty()) return refuse_edit(FailureCode::kInvalidArguments, index, "'old' is empty");
  if (edit.old_text == edit.new_text)
    return refuse_edit(FailureCode::kInvalidArguments, index, "'old' and 'new' are the same");
  const bool one = edit.occurrences == Occurrences::kOne;
  std::vector<std::size_t> places = places_of(text, edit.old_text, one ? Overlaps::kCounted : Overlaps::kPassed);
  if (places.empty())
    return refuse_edit(FailureCode::kConflict, index, "'old' was not found" + not_found_hint(text, edit.old_text));
  if (one && places.size() > 1)
    return refuse_edit(FailureCode::kInvalidArguments, index,
                       "'old' was found " + std::to_string(places.size()) + " times, at lines " +
                           lines_of(text, places) + "; give more of the text around it, or set 'all'");
  return places;
}

}  // namespace

std::string lines_of(std::string_view text, std::span<const std::size_t> places) {
  std::string words;
  std::size_t line = 1;
  std::size_t counted = 0;
  for (std::size_t i = 0; i < std::min(places.size(), kShownLines); ++i) {
    const std::string_view between = text.substr(counted, places[i] - counted);
    line += static_cast<std::size_t>(std::count(between.begin(), between.end(), '\n'));
    counted = places[i];
    words.append(i == 0 ? "" : ", ").append(std::to_string(line));
  }
  if (places.size() > kShownLines) words += " and " + std::to_string(places.size() - kShownLines) + " more";
  return words;
}

ToolResult<EditedText> apply_edits(std::string text, std::span<const TextEdit> edits) {
  EditedText edited{std::move(text), 0};
  for (std::size_t i = 0; i < edits.size(); ++i) {
    WRIT_TOOL_ASSIGN(const std::vector<std::size_t> places, find_places(edited.text, edits[i], i));
    edited.text = replace_at(edited.text, places, edits[i]);
    edited.replacements += places.size();
  }
  return edited;
}

}  // namespace writ::tools
