#include "broker/primitives/capability_primitives.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/strict_object.h"
#include "broker/capability/capability_json.h"
#include "broker/primitives/argument_reading.h"

namespace writ {
namespace {

constexpr std::int64_t kUsualListing = 100;

// What the rules refuse has no errno; what the store or the system refuses has one.
PrimitiveFailure failure_of(const Error& error) {
  return {error.system_errno == 0 ? PrimitiveCode::kDenied : PrimitiveCode::kFailed, error.describe()};
}

// Of calls that no rule can refuse.
template <class T>
Attempt<T> stored(Result<T> result) {
  if (!result) return refuse(PrimitiveCode::kFailed, result.error().describe());
  return std::move(*result);
}

Attempt<DurableAuthority*> authority_of(const CapabilityContext& context) {
  if (context.authority == nullptr) return refuse(PrimitiveCode::kUnavailable, "this session has no capabilities");
  return context.authority;
}

tl::unexpected<PrimitiveFailure> not_there() {
  return refuse(PrimitiveCode::kNotFound, "there is no such capability of the subject");
}

Attempt<CapabilityId> id_argument(StrictObject& arguments, std::string_view key) {
  WRIT_ATTEMPT(const std::string text, valid(arguments.text(key)));
  return valid(parse_id<CapabilityId>(text));
}

// A capability that the subject holds.
Attempt<Capability> own_capability(DurableAuthority& authority, const Subject& subject, const CapabilityId& id) {
  WRIT_ATTEMPT(std::optional<Capability> found, stored(authority.find(id)));
  if (!found || !(found->subject == subject)) return not_there();
  return std::move(*found);
}

JsonObject shown(const Capability& capability, CapabilityStanding standing) {
  JsonObject json = capability_json(capability);
  json.set("standing", kStandingNames[static_cast<std::size_t>(standing)]);
  return json;
}

enum class Listed : std::uint8_t { kActive, kAll };

// At most `limit` of the subject's own.
Attempt<JsonObject> listing(DurableAuthority& authority, const Subject& subject, Listed listed, std::size_t limit) {
  WRIT_ATTEMPT(const std::vector<Capability> own, stored(authority.list(subject)));
  JsonArray capabilities;
  bool complete = true;
  for (const Capability& each : own) {
    WRIT_ATTEMPT(const CapabilityStanding standing, stored(authority.standing(each.id)));
    if (standing != CapabilityStanding::kCounts && listed == Listed::kActive) continue;
    complete = capabilities.elements().size() < limit;
    if (!complete) break;
    capabilities.add(shown(each, standing));
  }
  JsonObject value;
  value.set("capabilities", std::move(capabilities)).set("complete", complete);
  return value;
}

Attempt<CapabilityRights> rights_argument(StrictObject& arguments) {
  WRIT_ATTEMPT(const std::optional<std::vector<std::string>> words, valid(arguments.optional_texts("rights")));
  if (!words || words->empty() || words->size() > kRightsLimit)
    return refuse(PrimitiveCode::kInvalidArguments, "rights must be 1 to 16 words");
  CapabilityRights rights;
  for (const std::string& word : *words) {
    WRIT_ATTEMPT(const CapabilityRight right, valid(parse_capability_right(word)));
    rights.add(right);
  }
  return rights;
}

// What a request for a delegation says.
struct Delegation {
  CapabilityDraft draft;
  std::optional<CapabilityId> parent{};
};

Attempt<std::monostate> read_bounds(StrictObject& arguments, CapabilityDraft& draft) {
  WRIT_ATTEMPT(draft.expires_at, valid(arguments.optional_integer("expires_at")));
  WRIT_ATTEMPT(const std::optional<std::int64_t> uses, valid(arguments.optional_integer("uses")));
  if (uses) draft.uses = static_cast<std::uint64_t>(*uses);
  WRIT_ATTEMPT(const std::optional<bool> delegable, valid(arguments.optional_flag("delegable")));
  draft.delegable = delegable.value_or(false);
  WRIT_ATTEMPT(const std::optional<std::int64_t> depth, valid(arguments.optional_integer("max_delegation_depth")));
  if (depth && *depth > std::int64_t{kLargestDelegationDepth})
    return refuse(PrimitiveCode::kInvalidArguments, "max_delegation_depth must be from 0 to 64");
  if (depth) draft.max_delegation_depth = static_cast<std::uint32_t>(*depth);
  WRIT_ATTEMPT(std::optional<std::string> reason, valid(arguments.optional_text("reason")));
  if (reason) draft.metadata.emplace("reason", std::move(*reason));
  return std::monostate();
}

Attempt<Delegation> read_delegation(StrictObject& arguments) {
  WRIT_ATTEMPT(const std::string child, valid(arguments.text("child")));
  WRIT_ATTEMPT(Subject subject, valid(Subject::parse(child)));
  WRIT_ATTEMPT(const std::string text, valid(arguments.text("resource")));
  WRIT_ATTEMPT(TypedResource resource, valid(TypedResource::parse(text)));
  WRIT_ATTEMPT(const CapabilityRights rights, rights_argument(arguments));
  Delegation delegation{{std::move(subject), std::move(resource), rights}};
  WRIT_REQUIRE(read_bounds(arguments, delegation.draft));
  if (arguments.member("parent") != nullptr) {
    WRIT_ATTEMPT(delegation.parent, id_argument(arguments, "parent"));
  }
  if (const JsonValue* constraints = arguments.member("constraints"); constraints != nullptr) {
    WRIT_ATTEMPT(delegation.draft.constraints,
                 valid(read_constraints(*constraints, "constraints", UnknownConstraints::kRefuse)));
  }
  WRIT_REQUIRE(valid(arguments.finish()));
  return delegation;
}

Attempt<Capability> delegate_from(DurableAuthority& authority, const Subject& subject, const Capability& parent,
                                  const Delegation& delegation) {
  Result<Capability> made = authority.delegate(subject, parent.id, delegation.draft);
  if (!made) return tl::unexpected(failure_of(made.error()));
  return std::move(*made);
}

// From the first of the subject's capabilities that can give it.
Attempt<Capability> delegate_from_any(DurableAuthority& authority, const Subject& subject,
                                      const Delegation& delegation) {
  WRIT_ATTEMPT(const std::vector<Capability> own, stored(authority.list(subject)));
  PrimitiveFailure last{PrimitiveCode::kDenied, "no capability of the subject is delegable and covers this"};
  for (const Capability& each : own) {
    const bool covers = each.delegable && each.effect == Effect::kAllow &&
                        each.resource.covers(delegation.draft.resource) && each.rights.covers(delegation.draft.rights);
    if (!covers) continue;
    Attempt<Capability> made = delegate_from(authority, subject, each, delegation);
    if (made || made.error().code != PrimitiveCode::kDenied) return made;
    last = std::move(made.error());
  }
  return tl::unexpected(std::move(last));
}

}  // namespace

PrimitiveResult capability_list(CapabilityContext& context, const JsonObject& arguments) {
  StrictObject read = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(const std::optional<bool> inactive, valid(read.optional_flag("include_inactive")));
  WRIT_ATTEMPT(const std::optional<std::int64_t> wanted, valid(read.optional_integer("limit")));
  WRIT_REQUIRE(valid(read.finish()));
  const std::int64_t limit = wanted.value_or(kUsualListing);
  if (limit < 1 || limit > kListedCapabilitiesLimit)
    return refuse(PrimitiveCode::kInvalidArguments, "limit must be from 1 to 1000");
  WRIT_ATTEMPT(DurableAuthority * authority, authority_of(context));
  const Listed listed = inactive.value_or(false) ? Listed::kAll : Listed::kActive;
  WRIT_ATTEMPT(JsonObject value, listing(*authority, context.subject, listed, static_cast<std::size_t>(limit)));
  return PrimitiveReply{std::move(value)};
}

PrimitiveResult capability_inspect(CapabilityContext& context, const JsonObject& arguments) {
  StrictObject read = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(const CapabilityId id, id_argument(read, "capability_id"));
  WRIT_REQUIRE(valid(read.finish()));
  WRIT_ATTEMPT(DurableAuthority * authority, authority_of(context));
  WRIT_ATTEMPT(const Capability own, own_capability(*authority, context.subject, id));
  WRIT_ATTEMPT(const CapabilityStanding standing, stored(authority->standing(id)));
  return PrimitiveReply{shown(own, standing)};
}

PrimitiveResult capability_delegate(CapabilityContext& context, const JsonObject& arguments) {
  StrictObject read = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(const Delegation delegation, read_delegation(read));
  WRIT_ATTEMPT(DurableAuthority * authority, authority_of(context));
  const auto delegate = [&]() -> Attempt<Capability> {
    if (!delegation.parent) return delegate_from_any(*authority, context.subject, delegation);
    WRIT_ATTEMPT(const Capability parent, own_capability(*authority, context.subject, *delegation.parent));
    return delegate_from(*authority, context.subject, parent, delegation);
  };
  WRIT_ATTEMPT(const Capability made, delegate());
  JsonObject value;
  value.set("capability", id_text(made.id));
  return PrimitiveReply{std::move(value)};
}

PrimitiveResult capability_revoke(CapabilityContext& context, const JsonObject& arguments) {
  StrictObject read = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(const CapabilityId id, id_argument(read, "capability_id"));
  WRIT_ATTEMPT(std::optional<std::string> reason, valid(read.optional_text("reason")));
  WRIT_REQUIRE(valid(read.finish()));
  WRIT_ATTEMPT(DurableAuthority * authority, authority_of(context));
  WRIT_ATTEMPT(const std::optional<Capability> found, stored(authority->find(id)));
  if (!found) return not_there();
  const Status revoked =
      authority->revoke(Actor{context.subject, ActingAs::kSubject}, id, std::move(reason).value_or(""));
  if (revoked) return PrimitiveReply{JsonObject()};
  // Whoever has nothing to do with it does not learn that it exists.
  const bool known = found->subject == context.subject || found->issued_by == context.subject;
  PrimitiveFailure failure = failure_of(revoked.error());
  if (failure.code == PrimitiveCode::kDenied && !known) return not_there();
  return tl::unexpected(std::move(failure));
}

}  // namespace writ
