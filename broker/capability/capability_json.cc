#include "broker/capability/capability_json.h"

#include <limits>
#include <utility>

#include "broker/base/escape.h"
#include "broker/base/strict_object.h"

namespace writ {
namespace {

JsonArray rights_json(CapabilityRights rights) {
  JsonArray array;
  for (std::size_t i = 0; i < kCapabilityRightCount; ++i)
    if (rights.has(static_cast<CapabilityRight>(i))) array.add(kCapabilityRightNames[i]);
  return array;
}

JsonValue id_or_null(const std::optional<CapabilityId>& id) { return id ? JsonValue(id_text(*id)) : JsonValue(); }

template <class T>
JsonValue number_or_null(const std::optional<T>& number) {
  return number ? JsonValue(*number) : JsonValue();
}

Result<CapabilityRights> read_rights(StrictObject& object) {
  WRIT_ASSIGN(const std::optional<std::vector<std::string>> words, object.optional_texts("rights"));
  if (!words || words->empty()) return fail("'rights' must name at least one right");
  if (words->size() > kRightsLimit) return fail("'rights' has more than 16 words");
  CapabilityRights rights;
  for (const std::string& word : *words) {
    WRIT_ASSIGN(const CapabilityRight right, parse_capability_right(word));
    rights.add(right);
  }
  return rights;
}

Result<std::optional<CapabilityId>> read_id(StrictObject& object, std::string_view key) {
  WRIT_ASSIGN(const std::optional<std::string> text, object.optional_text(key));
  if (!text) return std::nullopt;
  WRIT_ASSIGN(const CapabilityId id, parse_id<CapabilityId>(*text));
  return id;
}

Result<std::uint32_t> read_depth(StrictObject& object, std::string_view key) {
  WRIT_ASSIGN(const std::int64_t depth, object.integer(key));
  if (depth > kLargestDelegationDepth) return fail(quote_bytes(key) + " must be at most 64");
  return static_cast<std::uint32_t>(depth);
}

Result<std::map<std::string, std::string>> read_metadata(StrictObject& object) {
  std::map<std::string, std::string> metadata;
  const JsonValue* value = object.member("metadata");
  if (value == nullptr) return metadata;
  WRIT_ASSIGN(StrictObject entries, StrictObject::open(*value, "metadata"));
  for (const JsonMember& each : entries.object().members()) {
    WRIT_ASSIGN(std::string text, entries.text(each.key));
    metadata.emplace(each.key, std::move(text));
  }
  return metadata;
}

template <class Parsed>
Result<Parsed> read_as(StrictObject& object, std::string_view key) {
  WRIT_ASSIGN(const std::string text, object.text(key));
  return Parsed::parse(text);
}

// What says who, what and how.
Result<Capability> read_authority(StrictObject& object, UnknownConstraints unknown) {
  WRIT_ASSIGN(const std::string id_word, object.text("cap_id"));
  WRIT_ASSIGN(const CapabilityId id, parse_id<CapabilityId>(id_word));
  WRIT_ASSIGN(Subject subject, read_as<Subject>(object, "subject"));
  WRIT_ASSIGN(TypedResource resource, read_as<TypedResource>(object, "resource"));
  WRIT_ASSIGN(const CapabilityRights rights, read_rights(object));
  WRIT_ASSIGN(const std::size_t effect, object.word("effect", kEffectNames));
  CapabilityConstraints constraints;
  if (const JsonValue* value = object.member("constraints")) {
    WRIT_ASSIGN(constraints, read_constraints(*value, "constraints", unknown));
  }
  WRIT_ASSIGN(Subject issuer, read_as<Subject>(object, "issued_by"));
  Capability capability{id, std::move(issuer), std::move(subject), std::move(resource), rights};
  capability.effect = static_cast<Effect>(effect);
  capability.constraints = std::move(constraints);
  return capability;
}

// What says for how long, and from where.
Status read_limits(StrictObject& object, Capability& capability) {
  WRIT_ASSIGN(capability.issued_at, object.integer("issued_at"));
  WRIT_ASSIGN(capability.expires_at, object.optional_integer("expires_at"));
  WRIT_ASSIGN(capability.delegable, object.flag("delegable"));
  WRIT_ASSIGN(capability.revocable, object.flag("revocable"));
  WRIT_ASSIGN(capability.issuer_capability, read_id(object, "issuer_cap_id"));
  WRIT_ASSIGN(capability.parent, read_id(object, "parent_cap_id"));
  WRIT_ASSIGN(capability.delegation_depth, read_depth(object, "delegation_depth"));
  WRIT_ASSIGN(capability.max_delegation_depth, read_depth(object, "max_delegation_depth"));
  WRIT_ASSIGN(const std::optional<std::int64_t> uses, object.optional_integer("uses_remaining"));
  if (uses) capability.uses_remaining = static_cast<std::uint64_t>(*uses);
  WRIT_ASSIGN(const std::size_t status, object.word("status", kCapabilityStatusNames));
  capability.status = static_cast<CapabilityStatus>(status);
  WRIT_ASSIGN(capability.metadata, read_metadata(object));
  return object.finish();
}

}  // namespace

JsonObject capability_json(const Capability& capability) {
  JsonObject object;
  object.set("cap_id", id_text(capability.id)).set("subject", capability.subject.text());
  object.set("resource", capability.resource.text()).set("rights", rights_json(capability.rights));
  object.set("effect", effect_name(capability.effect));
  object.set("constraints", constraints_json(capability.constraints));
  object.set("issued_by", capability.issued_by.text()).set("issued_at", capability.issued_at);
  object.set("expires_at", number_or_null(capability.expires_at));
  object.set("delegable", capability.delegable).set("revocable", capability.revocable);
  object.set("issuer_cap_id", id_or_null(capability.issuer_capability));
  object.set("parent_cap_id", id_or_null(capability.parent));
  object.set("delegation_depth", capability.delegation_depth);
  object.set("max_delegation_depth", capability.max_delegation_depth);
  object.set("uses_remaining", number_or_null(capability.uses_remaining));
  object.set("status", kCapabilityStatusNames[static_cast<std::size_t>(capability.status)]);
  JsonObject metadata;
  for (const auto& [key, text] : capability.metadata) metadata.set(key, text);
  object.set("metadata", std::move(metadata));
  return object;
}

Result<Capability> parse_capability(std::string_view text, UnknownConstraints unknown) {
  WRIT_ASSIGN(const JsonValue document, parse_json(text));
  WRIT_ASSIGN(StrictObject object, StrictObject::open(document, ""));
  WRIT_ASSIGN(Capability capability, read_authority(object, unknown));
  WRIT_TRY(read_limits(object, capability));
  return capability;
}

}  // namespace writ
