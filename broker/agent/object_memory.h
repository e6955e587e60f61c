// ObjectMemory: what the agents of one broker remember: JSON values with a type, in namespaces, in memory only. Nothing
// of it is ever written to a disk or a log, and it ends with its broker.
//
//   project/research   namespaces are like directories; one beneath another needs the other first
//   process:pid_7      what a process has for itself; there from the beginning, and not to be created by name
//
// It authorises nothing. Whoever answers for somebody else (broker/primitives/memory_primitives.h) authorises first, by
// what namespace_resource() and object_resource() say.
//
// An object is immutable unless it was made otherwise; append() is the only change of a payload. Every change counts
// its version up, so that two who change one object can notice each other.
//
// Threads: any number. Fork: not to be used by a child.
#ifndef WRIT_BROKER_AGENT_OBJECT_MEMORY_H_
#define WRIT_BROKER_AGENT_OBJECT_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "broker/agent/memory_names.h"
#include "broker/agent/memory_object.h"

namespace writ {

inline constexpr std::size_t kObjectPayloadLimit = 200'000;  // bytes of JSON text
inline constexpr std::size_t kObjectEntryLimit = 32 * 1024;  // the same of one entry that is appended
inline constexpr std::size_t kObjectMetadataLimit = 4096;    // the same of the metadata
inline constexpr std::size_t kObjectDepthLimit = 24;         // arrays and objects of a payload; JSON takes 32
inline constexpr std::size_t kObjectCountLimit = 10'000;     // objects of one memory
inline constexpr std::size_t kNamespaceCountLimit = 1'000;   // namespaces of one memory
inline constexpr std::size_t kMemoryBytesLimit = std::size_t{64} << 20;  // of all objects, as they lie in memory

enum class MemoryFlaw : std::uint8_t {
  kInvalid,    // a name that is none, a payload that is too deep
  kNotFound,   // no such namespace or object
  kExists,     // the name is taken
  kConflict,   // the version is not the expected one
  kWrongKind,  // immutable, or no list to append to
  kTooLarge,   // this payload or entry
  kLimit,      // of the memory
};

struct MemoryFailure {
  MemoryFlaw flaw = MemoryFlaw::kInvalid;
  std::string what;  // never with anything of a payload
};

template <class T>
using ObjectMemoryResult = tl::expected<T, MemoryFailure>;

struct CreatedObject {
  ObjectId id;
  std::string name;
  std::uint64_t version = 1;
};

class ObjectMemory {
 public:
  ObjectMemory() = default;
  // The first object gets the number after `before`. Capabilities name objects and outlive a memory: whoever makes
  // several lets each begin elsewhere.
  explicit ObjectMemory(std::uint64_t before) : last_number_(before) {}
  ObjectMemory(const ObjectMemory&) = delete;
  ObjectMemory& operator=(const ObjectMemory&) = delete;

  // Makes the private namespace of `owner`. Errors: kInvalid, kExists, kLimit.
  ObjectMemoryResult<std::monostate> open_private_namespace(const std::string& name, const Subject& owner);
  // Makes a namespace that is shared by whoever is authorised. Errors: the same; kNotFound: the one above is not there.
  ObjectMemoryResult<std::monostate> create_namespace(const std::string& name, const Subject& owner);

  // Errors: kInvalid, kNotFound (the namespace), kExists (the name), kTooLarge, kLimit.
  ObjectMemoryResult<CreatedObject> create(ObjectDraft draft);

  [[nodiscard]] std::optional<ObjectId> find(std::string_view in_namespace, std::string_view name) const;
  // The object as it is now, which later changes do not touch, or nullptr.
  [[nodiscard]] std::shared_ptr<const AgentObject> read(ObjectId id) const;
  // In the order of their making. Error: kNotFound.
  [[nodiscard]] ObjectMemoryResult<std::vector<ObjectListing>> list(std::string_view in_namespace) const;

  // Adds `entry` at the end of the list that the payload's member `list_field` is; a member that is not there becomes a
  // list. Returns the new version. `expected`: the version that it must have. Errors: kNotFound, kConflict, kTooLarge,
  // kLimit, kInvalid; kWrongKind: the object is immutable, its payload is no object, or the member is no list.
  ObjectMemoryResult<std::uint64_t> append(ObjectId id, std::string_view list_field, JsonValue entry,
                                           std::optional<std::uint64_t> expected = std::nullopt);
  // Immutable objects too: a name is not content. Returns the new version. Errors: kInvalid, kNotFound, kExists.
  ObjectMemoryResult<std::uint64_t> rename(ObjectId id, const std::string& name);

  // `owner` ends: its objects and its private namespace go; `result` stays, as a result, until it is released.
  // Returns how many objects went.
  std::size_t release_all(const Subject& owner, std::optional<ObjectId> result = std::nullopt);
  // Error: kNotFound.
  ObjectMemoryResult<std::monostate> release(ObjectId id);

  [[nodiscard]] std::size_t object_count() const;
  [[nodiscard]] std::size_t held_bytes() const;

 private:
  struct Namespace {
    Subject owner;
    std::map<std::string, ObjectId, std::less<>> objects;
  };
  using Objects = std::map<std::uint64_t, std::shared_ptr<const AgentObject>>;

  ObjectMemoryResult<std::monostate> insert_namespace(const std::string& name, const Subject& owner);
  ObjectMemoryResult<std::monostate> check_room(std::size_t more_bytes) const;
  void replace(Objects::iterator place, AgentObject object);
  void erase(Objects::iterator place);

  mutable std::mutex mutex_;
  std::map<std::string, Namespace, std::less<>> namespaces_;
  Objects objects_;
  std::uint64_t last_number_ = 0;
  std::size_t held_bytes_ = 0;
};

}  // namespace writ

#endif  // WRIT_BROKER_AGENT_OBJECT_MEMORY_H_
