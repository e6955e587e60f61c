#include "tools/client/broker_client.h"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "broker/protocol/message_forms.h"

namespace writ {
namespace {

RequestError request_error(const Error& error) { return {std::string(client_error_code(error)), {}, error.describe()}; }

// At most `limit` bytes, and no part of a character at the end.
std::string_view cut(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;
  return text.substr(0, limit);
}

}  // namespace

std::string_view client_error_code(const Error& error) {
  switch (error.system_errno) {
    case 0:
      return "protocol";
    case EPIPE:
    case ECONNRESET:
      return "closed";
    case EMSGSIZE:
      return "too_large";
    case EINVAL:
      return "invalid_arguments";
    default:
      return "system";
  }
}

Result<UniqueFd> BrokerClient::inherited_socket() {
  const char* text = std::getenv(std::string(kBrokerVariable).c_str());
  if (text == nullptr)
    return writ::fail("WRIT_BROKER_FD is not set: this program was not started with a broker socket");
  const std::string_view digits = text;
  int number = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || number < 0)
    return writ::fail("WRIT_BROKER_FD is not the number of a descriptor");
  return UniqueFd(number);
}

Result<BrokerClient> BrokerClient::open(UniqueFd socket, std::string_view name) {
  if (!socket.valid()) return writ::fail("there is no broker socket");
  BrokerClient client(std::move(socket));
  WRIT_TRY(client.welcome(name));
  return client;
}

Status BrokerClient::welcome(std::string_view name) {
  WRIT_TRY(send(hello_message(name)));
  WRIT_ASSIGN(Message message, receive());
  // In this phase the state lets nothing but a welcome pass.
  if (Status read = read_welcome(std::move(message.payload)); !read) return give_up(std::move(read.error()));
  return {};
}

tl::expected<Reply, RequestError> BrokerClient::request(std::string_view name, JsonObject arguments) {
  const std::uint64_t id = last_request_ + 1;
  if (Status sent = send(request_message(id, name, std::move(arguments))); !sent)
    return tl::unexpected(request_error(sent.error()));
  last_request_ = id;
  Result<Message> answer = answer_to(id);
  if (!answer) return tl::unexpected(request_error(answer.error()));
  if (answer->type == MessageType::kRefusal) {
    Result<RefusalForm> refusal = read_refusal(std::move(answer->payload));
    if (!refusal) return tl::unexpected(request_error(give_up(std::move(refusal.error())).value()));
    return tl::unexpected(RequestError{std::move(refusal->code), std::move(refusal->correlation)});
  }
  Result<JsonValue> value = read_value(std::move(answer->payload));
  if (!value) return tl::unexpected(request_error(give_up(std::move(value.error())).value()));
  return Reply{std::move(*value), std::move(answer->descriptors)};
}

Result<Message> BrokerClient::answer_to(std::uint64_t id) {
  while (state_.is_outstanding(id)) {
    WRIT_ASSIGN(Message message, receive());
    // Only one request waits for an answer, so whatever the state let pass is that answer or the call.
    if (message.type != MessageType::kCall) return message;
    WRIT_TRY(take_call(std::move(message)));
  }
  return give_up({"a request has no answer", 0, {}});
}

Result<ToolCall> BrokerClient::next_call() {
  while (!call_) {
    WRIT_ASSIGN(Message message, receive());
    WRIT_TRY(take_call(std::move(message)));
  }
  ToolCall call = std::move(*call_);
  call_.reset();
  return call;
}

Status BrokerClient::take_call(Message message) {
  Result<NamedArguments> call = read_call(std::move(message.payload));
  if (!call) return give_up(std::move(call.error()));
  call_ = ToolCall{message.id, std::move(call->name), std::move(call->arguments)};
  return {};
}

Status BrokerClient::finish(std::uint64_t id, JsonValue value) { return send(result_message(id, std::move(value))); }

Status BrokerClient::fail(std::uint64_t id, std::string_view code, std::string_view message) {
  return send(failure_message(id, code, cut(message, kFailureMessageLimit)));
}

Status BrokerClient::send(Message message) {
  if (!channel_) return fail_errno(EPIPE, "the connection to the broker is closed");
  ToolEnd next = state_;
  if (Status announced = next.announce(message.type, message.id); !announced)
    return fail_errno(EINVAL, std::move(announced.error().what));
  if (Status sent = channel_->send(std::move(message)); !sent) {
    if (sent.error().system_errno == EMSGSIZE) return sent;  // nothing went out
    return give_up(std::move(sent.error()));
  }
  state_ = std::move(next);
  return {};
}

Result<Message> BrokerClient::receive() {
  if (!channel_) return fail_errno(EPIPE, "the connection to the broker is closed");
  Result<std::optional<Message>> received = channel_->receive();
  if (!received) return give_up(std::move(received.error()));
  if (!*received) return give_up({"the broker closed the connection", EPIPE, {}});
  if (Status admitted = state_.admit((*received)->type, (*received)->id); !admitted)
    return give_up(std::move(admitted.error()));
  return std::move(**received);
}

tl::unexpected<Error> BrokerClient::give_up(Error error) {
  channel_.reset();
  return tl::unexpected(std::move(error));
}

}  // namespace writ
