// What the payload of each message says, as plain data: made into messages, and read back strictly. A member that is
// missing, of another type or unknown is an error, as is a text that is too long, or a name that is not printable
// ASCII. Pure; any thread.
#ifndef WRIT_BROKER_PROTOCOL_MESSAGE_FORMS_H_
#define WRIT_BROKER_PROTOCOL_MESSAGE_FORMS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/json_text.h"
#include "broker/base/unique_fd.h"
#include "broker/protocol/message.h"
#include "broker/protocol/refusal_codes.h"

namespace writ {

// Bytes of the name of a client, tool or request, printable ASCII.
inline constexpr std::size_t kMessageNameLimit = 128;
inline constexpr std::size_t kCodeLimit = 64;              // bytes of the code of a failure
inline constexpr std::size_t kCorrelationLimit = 64;       // bytes of a correlation id
inline constexpr std::size_t kFailureMessageLimit = 4096;  // bytes of the message of a failure

// A request or a call: what is wanted, by name.
struct NamedArguments {
  std::string name;
  JsonObject arguments;
};

struct RefusalForm {
  std::string code;
  std::string correlation;
};

// From a tool: text to be escaped before a person or a log sees it.
struct FailureForm {
  std::string code;  // small letters, digits and underscores
  std::string message;
};

[[nodiscard]] Message hello_message(std::string_view client);
[[nodiscard]] Message welcome_message();
[[nodiscard]] Message call_message(std::uint64_t id, std::string_view tool, JsonObject arguments);
[[nodiscard]] Message request_message(std::uint64_t id, std::string_view name, JsonObject arguments);
[[nodiscard]] Message reply_message(std::uint64_t id, JsonValue value, std::vector<UniqueFd> descriptors = {});
[[nodiscard]] Message refusal_message(std::uint64_t id, std::string_view code, std::string_view correlation);
[[nodiscard]] Message result_message(std::uint64_t id, JsonValue value);
[[nodiscard]] Message failure_message(std::uint64_t id, std::string_view code, std::string_view message);

// The name of the client. Error also: it does not speak this version.
[[nodiscard]] Result<std::string> read_hello(JsonObject payload);
// Error: another version, or limits below those of this version.
[[nodiscard]] Status read_welcome(JsonObject payload);
[[nodiscard]] Result<NamedArguments> read_call(JsonObject payload);
[[nodiscard]] Result<NamedArguments> read_request(JsonObject payload);
// Of a reply or a result.
[[nodiscard]] Result<JsonValue> read_value(JsonObject payload);
[[nodiscard]] Result<RefusalForm> read_refusal(JsonObject payload);
[[nodiscard]] Result<FailureForm> read_failure(JsonObject payload);

}  // namespace writ

#endif  // WRIT_BROKER_PROTOCOL_MESSAGE_FORMS_H_
