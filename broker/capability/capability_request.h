// CapabilityRequest and CapabilityDecision: what is asked, and the answer with everything that led to it. Plain values;
// pure; any thread.
#ifndef WRIT_BROKER_CAPABILITY_CAPABILITY_REQUEST_H_
#define WRIT_BROKER_CAPABILITY_CAPABILITY_REQUEST_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/capability/capability_record.h"

namespace writ {

struct CapabilityRequest {
  Subject subject;
  CapabilityRight right;
  TypedResource resource;  // TypedResource::parse_exact(): nothing but an exact one is ever allowed
  OperationContext context{};
  std::optional<ApprovalBinding> binding{};  // what an approval for this very effect would be bound to
};

enum class DecisionReason : std::uint8_t {
  kNothing,   // nothing speaks of it
  kDenied,    // something denies it
  kAsk,       // something wants it asked, and no approval is for this
  kAllowed,   // something allows it, and nothing else speaks
  kApproved,  // an approval for exactly this resolves an ask
};
inline constexpr std::array<std::string_view, 5> kDecisionReasonNames = {"nothing", "denied", "ask", "allowed",
                                                                         "approved"};

// Why a capability counts in a decision, or does not.
enum class CapabilityStanding : std::uint8_t {
  kCounts,
  kOtherRight,
  kOtherResource,
  kRevoked,  // or disabled
  kExpired,
  kUsedUp,
  kParentEnded,
  kUnknownConstraint,
  kOtherEffect,  // bound to another effect
  kNoRule,       // none of its rules is about this
};
inline constexpr std::array<std::string_view, 10> kStandingNames = {
    "counts",  "other_right",  "other_resource",     "revoked",      "expired",
    "used_up", "parent_ended", "unknown_constraint", "other_effect", "no_rule"};
inline constexpr std::array<std::string_view, 10> kStandingTexts = {"counts",
                                                                    "is about other rights",
                                                                    "is about something else",
                                                                    "was revoked",
                                                                    "has expired",
                                                                    "is used up",
                                                                    "its parent ended",
                                                                    "has a constraint that is unknown here",
                                                                    "approves another effect",
                                                                    "none of its rules is about this"};

struct ConsideredCapability {
  CapabilityId id;
  CapabilityStanding standing = CapabilityStanding::kCounts;
  Effect effect = Effect::kDeny;  // what it says, where it counts
  std::string rule{};             // the id of the authority rule by which it says so; empty: itself
};

// Holds for the moment in which it was made. It is no ticket: what acts on it reserves first (CapabilityTable).
struct CapabilityDecision {
  Effect effect = Effect::kDeny;
  DecisionReason reason = DecisionReason::kNothing;
  std::vector<ConsideredCapability> matched{};  // all that count
  std::optional<CapabilityId> selected{};       // the one that decided
  std::optional<CapabilityId> consumes{};       // the one of which acting takes a use
  std::vector<CapabilityId> chain{};            // the selected one, its parent, the parent's parent, …

  [[nodiscard]] bool allowed() const { return effect == Effect::kAllow; }
};

// A decision with what was passed over, for a person.
struct CapabilityExplanation {
  CapabilityDecision decision;
  std::vector<ConsideredCapability> passed_over{};  // of the subject, covering the resource, that do not count
};

}  // namespace writ

#endif  // WRIT_BROKER_CAPABILITY_CAPABILITY_REQUEST_H_
