#include "broker/mediation/denial_log.h"

#include <algorithm>
#include <array>
#include <utility>

namespace writ {

void DenialLog::add(DeniedAccess denial) {
  auto known = std::find_if(denials_.begin(), denials_.end(), [&](const DeniedAccess& other) {
    return other.path == denial.path && other.rights == denial.rights && other.rule == denial.rule;
  });
  if (known == denials_.end() && denials_.size() >= kDenialLimit) {
    ++not_listed_;
    denial.times = 1;
    if (observer_) observer_(denial);
    return;
  }
  if (known == denials_.end()) known = denials_.insert(denials_.end(), std::move(denial));
  ++known->times;
  if (observer_) observer_(*known);
}

std::string_view cause_name(DecisionCause cause) {
  constexpr std::array<std::string_view, 5> kNames = {"rule", "secret", "hidden", "protected", "nothing"};
  return kNames[static_cast<std::size_t>(cause)];
}

}  // namespace writ
