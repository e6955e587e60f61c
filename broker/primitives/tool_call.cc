#include "broker/primitives/tool_call.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "broker/protocol/message_forms.h"

namespace writ {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kCallId = 1;
constexpr const char* kNoRecord = "0";  // what was asked for was done, and is recorded as that

class Serving {
 public:
  Serving(ToolProcess& process, const ToolManifest& manifest, const RequestHandler& handle)
      : process_(process), limits_(manifest.limits()), handle_(handle), deadline_(Clock::now() + limits_.wall_time) {}

  CallReport run(const std::string& tool, const JsonObject& arguments) {
    if (send(call_message(kCallId, tool, arguments)))
      while (!report_) step();
    return std::move(*report_);
  }

 private:
  void end(std::variant<JsonValue, CallFailure> outcome) {
    report_ = CallReport{std::move(outcome), requests_, refusals_};
  }
  void fail_call(PrimitiveCode code, std::string message) { end(call_failure(code, std::move(message))); }
  void broken(const Error& error) {
    fail_call(PrimitiveCode::kFailed, "the tool broke the protocol: " + error.describe());
  }

  bool send(Message message) {
    Status sent = process_.state.announce(message.type, message.id);
    if (sent) sent = process_.channel.send(std::move(message), SendWait::kNever);
    if (!sent) cannot_send(sent.error());
    return sent.has_value();
  }
  void cannot_send(const Error& error) {
    fail_call(PrimitiveCode::kFailed, "the tool does not take its messages: " + error.describe());
  }

  void step() {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
    if (left.count() <= 0)
      return fail_call(PrimitiveCode::kTimedOut, "the tool took longer than its manifest gives it");
    pollfd entry{process_.channel.descriptor(), POLLIN, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
    if (ready < 0 && errno != EINTR) return fail_call(PrimitiveCode::kFailed, "cannot wait for the tool");
    if (ready > 0) take();
  }

  void take() {
    auto received = process_.channel.receive();
    if (!received) return broken(received.error());
    if (!*received) return fail_call(PrimitiveCode::kFailed, "the tool ended without a result");
    Message& message = **received;
    if (Status admitted = process_.state.admit(message.type, message.id); !admitted) return broken(admitted.error());
    if (message.type == MessageType::kRequest) return serve(std::move(message));
    if (message.type == MessageType::kResult) return take_result(std::move(message.payload));
    take_failure(std::move(message.payload));
  }

  void serve(Message message) {
    if (++requests_ > limits_.requests)
      return fail_call(PrimitiveCode::kLimit, "the tool made more requests than its manifest gives it");
    const auto request = read_request(std::move(message.payload));
    if (!request) return broken(request.error());
    const Clock::time_point began = Clock::now();
    auto answer = handle_(request->name, request->arguments);
    deadline_ += Clock::now() - began;
    if (!answer) ++refusals_;
    if (const Status sent = send_answer(process_.channel, process_.state, message.id, std::move(answer)); !sent)
      cannot_send(sent.error());
  }

  void take_result(JsonObject payload) {
    auto value = read_value(std::move(payload));
    if (!value) return broken(value.error());
    if (value->to_text().size() > limits_.result_bytes)
      return fail_call(PrimitiveCode::kTooLarge, "the result is larger than the manifest gives it");
    end(std::move(*value));
  }

  void take_failure(JsonObject payload) {
    auto failure = read_failure(std::move(payload));
    if (!failure) return broken(failure.error());
    const std::string_view failed = primitive_code_name(PrimitiveCode::kFailed);
    end(CallFailure{is_refusal_code(failure->code) ? std::move(failure->code) : std::string(failed),
                    std::move(failure->message)});
  }

  ToolProcess& process_;
  const ToolLimits& limits_;
  const RequestHandler& handle_;
  Clock::time_point deadline_;
  std::uint64_t requests_ = 0;
  std::uint64_t refusals_ = 0;
  std::optional<CallReport> report_;
};

}  // namespace

Status send_answer(const MessageChannel& channel, BrokerEnd& state, std::uint64_t id,
                   tl::expected<PrimitiveReply, Refusal> answer) {
  const auto refuse_with = [&](PrimitiveCode code, const std::string& correlation) {
    return channel.send(refusal_message(id, primitive_code_name(code), correlation), SendWait::kNever);
  };
  WRIT_TRY(state.announce(answer ? MessageType::kReply : MessageType::kRefusal, id));
  if (!answer) return refuse_with(answer.error().failure.code, answer.error().correlation);
  Status sent =
      channel.send(reply_message(id, std::move(answer->value), std::move(answer->descriptors)), SendWait::kNever);
  // EMSGSIZE: nothing was sent, and the connection is sound.
  const bool too_large = !sent && sent.error().system_errno == EMSGSIZE;
  return too_large ? refuse_with(PrimitiveCode::kTooLarge, kNoRecord) : sent;
}

CallReport serve_tool_call(ToolProcess& process, const ToolManifest& manifest, const JsonObject& arguments,
                           const RequestHandler& handle) {
  return Serving(process, manifest, handle).run(manifest.name(), arguments);
}

}  // namespace writ
