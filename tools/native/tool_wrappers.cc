#include "tools/native/tool_wrappers.h"

#include <array>
#include <string>
#include <variant>

#include "broker/base/escape.h"

namespace writ::tools {
namespace {

constexpr std::array kWrappers = {
    ToolWrapper{"stat", "filesystem.stat", "look at the path"},
    ToolWrapper{"make_directory", "filesystem.write_directory", "make the directory"},
    ToolWrapper{"move", "filesystem.move", "move it"},
    ToolWrapper{"run_command", "shell.run", "run the command"},
    ToolWrapper{"get_current_time", "clock.now", "tell the time"},
    ToolWrapper{"sleep", "clock.sleep", "sleep"},
    ToolWrapper{"ask_human", "human.ask", "ask"},
    ToolWrapper{"human_output", "human.output", "deliver the message"},
    ToolWrapper{"request_permission", "human.request_permission", "ask for the permission"},
    ToolWrapper{"list_capabilities", "capability.list", "list capabilities"},
    ToolWrapper{"inspect_capability", "capability.inspect", "inspect the capability"},
    ToolWrapper{"delegate_capability", "capability.delegate", "delegate the capability"},
    ToolWrapper{"revoke_capability", "capability.revoke", "revoke the capability"},
    ToolWrapper{"create_memory_namespace", "memory.create_namespace", "create the namespace"},
    ToolWrapper{"list_memory_namespace", "memory.list_namespace", "list the namespace"},
    ToolWrapper{"create_memory_object", "memory.create_object", "create the object"},
    ToolWrapper{"read_memory_object", "memory.read_object", "read the object"},
    ToolWrapper{"append_memory_object", "memory.append_object", "append to the object"},
    ToolWrapper{"propose_jit_tool", "jit.propose", "propose the tool"},
    ToolWrapper{"validate_jit_tool", "jit.validate", "validate the tool"},
    ToolWrapper{"register_jit_tool", "jit.register", "register the tool"},
    ToolWrapper{"process_exit", "process.exit", "exit"},
};

// The subject of the call, for the message: the first of these arguments that is a text.
std::string subject_of(const JsonObject& arguments) {
  for (const char* key : {"path", "from", "name", "namespace", "resource", "capability_id", "candidate"})
    if (const JsonValue* value = arguments.find(key); value != nullptr)
      if (const auto* text = std::get_if<std::string>(&value->storage()); text != nullptr)
        return " (" + quote_bytes(*text, 200) + ")";
  return "";
}

}  // namespace

std::span<const ToolWrapper> tool_wrappers() { return kWrappers; }

ToolResult<JsonValue> run_wrapper(const ToolWrapper& wrapper, BrokerDoor& door, const JsonValue& arguments) {
  const auto* object = std::get_if<JsonObject>(&arguments.storage());
  if (object == nullptr) return refuse(FailureCode::kInvalidArguments, "the arguments must be an object");
  DoorResult<Reply> reply = door.request(wrapper.request, *object);
  if (!reply) return refuse_request(std::string(wrapper.action) + subject_of(*object), reply.error());
  return std::move(reply->value);
}

}  // namespace writ::tools
