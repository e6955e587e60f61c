#include "broker/policy/rule.h"

#include <utility>

#include "broker/base/escape.h"
#include "broker/policy/profile_values.h"

namespace writ {
namespace {

constexpr std::string_view kSubtreeMark = "/*";

}  // namespace

Result<PathPattern> PathPattern::parse(std::string_view text) {
  PathPattern pattern;
  std::string_view path = text;
  if (path == "*") return fail("the bare pattern '*' is refused: name a place, as in '/srv/data/*'");
  if (path.ends_with(kSubtreeMark)) {
    pattern.scope = PathScope::kSubtree;
    path.remove_suffix(path.size() == kSubtreeMark.size() ? 1 : kSubtreeMark.size());
  }
  if (path.find('*') != std::string_view::npos)
    return fail("the pattern " + quote_bytes(text) +
                " is refused: '*' can only be the whole last part, as in '/a/b/*'");
  WRIT_ASSIGN(pattern.path, normalize_absolute_path(path));
  return pattern;
}

bool PathPattern::matches(std::string_view other) const {
  if (scope == PathScope::kExact) return other == path;
  if (path == "/") return other.starts_with('/');
  return other.starts_with(path) && (other.size() == path.size() || other[path.size()] == '/');
}

std::string PathPattern::text() const {
  if (scope == PathScope::kExact) return path;
  return path == "/" ? std::string(kSubtreeMark) : std::string(path).append(kSubtreeMark);
}

std::string origin_text(const RuleOrigin& origin, std::span<const std::string> sources) {
  if (origin.line == 0 || origin.source >= sources.size()) return {};
  return sources[origin.source] + ":" + std::to_string(origin.line);
}

std::string Rule::text() const {
  std::string text(effect_name(effect));
  text.append(" ").append(rights_text(rights)).append(" ");
  const std::string pattern = std::visit([](const auto& one) { return one.text(); }, resource);
  return text.append(escape_bytes(pattern));
}

}  // namespace writ
