// Names in Object Memory, and what they are as resources. A name is not authority: it says what is asked about. Pure;
// any thread.
#ifndef WRIT_BROKER_AGENT_MEMORY_NAMES_H_
#define WRIT_BROKER_AGENT_MEMORY_NAMES_H_

#include <cstddef>
#include <string_view>

#include "broker/agent/memory_object.h"
#include "broker/base/error.h"
#include "broker/capability/typed_resource.h"

namespace writ {

inline constexpr std::size_t kNamespaceNameLimit = 256;  // bytes
inline constexpr std::size_t kNamespaceDepthLimit = 8;   // parts of "a/b/c"
inline constexpr std::size_t kObjectNameLimit = 128;     // bytes

// `project/research`: parts of 1 to 64 of [A-Za-z0-9._-], none of them "." or "..".
[[nodiscard]] bool is_namespace_name(std::string_view name);
// `process:pid_7`: the namespace that a process has for itself, WORD:NAME. Nobody can create one by name.
[[nodiscard]] bool is_private_namespace_name(std::string_view name);
// "project" of "project/research"; empty at the top.
[[nodiscard]] std::string_view parent_namespace(std::string_view name);

// 1 to 128 bytes of text that nothing would have to be escaped in, without white space at its ends.
[[nodiscard]] bool is_object_name(std::string_view name);
// "<type>:obj_<n>": what objects without a name are called, and nothing else may be.
[[nodiscard]] bool is_default_object_name(std::string_view name);

// object_namespace:NAME. Error: it is no name of a namespace, whether there is one or not.
[[nodiscard]] Result<TypedResource> namespace_resource(std::string_view name);
// object:obj_N
[[nodiscard]] TypedResource object_resource(ObjectId id);
// What stands for every object that does not exist (object:obj_0). Whoever may read this may know that there is none;
// others get the answer that they would get for an object which is there and not theirs.
[[nodiscard]] TypedResource absent_object_resource();

}  // namespace writ

#endif  // WRIT_BROKER_AGENT_MEMORY_NAMES_H_
