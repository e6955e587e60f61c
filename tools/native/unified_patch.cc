#include "tools/native/unified_patch.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "broker/base/escape.h"
#include "tools/native/text_lines.h"

namespace writ::tools {
namespace {

constexpr std::size_t kLineNumberLimit = 100'000'000;  // keeps sums of line numbers far from overflow
constexpr std::size_t kShownBytes = 80;

tl::unexpected<ToolFailure> malformed(std::size_t line, std::string_view why) {
  std::string message = "the patch is malformed at its line " + std::to_string(line) + ": ";
  return refuse(FailureCode::kInvalidArguments, message.append(why));
}

bool take_word(std::string_view& rest, std::string_view word) {
  if (!rest.starts_with(word)) return false;
  rest.remove_prefix(word.size());
  return true;
}

std::optional<std::size_t> take_number(std::string_view& rest) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error != std::errc() || number > kLineNumberLimit) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  return number;
}

// "12,3" or "12", which means "12,1".
bool take_range(std::string_view& rest, std::size_t& start, std::size_t& lines) {
  const std::optional<std::size_t> first = take_number(rest);
  if (!first) return false;
  start = *first;
  lines = 1;
  if (!take_word(rest, ",")) return true;
  const std::optional<std::size_t> count = take_number(rest);
  lines = count.value_or(0);
  return count.has_value();
}

std::optional<PatchHunk> hunk_header(std::string_view line) {
  PatchHunk hunk;
  std::size_t new_start = 0;
  const bool right = take_word(line, "@@ -") && take_range(line, hunk.old_start, hunk.old_lines) &&
                     take_word(line, " +") && take_range(line, new_start, hunk.new_lines) && take_word(line, " @@");
  if (!right || (!line.empty() && line.front() != ' ' && line.front() != '\r')) return std::nullopt;
  if (hunk.old_lines > 0 && hunk.old_start == 0) return std::nullopt;
  return hunk;
}

bool is_null_file(std::string_view name) { return name == "/dev/null" || name.starts_with("/dev/null\t"); }

}  // namespace

// Reads the lines of a patch from the first to the last.
class PatchReader {
 public:
  explicit PatchReader(std::string_view patch) {
    for (std::string_view line : split_lines(patch)) {
      if (line.back() == '\n') line.remove_suffix(1);
      lines_.push_back(line);
    }
    drop_foreign_line_ends();
  }

  ToolResult<UnifiedPatch> read() {
    WRIT_TOOL_TRY(read_preamble());
    while (at_ < lines_.size()) WRIT_TOOL_TRY(read_part());
    if (patch_.hunks_.empty())
      return refuse(FailureCode::kInvalidArguments,
                    "the patch has no hunk: a line \"@@ -START,COUNT +START,COUNT @@\"");
    return std::move(patch_);
  }

 private:
  // A patch whose own header lines end in \r\n was carried through something that ends all lines so.
  void drop_foreign_line_ends() {
    const auto ends_in_return = [](std::string_view line) { return line.ends_with('\r'); };
    if (!lines_.empty() && std::all_of(lines_.begin(), lines_.end(), ends_in_return))
      for (std::string_view& line : lines_) line.remove_suffix(1);
    patch_.has_carriage_return_ = std::any_of(lines_.begin(), lines_.end(), ends_in_return);
  }

  [[nodiscard]] std::string_view line() const { return lines_[at_]; }
  [[nodiscard]] tl::unexpected<ToolFailure> wrong(std::string_view why) const { return malformed(at_ + 1, why); }

  // What git and diff write before the names; it decides nothing here.
  ToolResult<void> read_preamble() {
    for (; at_ < lines_.size(); ++at_) {
      if (line().starts_with("--- ") || line().starts_with("@@")) break;
      for (const std::string_view word : {"rename ", "copy ", "GIT binary patch", "Binary files ", "deleted file "})
        if (line().starts_with(word)) return wrong("only changes of the text of one file can be applied");
    }
    if (at_ < lines_.size() && line().starts_with("--- ")) return read_names();
    return {};
  }

  ToolResult<void> read_names() {
    patch_.creates_file_ = is_null_file(line().substr(4));
    ++at_;
    if (at_ >= lines_.size() || !line().starts_with("+++ "))
      return wrong("a line \"+++ NAME\" must follow \"--- NAME\"");
    if (is_null_file(line().substr(4))) return wrong("it deletes the file; use delete");
    ++at_;
    return {};
  }

  ToolResult<void> read_part() {
    if (line().starts_with("@@")) return read_hunk();
    if (line().starts_with("--- ") || line().starts_with("diff "))
      return wrong("a second file begins; give one patch per call");
    const bool blank_to_end = std::all_of(lines_.begin() + static_cast<std::ptrdiff_t>(at_), lines_.end(),
                                          [](std::string_view each) { return each.empty(); });
    if (!blank_to_end)
      return wrong("expected \"@@ -START,COUNT +START,COUNT @@\", found " + quote_bytes(line(), kShownBytes) +
                   (patch_.hunks_.empty() ? "" : " (has the hunk before more lines than its header says?)"));
    at_ = lines_.size();
    return {};
  }

  ToolResult<void> read_hunk() {
    std::optional<PatchHunk> hunk = hunk_header(line());
    if (!hunk) return wrong("expected \"@@ -START,COUNT +START,COUNT @@\", found " + quote_bytes(line(), kShownBytes));
    hunk->patch_line = ++at_;
    if (hunk->old_lines + hunk->new_lines == 0) return malformed(at_, "the hunk is empty");
    std::size_t old_left = hunk->old_lines;
    std::size_t new_left = hunk->new_lines;
    while (old_left + new_left > 0 || is_no_newline_mark()) {
      if (at_ >= lines_.size())
        return wrong("the hunk ends too early: its header promises " + std::to_string(old_left) + " old and " +
                     std::to_string(new_left) + " new lines more");
      WRIT_TOOL_TRY(read_hunk_line(*hunk, old_left, new_left));
    }
    patch_.hunks_.push_back(std::move(*hunk));
    return {};
  }

  [[nodiscard]] bool is_no_newline_mark() const { return at_ < lines_.size() && line().starts_with("\\ "); }

  ToolResult<void> read_hunk_line(PatchHunk& hunk, std::size_t& old_left, std::size_t& new_left) {
    if (is_no_newline_mark()) return take_mark(hunk);
    // Some programs drop the blank of an empty context line.
    const char mark = line().empty() ? ' ' : line().front();
    if (mark != ' ' && mark != '-' && mark != '+')
      return wrong("a line of a hunk starts with a blank, '-' or '+', found " + quote_bytes(line(), kShownBytes));
    if ((mark != '+' && old_left == 0) || (mark != '-' && new_left == 0))
      return wrong("the hunk has other numbers of lines than its header says");
    if (mark != '+') --old_left;
    if (mark != '-') --new_left;
    const HunkLineKind kind = mark == ' '   ? HunkLineKind::kContext
                              : mark == '-' ? HunkLineKind::kRemoved
                                            : HunkLineKind::kAdded;
    hunk.lines.push_back({kind, std::string(line().substr(line().empty() ? 0 : 1)), true});
    ++at_;
    return {};
  }

  ToolResult<void> take_mark(PatchHunk& hunk) {
    if (hunk.lines.empty() || !hunk.lines.back().has_newline) return wrong("\"\\ No newline\" follows no line");
    hunk.lines.back().has_newline = false;
    ++at_;
    return {};
  }

  std::vector<std::string_view> lines_;
  std::size_t at_ = 0;
  UnifiedPatch patch_;
};

namespace {

// The new text as it grows, and how much of the old one is used.
class Application {
 public:
  Application(std::string_view text, std::string_view ending) : old_(split_lines(text)), ending_(ending) {}

  ToolResult<void> take(const PatchHunk& hunk, std::size_t number) {
    WRIT_TOOL_ASSIGN(const std::size_t place, place_of(hunk, number));
    while (used_ < place) append(old_[used_++]);
    for (const HunkLine& line : hunk.lines) {
      if (line.kind == HunkLineKind::kAdded) append(line.text + std::string(line.has_newline ? ending_ : ""));
      if (line.kind == HunkLineKind::kContext) append(old_[used_]);
      if (line.kind != HunkLineKind::kAdded) ++used_;
    }
    return {};
  }

  ToolResult<std::string> finish() {
    while (used_ < old_.size()) append(old_[used_++]);
    if (joined_)
      return refuse(FailureCode::kConflict,
                    "the patch would put more lines after one that has no newline; nothing was written");
    return std::move(text_);
  }

 private:
  void append(std::string_view piece) {
    joined_ = joined_ || (!piece.empty() && !text_.empty() && text_.back() != '\n');
    text_ += piece;
  }

  [[nodiscard]] bool equals(const HunkLine& line, std::string_view old) const {
    if (!line.has_newline) return old == line.text;
    return old.size() == line.text.size() + ending_.size() && old.starts_with(line.text) && old.ends_with(ending_);
  }

  [[nodiscard]] bool fits(const PatchHunk& hunk, std::size_t place) const {
    if (place < used_ || place + hunk.old_lines > old_.size()) return false;
    std::size_t at = place;
    for (const HunkLine& line : hunk.lines)
      if (line.kind != HunkLineKind::kAdded && !equals(line, old_[at++])) return false;
    return true;
  }

  // A hunk without old lines says after which line it belongs; there is nothing to search for.
  ToolResult<std::size_t> place_of(const PatchHunk& hunk, std::size_t number) const {
    const std::size_t stated = hunk.old_lines == 0 ? hunk.old_start : hunk.old_start - 1;
    if (fits(hunk, stated)) return stated;
    std::vector<std::size_t> places;
    for (std::size_t place = used_; hunk.old_lines > 0 && place + hunk.old_lines <= old_.size(); ++place)
      if (fits(hunk, place)) places.push_back(place);
    if (places.size() == 1) return places.front();
    return places.empty() ? does_not_fit(hunk, number) : ambiguous(places, number);
  }

  static std::string name_of(const PatchHunk& hunk, std::size_t number) {
    return "hunk " + std::to_string(number) + " (line " + std::to_string(hunk.patch_line) + " of the patch)";
  }

  tl::unexpected<ToolFailure> does_not_fit(const PatchHunk& hunk, std::size_t number) const {
    std::string message = name_of(hunk, number) + " does not fit: ";
    if (hunk.old_lines == 0 || hunk.old_start > old_.size())
      message += "line " + std::to_string(hunk.old_start) + " is not free there, the file has " +
                 std::to_string(old_.size()) + " lines";
    else
      message += "its old lines are neither at line " + std::to_string(hunk.old_start) + " nor elsewhere after line " +
                 std::to_string(used_) + first_difference(hunk);
    return refuse(FailureCode::kConflict, message + "; nothing was written");
  }

  // Where the stated place differs, so that the caller can look.
  [[nodiscard]] std::string first_difference(const PatchHunk& hunk) const {
    std::size_t at = hunk.old_start - 1;
    for (const HunkLine& line : hunk.lines) {
      if (line.kind == HunkLineKind::kAdded) continue;
      if (at >= old_.size()) return "; the file ends after line " + std::to_string(old_.size());
      if (!equals(line, old_[at]))
        return "; line " + std::to_string(at + 1) + " of the file differs" + reason(line, old_[at]);
      ++at;
    }
    return "";
  }

  [[nodiscard]] static std::string reason(const HunkLine& line, std::string_view old) {
    if (line.has_newline && old == line.text)
      return " (it is the last one and has no newline: \"\\ No newline at end of file\")";
    if (old.ends_with("\r\n") && old.substr(0, old.size() - 2) == line.text) return " (it ends in \\r\\n)";
    if (!line.has_newline && old.starts_with(line.text)) return " (it ends in a newline)";
    return "";
  }

  static tl::unexpected<ToolFailure> ambiguous(const std::vector<std::size_t>& places, std::size_t number) {
    return refuse(FailureCode::kInvalidArguments,
                  "hunk " + std::to_string(number) + " is not at the line that it states and fits at " +
                      std::to_string(places.size()) + " places, among them lines " + std::to_string(places[0] + 1) +
                      " and " + std::to_string(places[1] + 1) + "; give more context; nothing was written");
  }

  std::vector<std::string_view> old_;
  std::string_view ending_;
  std::size_t used_ = 0;
  std::string text_;
  bool joined_ = false;  // something was put after a line that has no newline
};

bool all_lines_end_in_return(std::string_view text) {
  const std::vector<std::string_view> lines = split_lines(text);
  const auto ends_so = [&](std::string_view line) { return line.ends_with("\r\n") || line.back() != '\n'; };
  return text.find("\r\n") != std::string_view::npos && std::all_of(lines.begin(), lines.end(), ends_so);
}

}  // namespace

ToolResult<UnifiedPatch> UnifiedPatch::parse(std::string_view patch) { return PatchReader(patch).read(); }

ToolResult<std::string> UnifiedPatch::apply(std::string_view text) const {
  Application application(text, !has_carriage_return_ && all_lines_end_in_return(text) ? "\r\n" : "\n");
  for (std::size_t i = 0; i < hunks_.size(); ++i) WRIT_TOOL_TRY(application.take(hunks_[i], i + 1));
  return application.finish();
}

}  // namespace writ::tools
