#include "tools/native/search_tools.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/escape.h"
#include "tools/native/descriptor_reading.h"
#include "tools/native/glob_set.h"
#include "tools/native/text_search.h"
#include "tools/native/tool_arguments.h"
#include "tools/native/tree_walk.h"
#include "tools/native/workspace_files.h"

namespace writ::tools {
namespace {

constexpr std::uint64_t kFileLimit = 8 * 1024 * 1024;
constexpr std::size_t kBinaryLook = 8 * 1024;
constexpr std::size_t kResultBytes = 900'000;  // of texts and names; with JSON around it, a result stays below 1.5 MiB
constexpr std::size_t kEntryBytes = 64;        // of a result, for its names and numbers

struct Scope {
  std::string path;
  GlobSet globs;
  HiddenNames hidden = HiddenNames::kPassedOver;
};

ToolResult<Scope> scope_of(StrictObject& reader) {
  WRIT_TOOL_ASSIGN(const std::optional<std::string> path, reader.optional_text("path"));
  WRIT_TOOL_ASSIGN(const std::vector<std::string> globs, texts_argument(reader, "glob"));
  WRIT_TOOL_ASSIGN(GlobSet set, GlobSet::compile(globs));
  WRIT_TOOL_ASSIGN(const bool hidden, flag_argument(reader, "hidden", false));
  return Scope{path.value_or("."), std::move(set), hidden ? HiddenNames::kSeen : HiddenNames::kPassedOver};
}

constexpr std::array<std::string_view, 2> kKindNames = {"regex", "text"};
constexpr std::array kKinds = {PatternKind::kRegex, PatternKind::kText};

struct SearchWanted {
  Scope scope;
  PatternMatcher matcher;
  std::string needle;
  std::size_t max_results = 0;
  std::size_t context_lines = 0;
};

ToolResult<SearchWanted> search_wanted(const JsonValue& arguments) {
  WRIT_TOOL_ASSIGN(StrictObject reader, StrictObject::open(arguments, ""));
  WRIT_TOOL_ASSIGN(const std::string pattern, reader.text("pattern"));
  WRIT_TOOL_ASSIGN(Scope scope, scope_of(reader));
  WRIT_TOOL_ASSIGN(const std::optional<std::size_t> word, reader.optional_word("kind", kKindNames));
  WRIT_TOOL_ASSIGN(const bool ignore_case, flag_argument(reader, "ignore_case", false));
  WRIT_TOOL_ASSIGN(const std::int64_t results, number_argument(reader, "max_results", {200, 1, 5000}));
  WRIT_TOOL_ASSIGN(const std::int64_t context, number_argument(reader, "context_lines", {0, 0, 10}));
  WRIT_TOOL_TRY(reader.finish());
  const PatternKind kind = kKinds.at(word.value_or(0));
  const bool is_text = kind == PatternKind::kText;
  if (is_text && pattern.find('\n') != std::string::npos)
    return refuse(FailureCode::kInvalidArguments, "a text to search for stands within one line; it has a line break");
  WRIT_TOOL_ASSIGN(PatternMatcher matcher,
                   PatternMatcher::compile(pattern, kind, ignore_case ? LetterCase::kIgnored : LetterCase::kKept));
  return SearchWanted{std::move(scope), std::move(matcher), is_text && !ignore_case ? pattern : "",
                      static_cast<std::size_t>(results), static_cast<std::size_t>(context)};
}

JsonArray texts_of(std::vector<std::string> lines) {
  JsonArray array;
  for (std::string& line : lines) array.add(std::move(line));
  return array;
}

class Search {
 public:
  Search(BrokerDoor& door, SearchWanted wanted) : door_(door), wanted_(std::move(wanted)) {}

  ToolResult<JsonValue> run() {
    WRIT_TOOL_ASSIGN(const WalkOutcome outcome, walk_tree(door_, wanted_.scope.path, wanted_.scope.hidden,
                                                          [this](const WalkedFile& file) { return take_file(file); }));
    return JsonObject()
        .set("matches", std::move(matches_))
        .set("files_searched", searched_)
        .set("files_skipped", skipped_ + outcome.skipped)
        .set("truncated", !outcome.complete);
  }

 private:
  ToolResult<WalkStep> take_file(const WalkedFile& file) {
    WRIT_TOOL_ASSIGN(const bool meant, wanted_.scope.globs.matches(file.relative));
    if (!meant) return WalkStep::kGoOn;
    const DoorResult<std::string_view> text = load(file.path);
    if (!text && !concerns_one_place(text.error().code))
      return refuse_request("read " + quote_bytes(file.path), text.error());
    if (!text) {
      ++skipped_;
      return WalkStep::kGoOn;
    }
    ++searched_;
    ToolResult<WalkStep> step = search_lines(*text, {&wanted_.matcher, wanted_.needle, wanted_.context_lines},
                                             [&](FoundLine found) { return add(file.path, std::move(found)); });
    if (!step) return refuse(step.error().code, step.error().message + " of " + quote_bytes(file.path));
    return step;
  }

  // The text of a file, valid until the next one. Error: also kTooLarge and kWrongKind, for files that are passed over.
  DoorResult<std::string_view> load(const std::string& path) {
    const DoorResult<OpenFile> file = open_file(door_, path);
    if (!file) return tl::unexpected(file.error());
    if (file->size > kFileLimit) return tl::unexpected(RequestError{FailureCode::kTooLarge, {}});
    // One byte more than the file has, so that its end is seen at once.
    const auto wanted = static_cast<std::size_t>(file->size) + 1;
    if (buffer_.size() < wanted) buffer_.resize(wanted);
    const std::span<char> room = std::span(buffer_).first(wanted);
    const std::span<char> look = room.first(std::min(wanted, kBinaryLook));
    const DoorResult<std::size_t> start = read_bytes(file->descriptor.get(), look);
    if (!start) return tl::unexpected(start.error());
    if (std::find(look.begin(), look.begin() + static_cast<std::ptrdiff_t>(*start), '\0') !=
        look.begin() + static_cast<std::ptrdiff_t>(*start))
      return tl::unexpected(RequestError{FailureCode::kWrongKind, {}});
    if (*start < look.size()) return std::string_view(room.data(), *start);
    const DoorResult<std::size_t> rest = read_bytes(file->descriptor.get(), room.subspan(look.size()));
    if (!rest) return tl::unexpected(rest.error());
    return std::string_view(room.data(), *start + *rest);
  }

  WalkStep add(const std::string& path, FoundLine found) {
    std::size_t bytes = kEntryBytes + path.size() + found.text.size();
    for (const std::vector<std::string>* lines : {&found.before, &found.after})
      for (const std::string& line : *lines) bytes += line.size() + 4;
    if (matches_.elements().size() == wanted_.max_results || used_bytes_ + bytes > kResultBytes) return WalkStep::kStop;
    used_bytes_ += bytes;
    JsonObject match;
    match.set("path", path).set("line", found.line).set("column", found.column).set("text", std::move(found.text));
    if (wanted_.context_lines > 0)
      match.set("before", texts_of(std::move(found.before))).set("after", texts_of(std::move(found.after)));
    matches_.add(std::move(match));
    return WalkStep::kGoOn;
  }

  BrokerDoor& door_;
  SearchWanted wanted_;
  JsonArray matches_;
  std::vector<char> buffer_;
  std::uint64_t searched_ = 0;
  std::uint64_t skipped_ = 0;
  std::size_t used_bytes_ = 0;
};

}  // namespace

ToolResult<JsonValue> search(BrokerDoor& door, const JsonValue& arguments) {
  WRIT_TOOL_ASSIGN(SearchWanted wanted, search_wanted(arguments));
  return Search(door, std::move(wanted)).run();
}

ToolResult<JsonValue> find_files(BrokerDoor& door, const JsonValue& arguments) {
  WRIT_TOOL_ASSIGN(StrictObject reader, StrictObject::open(arguments, ""));
  WRIT_TOOL_ASSIGN(Scope scope, scope_of(reader));
  WRIT_TOOL_ASSIGN(const std::int64_t limit, number_argument(reader, "limit", {1000, 1, 10'000}));
  WRIT_TOOL_TRY(reader.finish());
  JsonArray files;
  std::size_t used_bytes = 0;
  const auto visit = [&](const WalkedFile& file) -> ToolResult<WalkStep> {
    WRIT_TOOL_ASSIGN(const bool meant, scope.globs.matches(file.relative));
    if (!meant) return WalkStep::kGoOn;
    used_bytes += file.path.size() + 4;
    if (files.elements().size() == static_cast<std::size_t>(limit) || used_bytes > kResultBytes) return WalkStep::kStop;
    files.add(file.path);
    return WalkStep::kGoOn;
  };
  WRIT_TOOL_ASSIGN(const WalkOutcome outcome, walk_tree(door, scope.path, scope.hidden, visit));
  return JsonObject()
      .set("files", std::move(files))
      .set("skipped", outcome.skipped)
      .set("truncated", !outcome.complete);
}

}  // namespace writ::tools
