#include "broker/primitives/memory_primitives.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "broker/audit/audit_crypto.h"
#include "broker/base/hex_text.h"
#include "broker/base/strict_object.h"
#include "broker/primitives/argument_reading.h"
#include "broker/primitives/permit_set.h"

namespace writ {
namespace {

using enum CapabilityRight;

// In the order of MemoryFlaw.
constexpr std::array<PrimitiveCode, 7> kCodes = {
    PrimitiveCode::kInvalidArguments, PrimitiveCode::kNotFound, PrimitiveCode::kExists, PrimitiveCode::kConflict,
    PrimitiveCode::kWrongKind,        PrimitiveCode::kTooLarge, PrimitiveCode::kLimit};

tl::unexpected<PrimitiveFailure> refuse_flaw(MemoryFailure failure) {
  return refuse(kCodes[static_cast<std::size_t>(failure.flaw)], std::move(failure.what));
}

// Settles by whether the memory did it. It does a thing completely or not at all, so that "not" is certain.
template <class T>
Attempt<T> settled(PermitSet& permits, ObjectMemoryResult<T> result) {
  permits.settle(result ? EffectOutcome::kDone : EffectOutcome::kNotStarted);
  if (!result) return refuse_flaw(std::move(result.error()));
  return std::move(*result);
}

// What an approval is bound to beside the resource.
std::string hash_of(const JsonObject& arguments) { return hex_text(sha256(JsonValue(arguments).to_text())); }

// A namespace as a request names it: the session's own, or one that it needs authority for.
struct NamedNamespace {
  std::string name;
  std::optional<TypedResource> resource{};  // none: its own
};

Attempt<NamedNamespace> named_namespace(const MemoryContext& context, std::string name) {
  if (name == context.private_namespace) return NamedNamespace{std::move(name)};
  WRIT_ATTEMPT(TypedResource resource, valid(namespace_resource(name)));
  return NamedNamespace{std::move(name), std::move(resource)};
}

// The argument `namespace`; without one it is the session's own.
Attempt<NamedNamespace> namespace_argument(const MemoryContext& context, StrictObject& arguments) {
  WRIT_ATTEMPT(const std::optional<std::string> name, valid(arguments.optional_text("namespace")));
  return named_namespace(context, name.value_or(context.private_namespace));
}

// A member that is there, also where it is null.
Attempt<JsonValue> any_argument(StrictObject& arguments, std::string_view key) {
  (void)arguments.member(key);
  const JsonValue* value = arguments.object().find(key);
  if (value == nullptr) return refuse(PrimitiveCode::kInvalidArguments, arguments.place_of(key) + " is missing");
  return *value;
}

Attempt<std::monostate> ask_for_namespace(PermitSet& permits, CapabilityRight right, const NamedNamespace& named,
                                          const std::string& hash = {}) {
  if (!named.resource) return std::monostate();
  return permits.ask(right, *named.resource, hash);
}

// The object of that name, with `rights` over it. Whether there is one shows only to whoever may know it.
Attempt<ObjectId> authorised_object(MemoryContext& context, PermitSet& permits, const NamedNamespace& named,
                                    std::string_view name, std::initializer_list<CapabilityRight> rights,
                                    const std::string& hash = {}) {
  WRIT_REQUIRE(ask_for_namespace(permits, kRead, named));
  const std::optional<ObjectId> id = context.memory.find(named.name, name);
  if (named.resource) {
    const TypedResource object = id ? object_resource(*id) : absent_object_resource();
    for (const CapabilityRight right : rights) WRIT_REQUIRE(permits.ask(right, object, hash));
  }
  if (!id) return refuse(PrimitiveCode::kNotFound, "there is no object of that name");
  return *id;
}

Attempt<ObjectDraft> read_draft(const MemoryContext& context, StrictObject& arguments, const std::string& home) {
  WRIT_ATTEMPT(JsonValue payload, any_argument(arguments, "payload"));
  ObjectDraft draft{home, context.owner, std::move(payload)};
  WRIT_ATTEMPT(const std::optional<std::size_t> type, valid(arguments.optional_word("type", kObjectTypeNames)));
  if (type) draft.type = static_cast<ObjectType>(*type);
  WRIT_ATTEMPT(draft.name, valid(arguments.optional_text("name")));
  WRIT_ATTEMPT(const std::optional<bool> immutable, valid(arguments.optional_flag("immutable")));
  if (immutable == false) draft.change = ObjectChange::kMutable;
  if (const JsonValue* metadata = arguments.member("metadata"); metadata != nullptr) {
    const auto* object = std::get_if<JsonObject>(&metadata->storage());
    if (object == nullptr) return refuse(PrimitiveCode::kInvalidArguments, "metadata must be an object");
    draft.metadata = *object;
  }
  return draft;
}

JsonObject listing_json(const ObjectListing& object) {
  JsonObject json;
  json.set("name", object.name)
      .set("type", object_type_name(object.type))
      .set("oid", object.id.text())
      .set("version", object.version)
      .set("size", object.payload_bytes);
  return json;
}

}  // namespace

PrimitiveResult memory_create_namespace(MemoryContext& context, const JsonObject& arguments) {
  StrictObject read = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(const std::string name, valid(read.text("namespace")));
  WRIT_ATTEMPT(const std::optional<std::string> above, valid(read.optional_text("parent_namespace")));
  WRIT_REQUIRE(valid(read.finish()));
  if (!is_namespace_name(name)) return refuse(PrimitiveCode::kInvalidArguments, "this is no name of a namespace");
  const std::string_view parent = parent_namespace(name);
  if (above && *above != parent)
    return refuse(PrimitiveCode::kInvalidArguments, "parent_namespace is not the one above this namespace");
  WRIT_ATTEMPT(const TypedResource resource, valid(namespace_resource(parent.empty() ? name : parent)));
  PermitSet permits(context.authority);
  WRIT_REQUIRE(permits.ask(kWrite, resource, hash_of(arguments)));
  WRIT_REQUIRE(permits.begin());
  WRIT_REQUIRE(settled(permits, context.memory.create_namespace(name, context.owner)));
  return PrimitiveReply{JsonObject()};
}

PrimitiveResult memory_list_namespace(MemoryContext& context, const JsonObject& arguments) {
  StrictObject read = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(const NamedNamespace named, namespace_argument(context, read));
  WRIT_REQUIRE(valid(read.finish()));
  PermitSet permits(context.authority);
  WRIT_REQUIRE(ask_for_namespace(permits, kRead, named));
  auto listed = context.memory.list(named.name);
  if (!listed) return refuse_flaw(std::move(listed.error()));
  JsonArray objects;
  bool complete = true;
  for (const ObjectListing& object : *listed) {
    if (named.resource && !permits.ask(kRead, object_resource(object.id))) continue;
    complete = objects.elements().size() < kListedObjectsLimit;
    if (!complete) break;
    objects.add(listing_json(object));
  }
  WRIT_REQUIRE(permits.begin());
  permits.settle(EffectOutcome::kDone);
  JsonObject value;
  value.set("objects", std::move(objects)).set("complete", complete);
  return PrimitiveReply{std::move(value)};
}

PrimitiveResult memory_create_object(MemoryContext& context, const JsonObject& arguments) {
  StrictObject read = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(const NamedNamespace named, namespace_argument(context, read));
  WRIT_ATTEMPT(ObjectDraft draft, read_draft(context, read, named.name));
  WRIT_REQUIRE(valid(read.finish()));
  PermitSet permits(context.authority);
  WRIT_REQUIRE(ask_for_namespace(permits, kWrite, named, hash_of(arguments)));
  WRIT_REQUIRE(permits.begin());
  WRIT_ATTEMPT(const CreatedObject created, settled(permits, context.memory.create(std::move(draft))));
  JsonObject value;
  value.set("oid", created.id.text()).set("name", created.name).set("version", created.version);
  return PrimitiveReply{std::move(value)};
}

PrimitiveResult memory_read_object(MemoryContext& context, const JsonObject& arguments) {
  StrictObject read = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(const std::string name, valid(read.text("name")));
  WRIT_ATTEMPT(const NamedNamespace named, namespace_argument(context, read));
  WRIT_REQUIRE(valid(read.finish()));
  PermitSet permits(context.authority);
  WRIT_ATTEMPT(const ObjectId id, authorised_object(context, permits, named, name, {kRead}));
  WRIT_REQUIRE(permits.begin());
  const std::shared_ptr<const AgentObject> object = context.memory.read(id);
  permits.settle(object ? EffectOutcome::kDone : EffectOutcome::kNotStarted);
  if (!object) return refuse(PrimitiveCode::kNotFound, "the object was released in the meantime");
  JsonObject value;
  value.set("oid", id.text())
      .set("name", object->name)
      .set("type", object_type_name(object->type))
      .set("version", object->version)
      .set("payload", object->payload);
  return PrimitiveReply{std::move(value)};
}

PrimitiveResult memory_append_object(MemoryContext& context, const JsonObject& arguments) {
  StrictObject read = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(const std::string name, valid(read.text("name")));
  WRIT_ATTEMPT(JsonValue entry, any_argument(read, "entry"));
  WRIT_ATTEMPT(const NamedNamespace named, namespace_argument(context, read));
  WRIT_ATTEMPT(const std::optional<std::string> list_field, valid(read.optional_text("list_field")));
  WRIT_REQUIRE(valid(read.finish()));
  PermitSet permits(context.authority);
  WRIT_ATTEMPT(const ObjectId id,
               authorised_object(context, permits, named, name, {kRead, kWrite}, hash_of(arguments)));
  WRIT_REQUIRE(permits.begin());
  WRIT_ATTEMPT(const std::uint64_t version,
               settled(permits, context.memory.append(id, list_field.value_or("entries"), std::move(entry))));
  JsonObject value;
  value.set("version", version);
  return PrimitiveReply{std::move(value)};
}

}  // namespace writ
