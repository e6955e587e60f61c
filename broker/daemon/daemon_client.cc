#include "broker/daemon/daemon_client.h"

#include <cerrno>
#include <optional>
#include <utility>

#include "broker/protocol/message_forms.h"

namespace writ {

Result<DaemonClient> DaemonClient::open(UniqueFd socket) {
  DaemonClient client(std::move(socket));
  WRIT_TRY(client.channel_.send(hello_message("writ/1")));
  return client;
}

Result<std::uint64_t> DaemonClient::send(std::string_view name, JsonObject arguments,
                                         std::vector<UniqueFd> descriptors) {
  Message message = request_message(++last_request_, name, std::move(arguments));
  message.descriptors = std::move(descriptors);
  WRIT_TRY(channel_.send(std::move(message)));
  return last_request_;
}

Result<DaemonAnswer> DaemonClient::receive() {
  WRIT_ASSIGN(std::optional<Message> message, channel_.receive());
  if (!message) return fail_errno(EPIPE, "the broker has ended");
  DaemonAnswer answer;
  answer.id = message->id;
  answer.descriptors = std::move(message->descriptors);
  if (message->type == MessageType::kWelcome) {
    WRIT_TRY(read_welcome(std::move(message->payload)));
    return answer;
  }
  if (message->type == MessageType::kReply) {
    WRIT_ASSIGN(answer.value, read_value(std::move(message->payload)));
    return answer;
  }
  if (message->type != MessageType::kRefusal) return fail("the broker sent a message that no broker sends");
  WRIT_ASSIGN(RefusalForm refusal, read_refusal(std::move(message->payload)));
  answer.refusal = std::move(refusal.code);
  return answer;
}

Result<DaemonAnswer> DaemonClient::ask(std::string_view name, JsonObject arguments) {
  WRIT_ASSIGN(const std::uint64_t id, send(name, std::move(arguments)));
  while (true) {
    WRIT_ASSIGN(DaemonAnswer answer, receive());
    if (answer.id == id) return answer;
  }
}

}  // namespace writ
