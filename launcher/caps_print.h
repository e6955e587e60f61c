// What `writ caps` prints: capabilities and decisions, for people and as JSON. Pure.
#ifndef WRIT_LAUNCHER_CAPS_PRINT_H_
#define WRIT_LAUNCHER_CAPS_PRINT_H_

#include <optional>
#include <string>
#include <vector>

#include "broker/authority/authority_rows.h"
#include "broker/base/json_text.h"
#include "launcher/standard_output.h"

namespace writ {

struct ShownCapability {
  Capability capability;
  CapabilityStanding standing = CapabilityStanding::kCounts;
};

[[nodiscard]] std::string caps_list_text(const std::vector<ShownCapability>& shown,
                                         const std::vector<StoredReservation>& in_doubt, Colour colour);
[[nodiscard]] std::string caps_list_json(const std::vector<ShownCapability>& shown,
                                         const std::vector<StoredReservation>& in_doubt);

[[nodiscard]] std::string capability_text(const ShownCapability& shown, Colour colour);
// `runs`: the member of that name; see caps_runs.h.
[[nodiscard]] std::string shown_capability_json(const ShownCapability& shown,
                                                std::optional<JsonArray> runs = std::nullopt);

// `chain`: the capabilities of the decision's chain, in its order.
struct ShownExplanation {
  CapabilityRequest request;
  CapabilityExplanation explanation;
  std::vector<Capability> chain{};
};
[[nodiscard]] std::string explanation_text(const ShownExplanation& shown, Colour colour);
[[nodiscard]] std::string explanation_json(const ShownExplanation& shown);

}  // namespace writ

#endif  // WRIT_LAUNCHER_CAPS_PRINT_H_
