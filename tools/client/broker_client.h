// BrokerClient: how a program inside of a sandbox asks its broker for what it cannot reach itself, and how a tool gets
// its call. Requests are made one at a time; docs/protocol.md has their names.
//
// Ownership: owns the socket. Descriptors of a reply belong to the reply.
// Threads: one at a time. Fork: the connection is this process's; a child must not use it.
// After an error of the codes "protocol", "closed" and "system" the connection is closed, and every call fails.
#ifndef WRIT_TOOLS_CLIENT_BROKER_CLIENT_H_
#define WRIT_TOOLS_CLIENT_BROKER_CLIENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/json_text.h"
#include "broker/base/unique_fd.h"
#include "broker/protocol/connection_state.h"
#include "broker/protocol/message.h"
#include "broker/protocol/message_channel.h"

namespace writ {

struct Reply {
  JsonValue value;
  std::vector<UniqueFd> descriptors;
};

// `code` is one of the refusals' (message_forms.h), which come with a correlation id and say nothing else; or one that
// was found at this end, and then has a detail: "protocol" (the broker broke the protocol), "closed" (there is no
// connection any more), "system" (a system call failed), "too_large" and "invalid_arguments" (nothing was sent).
struct RequestError {
  std::string code;
  std::string correlation;
  std::string detail{};
};

struct ToolCall {
  std::uint64_t id = 0;
  std::string tool;
  JsonObject arguments;
};

class BrokerClient {
 public:
  // Says hello, and waits for the welcome. `name` is what the broker's log calls this client.
  // Errors: the kernel's; the broker speaks another protocol; EPIPE: it closed the connection.
  [[nodiscard]] static Result<BrokerClient> open(UniqueFd socket, std::string_view name = "writ-client/1");

  // The socket that this process was started with: WRIT_BROKER_FD. Error: there is none.
  [[nodiscard]] static Result<UniqueFd> inherited_socket();

  // Asks, and waits for the answer. Errors: see RequestError.
  [[nodiscard]] tl::expected<Reply, RequestError> request(std::string_view name, JsonObject arguments);

  // Waits for the call of this tool. There is one for each connection, and none where the program is no tool: then this
  // waits until the broker closes. Errors: EPIPE: the broker closed the connection; the kernel's; a broken protocol.
  [[nodiscard]] Result<ToolCall> next_call();

  // Answer the call, once. Errors: EINVAL: there is no such call; EMSGSIZE: the value is too large (the call can still
  // be answered); as next_call().
  [[nodiscard]] Status finish(std::uint64_t id, JsonValue value);
  // `code` is a word of small letters, digits and underscores; `message` is cut where it is too long.
  [[nodiscard]] Status fail(std::uint64_t id, std::string_view code, std::string_view message);

 private:
  explicit BrokerClient(UniqueFd socket) : channel_(MessageChannel(std::move(socket))) {}
  [[nodiscard]] Status send(Message message);
  [[nodiscard]] Result<Message> receive();
  [[nodiscard]] Status take_call(Message message);
  [[nodiscard]] Status welcome(std::string_view name);
  [[nodiscard]] Result<Message> answer_to(std::uint64_t id);
  // Closes the connection: there is nothing to say to a broker that broke the protocol.
  [[nodiscard]] tl::unexpected<Error> give_up(Error error);

  std::optional<MessageChannel> channel_;  // nothing once the connection is closed
  ToolEnd state_;
  std::uint64_t last_request_ = 0;
  std::optional<ToolCall> call_;  // that came while an answer was waited for
};

// The code of an error that was found at this end: "closed", "protocol", "system", "too_large", "invalid_arguments".
[[nodiscard]] std::string_view client_error_code(const Error& error);

}  // namespace writ

#endif  // WRIT_TOOLS_CLIENT_BROKER_CLIENT_H_
