#include "broker/agent/object_memory.h"

#include <algorithm>
#include <utility>

namespace writ {
namespace {

tl::unexpected<MemoryFailure> refuse(MemoryFlaw flaw, std::string what) {
  return tl::unexpected(MemoryFailure{flaw, std::move(what)});
}

tl::unexpected<MemoryFailure> no_object() { return refuse(MemoryFlaw::kNotFound, "there is no such object"); }

// Stops one level below the limit, so that any value may be asked about.
bool is_deeper(const JsonValue& value, std::size_t limit) {
  const auto each_is_deeper = [limit](const JsonValue& each) { return is_deeper(each, limit - 1); };
  if (const auto* array = std::get_if<JsonArray>(&value.storage()))
    return limit == 0 || std::any_of(array->elements().begin(), array->elements().end(), each_is_deeper);
  if (const auto* object = std::get_if<JsonObject>(&value.storage()))
    return limit == 0 || std::any_of(object->members().begin(), object->members().end(),
                                     [&](const JsonMember& member) { return each_is_deeper(member.value); });
  return false;
}

// What a value takes in memory, about. Text of many short elements becomes ten times as large there, so that a limit on
// text alone would be none.
std::size_t bytes_held_by(const JsonValue& value) {
  std::size_t bytes = sizeof value;
  if (const auto* text = std::get_if<std::string>(&value.storage())) bytes += text->size();
  if (const auto* array = std::get_if<JsonArray>(&value.storage()))
    for (const JsonValue& each : array->elements()) bytes += bytes_held_by(each);
  if (const auto* object = std::get_if<JsonObject>(&value.storage()))
    for (const JsonMember& each : object->members())
      bytes += sizeof(std::string) + each.key.size() + bytes_held_by(each.value);
  return bytes;
}

// Checks the payload and notes its size.
ObjectMemoryResult<std::monostate> measure(AgentObject& object) {
  if (is_deeper(object.payload, kObjectDepthLimit))
    return refuse(MemoryFlaw::kInvalid, "the payload has more than 24 arrays and objects inside each other");
  object.payload_bytes = object.payload.to_text().size();
  if (object.payload_bytes > kObjectPayloadLimit)
    return refuse(MemoryFlaw::kTooLarge, "the payload would be larger than 200000 bytes");
  object.held_bytes =
      sizeof object + object.name.size() + bytes_held_by(object.payload) + bytes_held_by(JsonValue(object.metadata));
  return std::monostate();
}

ObjectMemoryResult<std::monostate> check_draft(const ObjectDraft& draft) {
  if (draft.name && (!is_object_name(*draft.name) || is_default_object_name(*draft.name)))
    return refuse(MemoryFlaw::kInvalid, "this is no name that an object can be given");
  const JsonValue metadata(draft.metadata);
  if (is_deeper(metadata, kObjectDepthLimit)) return refuse(MemoryFlaw::kInvalid, "the metadata is too deep");
  if (metadata.to_text().size() > kObjectMetadataLimit)
    return refuse(MemoryFlaw::kTooLarge, "the metadata is larger than 4096 bytes");
  return std::monostate();
}

// `payload` with `entry` in its list.
ObjectMemoryResult<JsonValue> appended(const JsonValue& payload, std::string_view list_field, JsonValue entry) {
  const auto* object = std::get_if<JsonObject>(&payload.storage());
  if (object == nullptr) return refuse(MemoryFlaw::kWrongKind, "the payload is no object");
  const JsonValue* member = object->find(list_field);
  const auto* list = member == nullptr ? nullptr : std::get_if<JsonArray>(&member->storage());
  if (member != nullptr && list == nullptr) return refuse(MemoryFlaw::kWrongKind, "the member to append to is no list");
  JsonArray longer = list == nullptr ? JsonArray() : *list;
  longer.add(std::move(entry));
  JsonObject changed = *object;
  changed.set(list_field, std::move(longer));
  return JsonValue(std::move(changed));
}

}  // namespace

ObjectMemoryResult<std::monostate> ObjectMemory::insert_namespace(const std::string& name, const Subject& owner) {
  if (namespaces_.size() >= kNamespaceCountLimit)
    return refuse(MemoryFlaw::kLimit, "there are 1000 namespaces already");
  if (!namespaces_.emplace(name, Namespace{owner, {}}).second)
    return refuse(MemoryFlaw::kExists, "there is a namespace of that name");
  return std::monostate();
}

ObjectMemoryResult<std::monostate> ObjectMemory::open_private_namespace(const std::string& name, const Subject& owner) {
  if (!is_private_namespace_name(name)) return refuse(MemoryFlaw::kInvalid, "this is no name of a private namespace");
  const std::lock_guard lock(mutex_);
  return insert_namespace(name, owner);
}

ObjectMemoryResult<std::monostate> ObjectMemory::create_namespace(const std::string& name, const Subject& owner) {
  if (!is_namespace_name(name)) return refuse(MemoryFlaw::kInvalid, "this is no name of a namespace");
  const std::lock_guard lock(mutex_);
  const std::string_view parent = parent_namespace(name);
  if (!parent.empty() && !namespaces_.contains(parent))
    return refuse(MemoryFlaw::kNotFound, "the namespace above it does not exist");
  return insert_namespace(name, owner);
}

ObjectMemoryResult<std::monostate> ObjectMemory::check_room(std::size_t more_bytes) const {
  if (held_bytes_ + more_bytes > kMemoryBytesLimit)
    return refuse(MemoryFlaw::kLimit, "the memory holds 64 MiB already");
  return std::monostate();
}

ObjectMemoryResult<CreatedObject> ObjectMemory::create(ObjectDraft draft) {
  if (auto checked = check_draft(draft); !checked) return tl::unexpected(std::move(checked.error()));
  AgentObject object{
      {},           draft.in_namespace,    {}, draft.type, std::move(draft.payload), std::move(draft.metadata), 1,
      draft.change, std::move(draft.owner)};
  if (auto measured = measure(object); !measured) return tl::unexpected(std::move(measured.error()));
  const std::lock_guard lock(mutex_);
  const auto home = namespaces_.find(draft.in_namespace);
  if (home == namespaces_.end()) return refuse(MemoryFlaw::kNotFound, "there is no such namespace");
  if (objects_.size() >= kObjectCountLimit) return refuse(MemoryFlaw::kLimit, "there are 10000 objects already");
  if (auto room = check_room(object.held_bytes); !room) return tl::unexpected(std::move(room.error()));
  object.id.number = last_number_ + 1;
  object.name =
      draft.name ? std::move(*draft.name) : std::string(object_type_name(object.type)) + ":" + object.id.text();
  if (!home->second.objects.emplace(object.name, object.id).second)
    return refuse(MemoryFlaw::kExists, "there is an object of that name");
  ++last_number_;
  held_bytes_ += object.held_bytes;
  CreatedObject created{object.id, object.name, object.version};
  objects_.emplace(created.id.number, std::make_shared<const AgentObject>(std::move(object)));
  return created;
}

std::optional<ObjectId> ObjectMemory::find(std::string_view in_namespace, std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto home = namespaces_.find(in_namespace);
  if (home == namespaces_.end()) return std::nullopt;
  const auto found = home->second.objects.find(name);
  if (found == home->second.objects.end()) return std::nullopt;
  return found->second;
}

std::shared_ptr<const AgentObject> ObjectMemory::read(ObjectId id) const {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(id.number);
  return found == objects_.end() ? nullptr : found->second;
}

ObjectMemoryResult<std::vector<ObjectListing>> ObjectMemory::list(std::string_view in_namespace) const {
  const std::lock_guard lock(mutex_);
  const auto home = namespaces_.find(in_namespace);
  if (home == namespaces_.end()) return refuse(MemoryFlaw::kNotFound, "there is no such namespace");
  std::vector<ObjectListing> listing;
  for (const auto& [name, id] : home->second.objects) {
    const AgentObject& object = *objects_.at(id.number);
    listing.push_back({id, name, object.type, object.version, object.payload_bytes});
  }
  std::sort(listing.begin(), listing.end(),
            [](const ObjectListing& a, const ObjectListing& b) { return a.id.number < b.id.number; });
  return listing;
}

ObjectMemoryResult<std::uint64_t> ObjectMemory::append(ObjectId id, std::string_view list_field, JsonValue entry,
                                                       std::optional<std::uint64_t> expected) {
  if (is_deeper(entry, kObjectDepthLimit)) return refuse(MemoryFlaw::kInvalid, "the entry is too deep");
  if (entry.to_text().size() > kObjectEntryLimit)
    return refuse(MemoryFlaw::kTooLarge, "the entry is larger than 32 KiB");
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(id.number);
  if (found == objects_.end()) return no_object();
  const AgentObject& object = *found->second;
  if (object.change == ObjectChange::kImmutable) return refuse(MemoryFlaw::kWrongKind, "the object is immutable");
  if (expected && *expected != object.version)
    return refuse(MemoryFlaw::kConflict, "the object was changed in the meantime");
  ObjectMemoryResult<JsonValue> payload = appended(object.payload, list_field, std::move(entry));
  if (!payload) return tl::unexpected(std::move(payload.error()));
  AgentObject changed = object;
  changed.payload = std::move(*payload);
  if (auto measured = measure(changed); !measured) return tl::unexpected(std::move(measured.error()));
  if (auto room = check_room(changed.held_bytes - object.held_bytes); !room)
    return tl::unexpected(std::move(room.error()));
  replace(found, std::move(changed));
  return found->second->version;
}

ObjectMemoryResult<std::uint64_t> ObjectMemory::rename(ObjectId id, const std::string& name) {
  if (!is_object_name(name) || is_default_object_name(name))
    return refuse(MemoryFlaw::kInvalid, "this is no name that an object can be given");
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(id.number);
  if (found == objects_.end()) return no_object();
  AgentObject changed = *found->second;
  auto& names = namespaces_.find(changed.in_namespace)->second.objects;
  if (!names.emplace(name, id).second) return refuse(MemoryFlaw::kExists, "there is an object of that name");
  names.erase(changed.name);
  changed.held_bytes += name.size();
  changed.held_bytes -= changed.name.size();
  changed.name = name;
  replace(found, std::move(changed));
  return found->second->version;
}

// Who has read the object before keeps what they have read.
void ObjectMemory::replace(Objects::iterator place, AgentObject object) {
  held_bytes_ += object.held_bytes;
  held_bytes_ -= place->second->held_bytes;
  ++object.version;
  place->second = std::make_shared<const AgentObject>(std::move(object));
}

void ObjectMemory::erase(Objects::iterator place) {
  held_bytes_ -= place->second->held_bytes;
  namespaces_.find(place->second->in_namespace)->second.objects.erase(place->second->name);
  objects_.erase(place);
}

std::size_t ObjectMemory::release_all(const Subject& owner, std::optional<ObjectId> result) {
  const std::lock_guard lock(mutex_);
  std::size_t released = 0;
  for (auto place = objects_.begin(); place != objects_.end();) {
    const auto each = place++;
    if (!(each->second->owner == owner) || each->second->hold == ObjectHold::kResult) continue;
    if (result == each->second->id) {
      AgentObject kept = *each->second;
      kept.hold = ObjectHold::kResult;
      replace(each, std::move(kept));
      continue;
    }
    erase(each);
    ++released;
  }
  // A result keeps its namespace, and what is shared belongs to those who share it.
  std::erase_if(namespaces_, [&](const auto& each) {
    return is_private_namespace_name(each.first) && each.second.owner == owner && each.second.objects.empty();
  });
  return released;
}

ObjectMemoryResult<std::monostate> ObjectMemory::release(ObjectId id) {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(id.number);
  if (found == objects_.end()) return no_object();
  erase(found);
  return std::monostate();
}

std::size_t ObjectMemory::object_count() const {
  const std::lock_guard lock(mutex_);
  return objects_.size();
}

std::size_t ObjectMemory::held_bytes() const {
  const std::lock_guard lock(mutex_);
  return held_bytes_;
}

}  // namespace writ
