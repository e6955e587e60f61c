// serve_tool_call: one call of a native tool: sends it, answers what the tool asks for, until it has its result.
//
// Whatever the tool does out of turn ends it: a message that its state does not allow, too many requests, too long a
// time of its own, a result that is too large. Threads: one; it waits.
#ifndef WRIT_BROKER_PRIMITIVES_TOOL_CALL_H_
#define WRIT_BROKER_PRIMITIVES_TOOL_CALL_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <variant>

#include "broker/base/json_text.h"
#include "broker/primitives/primitive.h"
#include "broker/primitives/warm_tools.h"
#include "broker/tool/tool_manifest.h"

namespace writ {

// How a call failed: a code of PrimitiveCode, and a sentence for whoever called. The sentence of a tool is bytes.
struct CallFailure {
  std::string code;
  std::string message;
};

struct Refusal {
  PrimitiveFailure failure;
  std::string correlation;
};

using RequestHandler =
    std::function<tl::expected<PrimitiveReply, Refusal>(const std::string& name, const JsonObject& arguments)>;

struct CallReport {
  std::variant<JsonValue, CallFailure> outcome;
  std::uint64_t requests = 0;
  std::uint64_t refusals = 0;
};

[[nodiscard]] inline CallFailure call_failure(PrimitiveCode code, std::string message) {
  return {std::string(primitive_code_name(code)), std::move(message)};
}

// Sends the answer to the request `id`, which `state` has noted. A reply that no message can carry becomes a refusal
// that says so. Never waits. Errors: the connection is to be closed; EAGAIN: the other end does not take its messages.
[[nodiscard]] Status send_answer(const MessageChannel& channel, BrokerEnd& state, std::uint64_t id,
                                 tl::expected<PrimitiveReply, Refusal> answer);

// The time that `handle` takes is not the tool's. The process is not ended here.
[[nodiscard]] CallReport serve_tool_call(ToolProcess& process, const ToolManifest& manifest,
                                         const JsonObject& arguments, const RequestHandler& handle);

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_TOOL_CALL_H_
