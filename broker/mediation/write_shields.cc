#include "broker/mediation/write_shields.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace writ {

WriteShields::WriteShields(const AccessPolicy& policy, std::vector<std::string> others) : paths_(std::move(others)) {
  for (const Rule& rule : policy.rules()) {
    const auto* pattern = std::get_if<PathPattern>(&rule.resource);
    if (pattern != nullptr && rule.effect != Effect::kAllow && rule.rights.has(Right::kWrite))
      paths_.push_back(pattern->path);
  }
  std::sort(paths_.begin(), paths_.end());
  paths_.erase(std::unique(paths_.begin(), paths_.end()), paths_.end());
}

std::string_view WriteShields::beneath(std::string_view directory) const {
  const std::string prefix = std::string(directory == "/" ? "" : directory) + "/";
  const auto next = std::upper_bound(paths_.begin(), paths_.end(), prefix);
  return next != paths_.end() && next->starts_with(prefix) ? std::string_view(*next) : std::string_view();
}

}  // namespace writ
