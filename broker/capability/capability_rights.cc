#include "broker/capability/capability_rights.h"

#include <algorithm>

#include "broker/base/escape.h"
#include "broker/base/name_suggestion.h"

namespace writ {

Result<CapabilityRight> parse_capability_right(std::string_view name) {
  const auto* const found = std::find(kCapabilityRightNames.begin(), kCapabilityRightNames.end(), name);
  if (found == kCapabilityRightNames.end())
    return fail("there is no right " + quote_bytes(name, 80) + did_you_mean(name, kCapabilityRightNames),
                name == "*" ? "name each right" : "");
  return static_cast<CapabilityRight>(found - kCapabilityRightNames.begin());
}

std::string capability_rights_text(CapabilityRights rights) {
  std::string text;
  for (std::size_t i = 0; i < kCapabilityRightCount; ++i)
    if (rights.has(static_cast<CapabilityRight>(i)))
      text.append(text.empty() ? "" : ", ").append(kCapabilityRightNames[i]);
  return text;
}

}  // namespace writ
