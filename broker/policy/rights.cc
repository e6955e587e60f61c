#include "broker/policy/rights.h"

#include <algorithm>

namespace writ {

std::optional<Right> right_from_name(std::string_view name) {
  const auto found = std::find(kRightNames.begin(), kRightNames.end(), name);
  if (found == kRightNames.end()) return std::nullopt;
  return static_cast<Right>(found - kRightNames.begin());
}

std::string rights_text(Rights rights) {
  std::string text;
  for (std::size_t i = 0; i < kRightCount; ++i)
    if (rights.has(static_cast<Right>(i))) text.append(text.empty() ? "" : ", ").append(kRightNames[i]);
  return text.empty() ? "nothing" : text;
}

}  // namespace writ
