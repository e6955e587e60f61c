// Who may make, hand on and take back which capability. Pure; any thread. Nothing is changed here: an error says which
// rule was broken, and by what.
#ifndef WRIT_BROKER_CAPABILITY_CAPABILITY_CHECKS_H_
#define WRIT_BROKER_CAPABILITY_CAPABILITY_CHECKS_H_

#include "broker/capability/capability_index.h"

namespace writ {

// Checks what holds for every new capability, whoever makes it: rights, times, uses, constraints, sizes.
[[nodiscard]] Status check_draft(const CapabilityDraft& draft, std::int64_t now);

// What the authority of a maker leaves of a draft.
struct TransferBounds {
  CapabilityId source;  // the capability by which it is made
  std::optional<WallMilliseconds> expires_at;
  std::uint32_t delegation_depth = 0;
  std::uint32_t max_delegation_depth = kDefaultDelegationDepth;
};

// `actor` makes a capability for somebody. It must hold `admin` over the resource, or `grant` over it and each of the
// rights, none of them counted or constrained; with `grant` it can only pass on: no deny, no ask. An actor who is
// denied or asked about any of it cannot pass that on.
[[nodiscard]] Result<TransferBounds> check_grant(const CapabilityIndex& index, const Subject& actor,
                                                 const CapabilityDraft& draft, std::int64_t now);

// `actor` hands on a part of `parent`, which must be its own, delegable, alive and not counted; the draft may only be
// narrower, and keeps all constraints of the parent.
[[nodiscard]] Result<TransferBounds> check_delegation(const CapabilityIndex& index, const Subject& actor,
                                                      const Capability& parent, const CapabilityDraft& draft,
                                                      std::int64_t now);

// `actor` takes back a capability: one that it issued, its own unless that restricts it, or one over whose resource it
// holds `revoke` or `admin`.
[[nodiscard]] Status check_revocation(const CapabilityIndex& index, const Subject& actor, const Capability& capability,
                                      std::int64_t now);

}  // namespace writ

#endif  // WRIT_BROKER_CAPABILITY_CAPABILITY_CHECKS_H_
