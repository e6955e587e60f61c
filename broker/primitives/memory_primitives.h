// The requests about Object Memory. Each authorises before it looks:
//
//   memory.create_namespace  write on the namespace above; at the top, on the namespace itself
//   memory.create_object     write on the namespace
//   memory.list_namespace    read on the namespace; objects that cannot be read are left out
//   memory.read_object       read on the namespace, and read on the object
//   memory.append_object     read on the namespace, and read and write on the object
//
// A name is looked up only with authority over its namespace, and an object that is not there is answered for by
// absent_object_resource(): who may not read it learns nothing, whether it exists or not. The session's own private
// namespace needs no capability: the session is who it is.
//
// A use of a capability is taken only by a request that succeeded. No part of a payload gets into a detail.
// Threads: any number, as far as the authority allows it.
#ifndef WRIT_BROKER_PRIMITIVES_MEMORY_PRIMITIVES_H_
#define WRIT_BROKER_PRIMITIVES_MEMORY_PRIMITIVES_H_

#include <string>

#include "broker/agent/object_memory.h"
#include "broker/primitives/permit.h"
#include "broker/primitives/primitive.h"

namespace writ {

inline constexpr std::size_t kListedObjectsLimit = 1000;

// All of it outlives the call.
struct MemoryContext {
  PrimitiveAuthority& authority;
  ObjectMemory& memory;
  std::string private_namespace;  // of this session: ObjectMemory::open_private_namespace()
  Subject owner;                  // who owns what is created
};

// {namespace, parent_namespace?} → {}. The name is complete ("project/research"); a parent_namespace that is given must
// be the one above it.
[[nodiscard]] PrimitiveResult memory_create_namespace(MemoryContext& context, const JsonObject& arguments);
// {namespace?} → {objects: [{name, type, oid, version, size}], complete}, in the order of their making. Not complete:
// there are more than kListedObjectsLimit that could be read.
[[nodiscard]] PrimitiveResult memory_list_namespace(MemoryContext& context, const JsonObject& arguments);
// {type?, payload, name?, namespace?, immutable?, metadata?} → {oid, name, version}
[[nodiscard]] PrimitiveResult memory_create_object(MemoryContext& context, const JsonObject& arguments);
// {name, namespace?} → {oid, name, type, version, payload}
[[nodiscard]] PrimitiveResult memory_read_object(MemoryContext& context, const JsonObject& arguments);
// {name, entry, namespace?, list_field?} → {version}. kWrongKind: ObjectMemory::append().
[[nodiscard]] PrimitiveResult memory_append_object(MemoryContext& context, const JsonObject& arguments);

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_MEMORY_PRIMITIVES_H_
