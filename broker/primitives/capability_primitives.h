// The requests of a subject about its own capabilities. What they may do is decided by the rules of the capabilities
// themselves (broker/capability/capability_checks.h); always with the subject's authority, never with the person's.
//
// A capability that belongs to somebody else is answered for like one that does not exist: kNotFound.
// Threads: any number.
#ifndef WRIT_BROKER_PRIMITIVES_CAPABILITY_PRIMITIVES_H_
#define WRIT_BROKER_PRIMITIVES_CAPABILITY_PRIMITIVES_H_

#include "broker/authority/durable_authority.h"
#include "broker/primitives/primitive.h"

namespace writ {

inline constexpr std::int64_t kListedCapabilitiesLimit = 1000;

struct CapabilityContext {
  DurableAuthority* authority = nullptr;  // borrowed; nullptr: this session has no capabilities, kUnavailable
  Subject subject;                        // whom the session acts for
};

// {include_inactive?=false, limit?=100 (1…1000)} → {capabilities: [record with "standing"], complete}
[[nodiscard]] PrimitiveResult capability_list(CapabilityContext& context, const JsonObject& arguments);
// {capability_id} → the record with "standing"
[[nodiscard]] PrimitiveResult capability_inspect(CapabilityContext& context, const JsonObject& arguments);
// {child, resource, rights, parent?, constraints?, expires_at? (ms since 1970), uses?, delegable?,
// max_delegation_depth?, reason?} → {capability}. Without `parent` it is a part of the first of the subject's
// capabilities that can give it. The constraints of the parent hold anyway; `constraints` come on top. kDenied: the
// rules refuse it.
[[nodiscard]] PrimitiveResult capability_delegate(CapabilityContext& context, const JsonObject& arguments);
// {capability_id, reason?} → {}. kDenied: it is the subject's, but not to be revoked by it.
[[nodiscard]] PrimitiveResult capability_revoke(CapabilityContext& context, const JsonObject& arguments);

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_CAPABILITY_PRIMITIVES_H_
