#include "broker/mediation/write_shields.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace writ {

WriteShields::WriteShields(const AccessPolicy& policy, std::vector<std::string> covered,
                           std::vector<std::string> aliases)
    : paths_(std::move(covered)), aliases_(std::move(aliases)) {
  paths_.insert(paths_.end(), aliases_.begin(), aliases_.end());
  for (const Rule& rule : policy.rules()) {
    const auto* pattern = std::get_if<PathPattern>(&rule.resource);
    if (pattern != nullptr && rule.effect != Effect::kAllow && rule.rights.has(Right::kWrite))
      paths_.push_back(pattern->path);
  }
  std::sort(paths_.begin(), paths_.end());
  paths_.erase(std::unique(paths_.begin(), paths_.end()), paths_.end());
}

std::string_view WriteShields::alias_of(std::string_view path) const {
  const auto holds = [&](const std::string& alias) {
    return path.starts_with(alias) && (path.size() == alias.size() || path[alias.size()] == '/');
  };
  const auto found = std::find_if(aliases_.begin(), aliases_.end(), holds);
  return found == aliases_.end() ? std::string_view() : std::string_view(*found);
}

std::string_view WriteShields::beneath(std::string_view directory) const {
  const std::string prefix = std::string(directory == "/" ? "" : directory) + "/";
  const auto next = std::upper_bound(paths_.begin(), paths_.end(), prefix);
  return next != paths_.end() && next->starts_with(prefix) ? std::string_view(*next) : std::string_view();
}

}  // namespace writ
