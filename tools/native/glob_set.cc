#include "tools/native/glob_set.h"

#include <cstddef>
#include <utility>

#include "broker/base/escape.h"

namespace writ::tools {
namespace {

constexpr std::size_t kExpansionLimit = 64;

tl::unexpected<ToolFailure> wrong_glob(std::string_view glob, std::string_view why) {
  return refuse(FailureCode::kInvalidArguments, "the glob " + quote_bytes(glob, 200) + " " + std::string(why));
}

// The first group of braces: where it opens, where it closes, and the commas between.
struct BraceGroup {
  std::size_t open = std::string_view::npos;
  std::size_t close = std::string_view::npos;
  std::vector<std::size_t> commas;
};

BraceGroup first_group(std::string_view glob) {
  BraceGroup group;
  std::size_t depth = 0;
  for (std::size_t i = 0; i < glob.size(); ++i) {
    if (glob[i] == '\\') {
      ++i;
    } else if (glob[i] == '{') {
      if (depth++ == 0) group.open = i;
    } else if (glob[i] == ',' && depth == 1) {
      group.commas.push_back(i);
    } else if (glob[i] == '}' && depth > 0 && --depth == 0) {
      group.close = i;
      return group;
    }
  }
  return group;
}

std::vector<std::string> alternatives_of(std::string_view glob, const BraceGroup& group) {
  std::vector<std::string> alternatives;
  std::size_t begin = group.open + 1;
  std::vector<std::size_t> ends = group.commas;
  ends.push_back(group.close);
  for (const std::size_t end : ends) {
    std::string each(glob.substr(0, group.open));
    alternatives.push_back(each.append(glob.substr(begin, end - begin)).append(glob.substr(group.close + 1)));
    begin = end + 1;
  }
  return alternatives;
}

// "./src" and "/src" mean the same as "src": paths are below the place of the search.
std::string_view below_start(std::string_view glob) {
  while (glob.starts_with("./") || glob.starts_with('/')) glob.remove_prefix(glob.front() == '/' ? 1 : 2);
  return glob;
}

}  // namespace

ToolResult<std::vector<std::string>> expand_braces(std::string_view glob) {
  std::vector<std::string> done;
  std::vector<std::string> waiting{std::string(glob)};
  while (!waiting.empty()) {
    const std::string next = std::move(waiting.back());
    waiting.pop_back();
    const BraceGroup group = first_group(next);
    if (group.open != std::string_view::npos && group.close == std::string_view::npos)
      return wrong_glob(glob, "has a '{' that is not closed");
    if (group.open == std::string_view::npos) {
      done.push_back(next);
    } else {
      std::vector<std::string> alternatives = alternatives_of(next, group);
      waiting.insert(waiting.end(), std::make_move_iterator(alternatives.rbegin()),
                     std::make_move_iterator(alternatives.rend()));
    }
    if (done.size() + waiting.size() > kExpansionLimit)
      return wrong_glob(glob, "means more than " + std::to_string(kExpansionLimit) + " globs");
  }
  return done;
}

ToolResult<GlobSet> GlobSet::compile(std::span<const std::string> globs) {
  GlobSet set;
  for (const std::string& glob : globs) {
    WRIT_TOOL_ASSIGN(const std::vector<std::string> expanded, expand_braces(glob));
    for (const std::string& each : expanded) {
      ToolResult<PatternMatcher> matcher =
          PatternMatcher::compile(below_start(each), PatternKind::kGlob, LetterCase::kKept);
      if (!matcher) return wrong_glob(glob, "is wrong: " + matcher.error().message);
      set.globs_.push_back({std::move(*matcher), each.find('/') == std::string::npos});
    }
  }
  return set;
}

ToolResult<bool> GlobSet::matches(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  for (Glob& glob : globs_) {
    WRIT_TOOL_ASSIGN(const std::optional<MatchPlace> found, glob.matcher.find(glob.names_only ? name : path));
    if (found) return true;
  }
  return globs_.empty();
}

}  // namespace writ::tools
