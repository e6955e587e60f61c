// writ-tools: all native tools in one program. It is started with the broker socket and nothing else, takes one call,
// answers it and ends. Exit status: 0 when the call was answered, whatever the answer; 1 when the broker was gone.

#include <utility>

#include "tools/client/broker_client.h"
#include "tools/native/tool_table.h"

namespace writ::tools {
namespace {

constexpr std::string_view kClientName = "writ-tools/1";

// The broker itself, as tools see it.
class ClientDoor : public BrokerDoor {
 public:
  explicit ClientDoor(BrokerClient& client) : client_(client) {}

  DoorResult<Reply> request(std::string_view name, JsonObject arguments) override {
    tl::expected<writ::Reply, writ::RequestError> reply = client_.request(name, std::move(arguments));
    if (reply) return Reply{std::move(reply->value), std::move(reply->descriptors)};
    return tl::unexpected(RequestError{code_of(reply.error().code), std::move(reply.error().correlation)});
  }

 private:
  // The client has words of its own for what goes wrong at this end.
  static FailureCode code_of(std::string_view code) {
    return code == "closed" || code == "protocol" ? FailureCode::kUnavailable : failure_code_of(code);
  }

  BrokerClient& client_;
};

Status answer(BrokerClient& client, ToolCall call) {
  ClientDoor door(client);
  ToolResult<JsonValue> result = run_tool(call.tool, door, JsonValue(std::move(call.arguments)));
  if (!result) return client.fail(call.id, failure_code_name(result.error().code), result.error().message);
  Status sent = client.finish(call.id, std::move(*result));
  if (sent || client_error_code(sent.error()) != "too_large") return sent;
  return client.fail(call.id, failure_code_name(FailureCode::kTooLarge),
                     "the result is too large; ask for less at once");
}

Status run() {
  WRIT_ASSIGN(UniqueFd socket, BrokerClient::inherited_socket());
  WRIT_ASSIGN(BrokerClient client, BrokerClient::open(std::move(socket), kClientName));
  WRIT_ASSIGN(ToolCall call, client.next_call());
  return answer(client, std::move(call));
}

}  // namespace
}  // namespace writ::tools

int main() { return writ::tools::run() ? 0 : 1; }
