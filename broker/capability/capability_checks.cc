#include "broker/capability/capability_checks.h"

#include <algorithm>

#include "broker/base/escape.h"
#include "broker/capability/constraint_json.h"

namespace writ {
namespace {

constexpr std::uint64_t kUsesLimit = 1'000'000'000;

bool restricts(const Capability& capability) {
  if (capability.effect != Effect::kAllow) return true;
  return std::any_of(capability.constraints.rules.begin(), capability.constraints.rules.end(),
                     [](const AuthorityRule& rule) { return rule.effect != Effect::kAllow; });
}

std::string words_of(CapabilityRights rights, const TypedResource& resource) {
  return capability_rights_text(rights) + " on " + quote_bytes(resource.text(), 200);
}

Status check_constraints(const CapabilityDraft& draft) {
  const CapabilityConstraints& constraints = draft.constraints;
  if (constraints.has_unknown) return fail("a capability cannot be made with a constraint that is unknown");
  for (const AuthorityRule& rule : constraints.rules)
    if (rule.effect < draft.effect)
      return fail("rule " + quote_bytes(rule.id, 80) + " must not be weaker than its capability, whose effect is " +
                  std::string(effect_name(draft.effect)));
  if (constraints.binding && (draft.effect != Effect::kAllow || draft.uses != std::uint64_t{1}))
    return fail("an approval of one effect allows it, and once");
  if (constraints.empty()) return {};
  const JsonObject json = constraints_json(constraints);
  if (JsonValue(json).to_text().size() > kConstraintsLimit) return fail("the constraints are larger than 16 KiB");
  // What was not read from JSON is held to the same schema.
  const auto read = read_constraints(json, "constraints", UnknownConstraints::kRefuse);
  return read ? Status() : tl::unexpected(read.error());
}

Status check_metadata(const std::map<std::string, std::string>& metadata) {
  std::size_t size = 0;
  for (const auto& [key, text] : metadata) {
    size += key.size() + text.size();
    if (!is_valid_utf8(key) || !is_valid_utf8(text)) return fail("the metadata is not UTF-8");
  }
  return size > kMetadataLimit ? Status(fail("the metadata is larger than 4 KiB")) : Status();
}

// A capability of the actor that denies or asks about a part of what would be passed on; `apart` is not looked at.
Status check_laundering(const CapabilityIndex& index, const Subject& actor, CapabilityRights rights,
                        const TypedResource& resource, std::int64_t now, const Capability* apart) {
  const Capability* found = nullptr;
  index.for_each_usable(actor, [&](const Capability& each) {
    if (&each == apart || !restricts(each) || !each.rights.overlaps(rights) || !each.resource.overlaps(resource))
      return;
    if (index.standing(each, now) == CapabilityStanding::kCounts) found = &each;
  });
  if (found == nullptr) return {};
  return fail(actor.text() + " is itself restricted by " + id_text(found->id) + " (" +
              std::string(effect_name(found->effect)) + " " + words_of(found->rights, found->resource) +
              ") and cannot pass that on");
}

// A capability with which `actor` has `right` over all of `resource`, as often as it likes and without conditions.
const Capability* find_source(const CapabilityIndex& index, const Subject& actor, CapabilityRight right,
                              const TypedResource& resource, std::int64_t now) {
  const Capability* found = nullptr;
  index.for_each_usable(actor, [&](const Capability& each) {
    if (each.effect != Effect::kAllow || each.uses_remaining || !each.constraints.empty()) return;
    if (!each.rights.has(right) || !each.resource.covers(resource)) return;
    if (index.standing(each, now) != CapabilityStanding::kCounts) return;
    // The one that lasts longest; without an end longest of all.
    const auto end_of = [](const Capability& c) { return c.expires_at.value_or(INT64_MAX); };
    if (found == nullptr || end_of(*found) < end_of(each)) found = &each;
  });
  return found;
}

// The same where nothing of the actor's restricts that right there.
const Capability* find_unrestricted(const CapabilityIndex& index, const Subject& actor, CapabilityRight right,
                                    const TypedResource& resource, std::int64_t now) {
  const Capability* source = find_source(index, actor, right, resource, now);
  return source != nullptr && check_laundering(index, actor, {right}, resource, now, nullptr) ? source : nullptr;
}

// An end that lies no later than that of what it comes from.
Result<std::optional<WallMilliseconds>> bounded_end(const std::optional<WallMilliseconds>& wanted,
                                                    const std::optional<WallMilliseconds>& limit) {
  if (!limit) return wanted;
  if (!wanted) return limit;
  if (*wanted > *limit) return fail("it would expire later than the capability that it comes from");
  return wanted;
}

Status bound_by(TransferBounds& bounds, const Capability& source, const CapabilityDraft& draft) {
  WRIT_ASSIGN(bounds.expires_at, bounded_end(bounds.expires_at, source.expires_at));
  if (draft.delegable && !source.delegable)
    return fail("it cannot be delegable: " + id_text(source.id) + ", which it comes from, is not");
  bounds.delegation_depth = std::max(bounds.delegation_depth, source.delegation_depth);
  bounds.max_delegation_depth = std::min(bounds.max_delegation_depth, source.max_delegation_depth);
  return {};
}

tl::unexpected<Error> lacks(const Subject& actor, CapabilityRight right, const TypedResource& resource) {
  return fail(
      actor.text() + " lacks " + std::string(capability_right_name(right)) + " on " + quote_bytes(resource.text(), 200),
      "passing on needs admin there, or grant and each of the rights, unlimited and without conditions");
}

Result<TransferBounds> check_passing_on(const CapabilityIndex& index, const Subject& actor,
                                        const CapabilityDraft& draft, std::int64_t now) {
  const Capability* grant = find_source(index, actor, CapabilityRight::kGrant, draft.resource, now);
  if (grant == nullptr) return lacks(actor, CapabilityRight::kGrant, draft.resource);
  if (draft.effect != Effect::kAllow)
    return fail("with grant one passes on what one has: making deny and ask needs admin");
  TransferBounds bounds{grant->id, draft.expires_at, 0, draft.max_delegation_depth};
  CapabilityRights touched = draft.rights;
  touched.add(CapabilityRight::kGrant);
  WRIT_TRY(check_laundering(index, actor, touched, draft.resource, now, nullptr));
  WRIT_ASSIGN(bounds.expires_at, bounded_end(bounds.expires_at, grant->expires_at));
  for (std::size_t i = 0; i < kCapabilityRightCount; ++i) {
    const auto right = static_cast<CapabilityRight>(i);
    if (!draft.rights.has(right)) continue;
    const Capability* source = find_source(index, actor, right, draft.resource, now);
    if (source == nullptr) return lacks(actor, right, draft.resource);
    WRIT_TRY(bound_by(bounds, *source, draft));
  }
  return bounds;
}

// Adding a rule may only narrow: one that allows narrows where there was none, and widens where there was one.
Status check_kept_constraints(const Capability& parent, const CapabilityDraft& draft) {
  if (parent.constraints.has_unknown) return fail("the parent has a constraint that is unknown here");
  const bool lists_allowed = std::any_of(parent.constraints.rules.begin(), parent.constraints.rules.end(),
                                         [](const AuthorityRule& rule) { return rule.effect == Effect::kAllow; });
  for (const AuthorityRule& rule : draft.constraints.rules)
    if (lists_allowed && rule.effect == Effect::kAllow)
      return fail("rule " + quote_bytes(rule.id, 80) + " would allow more than the parent does");
  return {};
}

Status check_narrower(const Capability& parent, const CapabilityDraft& draft) {
  if (draft.effect != Effect::kAllow) return fail("only what allows can be delegated");
  if (!parent.resource.covers(draft.resource))
    return fail(quote_bytes(draft.resource.text(), 200) + " is not within " + quote_bytes(parent.resource.text(), 200));
  if (!parent.rights.covers(draft.rights))
    return fail("the parent carries " + capability_rights_text(parent.rights) + ", not " +
                capability_rights_text(draft.rights));
  if (draft.revocable != parent.revocable && parent.revocable) return fail("a part must be revocable as its parent is");
  return check_kept_constraints(parent, draft);
}

}  // namespace

Status check_draft(const CapabilityDraft& draft, std::int64_t now) {
  if (draft.rights.empty()) return fail("a capability needs at least one right");
  if (draft.expires_at && *draft.expires_at <= now) return fail("it would have expired before it began");
  if (draft.uses && draft.effect != Effect::kAllow) return fail("only what allows can be counted");
  if (draft.uses && (*draft.uses == 0 || *draft.uses > kUsesLimit))
    return fail("the number of uses must be from 1 to 1000000000");
  if (draft.delegable && draft.effect != Effect::kAllow) return fail("only what allows can be delegated");
  if (draft.delegable && draft.uses)
    return fail("what is counted cannot be delegable", "leave out the number of uses, or delegable");
  if (draft.max_delegation_depth > kLargestDelegationDepth) return fail("a delegation can be at most 64 deep");
  WRIT_TRY(check_constraints(draft));
  return check_metadata(draft.metadata);
}

Result<TransferBounds> check_grant(const CapabilityIndex& index, const Subject& actor, const CapabilityDraft& draft,
                                   std::int64_t now) {
  const Capability* admin = find_unrestricted(index, actor, CapabilityRight::kAdmin, draft.resource, now);
  if (admin == nullptr) return check_passing_on(index, actor, draft, now);
  TransferBounds bounds{admin->id, draft.expires_at, 0, draft.max_delegation_depth};
  WRIT_ASSIGN(bounds.expires_at, bounded_end(draft.expires_at, admin->expires_at));
  return bounds;
}

Result<TransferBounds> check_delegation(const CapabilityIndex& index, const Subject& actor, const Capability& parent,
                                        const CapabilityDraft& draft, std::int64_t now) {
  const std::string name = id_text(parent.id);
  if (!(parent.subject == actor)) return fail(name + " is not one of " + actor.text());
  if (parent.effect != Effect::kAllow) return fail(name + " allows nothing");
  const CapabilityStanding standing = index.standing(parent, now);
  if (standing != CapabilityStanding::kCounts)
    return fail(name + " " + std::string(kStandingTexts[static_cast<std::size_t>(standing)]));
  if (parent.uses_remaining) return fail(name + " is counted, and what is counted cannot be delegated");
  if (!parent.delegable) return fail(name + " is not delegable");
  if (parent.delegation_depth + 1 > parent.max_delegation_depth)
    return fail(name + " has been delegated as deep as it may be (" + std::to_string(parent.max_delegation_depth) +
                ")");
  WRIT_TRY(check_narrower(parent, draft));
  WRIT_TRY(check_laundering(index, actor, draft.rights, draft.resource, now, &parent));
  TransferBounds bounds{parent.id, std::nullopt, parent.delegation_depth + 1,
                        std::min(draft.max_delegation_depth, parent.max_delegation_depth)};
  WRIT_ASSIGN(bounds.expires_at, bounded_end(draft.expires_at, parent.expires_at));
  return bounds;
}

Status check_revocation(const CapabilityIndex& index, const Subject& actor, const Capability& capability,
                        std::int64_t now) {
  const std::string name = id_text(capability.id);
  if (!capability.revocable) return fail(name + " is not revocable");
  const bool own = capability.subject == actor;
  if (own && restricts(capability))
    return fail(name + " restricts " + actor.text() + ", which cannot take it off itself");
  if (own || capability.issued_by == actor) return {};
  for (const CapabilityRight right : {CapabilityRight::kRevoke, CapabilityRight::kAdmin})
    if (find_unrestricted(index, actor, right, capability.resource, now) != nullptr) return {};
  return fail(actor.text() + " has neither issued " + name + " nor holds it nor revoke or admin on " +
              quote_bytes(capability.resource.text(), 200));
}

}  // namespace writ
