#include "broker/jit/jit_conversation.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "broker/base/escape.h"
#include "broker/base/hex_text.h"
#include "broker/base/strict_object.h"
#include "broker/jit/jit_stub.h"

namespace writ {
namespace {

constexpr std::size_t kSyscallNameLimit = 64;

bool is_syscall_name(std::string_view name) {
  return !name.empty() && name.size() <= kSyscallNameLimit && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
}

struct CallParts {
  std::int64_t id = 0;
  std::string name;
  const JsonObject* arguments = nullptr;
};

Result<CallParts> read_call_parts(const JsonValue& value) {
  WRIT_ASSIGN(StrictObject object, StrictObject::open(value, "syscall"));
  CallParts parts;
  WRIT_ASSIGN(parts.id, object.integer("id"));
  WRIT_ASSIGN(parts.name, object.text("name"));
  const JsonValue* arguments = object.member("arguments");
  parts.arguments = arguments == nullptr ? nullptr : std::get_if<JsonObject>(&arguments->storage());
  if (parts.arguments == nullptr) return fail("syscall.arguments is no object");
  WRIT_TRY(object.finish());
  if (!is_syscall_name(parts.name)) return fail("syscall.name is no name of a primitive");
  return parts;
}

// What a script printed: JSON, or else text without the line ends at its end.
std::optional<JsonValue> printed_value(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  if (!is_valid_utf8(text)) return std::nullopt;
  if (auto value = parse_json(text)) return std::move(*value);
  return JsonValue(std::move(text));
}

}  // namespace

std::string JitConversation::start(std::string_view source, const JsonObject& arguments) {
  if (state_ == State::kNew) state_ = State::kRunning;
  return jit_start_message(language_, source, arguments);
}

JitEvent JitConversation::break_off(JitBreach breach, std::string why) {
  broken_ = {breach, std::move(why)};
  state_ = State::kBroken;
  buffer_.clear();
  return broken_;
}

void JitConversation::take(std::string_view bytes) {
  if (state_ == State::kBroken || bytes.empty()) return;
  taken_ += bytes.size();
  if (state_ == State::kNew) {
    (void)break_off(JitBreach::kProtocol, "it spoke before it was started");
  } else if (taken_ > kJitStreamLimit) {
    (void)break_off(JitBreach::kTooLong, "it sent more than " + std::to_string(kJitStreamLimit) + " bytes");
  } else {
    buffer_.append(bytes);
  }
}

JitEvent JitConversation::next() {
  if (state_ == State::kBroken) return broken_;
  if (state_ == State::kOver && !buffer_.empty()) return break_off(JitBreach::kProtocol, "it went on after its result");
  if (state_ != State::kRunning) return JitWaiting{};
  const std::size_t end = buffer_.find('\n');
  if (std::min(end, buffer_.size()) > kJitLineLimit)
    return break_off(JitBreach::kTooLong, "it sent a line of more than " + std::to_string(kJitLineLimit) + " bytes");
  if (end == std::string::npos) return JitWaiting{};
  const std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return read_line(line);
}

JitEvent JitConversation::read_line(std::string_view line) {
  const auto message = parse_json(line);
  if (!message) return break_off(JitBreach::kProtocol, "it sent no JSON: " + message.error().what);
  const auto* object = std::get_if<JsonObject>(&message->storage());
  if (object == nullptr || object->members().size() != 1)
    return break_off(JitBreach::kProtocol, "it sent something that is no message");
  const JsonMember& member = object->members().front();
  if (member.key == "syscall") return read_call(member.value);
  if (member.key == "result") return finish(JitReturned{member.value});
  if (member.key == "error") return read_failure(member.value);
  if (member.key == "output" && language_ == JitLanguage::kShell) return read_output(member.value);
  return break_off(JitBreach::kProtocol, "it sent a message that is not one of a tool");
}

JitEvent JitConversation::read_call(const JsonValue& value) {
  auto parts = read_call_parts(value);
  if (!parts) return break_off(JitBreach::kProtocol, parts.error().what);
  if (parts->id != static_cast<std::int64_t>(calls_ + 1))
    return break_off(JitBreach::kProtocol, "syscall.id is not the next one");
  if (calls_ == kJitCallLimit)
    return break_off(JitBreach::kTooManyCalls, "it made more than " + std::to_string(kJitCallLimit) + " calls");
  ++calls_;
  state_ = State::kAnswering;
  return JitCall{calls_, std::move(parts->name), *parts->arguments};
}

JitEvent JitConversation::read_failure(const JsonValue& value) {
  auto object = StrictObject::open(value, "error");
  if (!object) return break_off(JitBreach::kProtocol, object.error().what);
  auto message = object->text("message");
  if (!message || !object->finish()) return break_off(JitBreach::kProtocol, "its error is not {message}");
  if (message->size() > kJitMessageLimit) message->resize(kJitMessageLimit);
  return finish(JitFailed{std::move(*message)});
}

JitEvent JitConversation::read_output(const JsonValue& value) {
  const auto* digits = std::get_if<std::string>(&value.storage());
  std::vector<std::uint8_t> bytes(digits == nullptr ? 0 : digits->size() / 2);
  if (digits == nullptr || !read_hex(*digits, bytes))
    return break_off(JitBreach::kProtocol, "its output is not in hexadecimal");
  auto printed = printed_value(std::string(bytes.begin(), bytes.end()));
  if (!printed) return finish(JitFailed{"what the script printed is not UTF-8"});
  return finish(JitReturned{std::move(*printed)});
}

JitEvent JitConversation::finish(JitEvent last) {
  if (!buffer_.empty()) return break_off(JitBreach::kProtocol, "it went on after its result");
  state_ = State::kOver;
  return last;
}

std::string JitConversation::answer(std::string_view member, const JsonValue& value) {
  if (state_ == State::kAnswering) state_ = State::kRunning;
  // Written out, not through JsonObject: the stub for shells looks for exactly this text.
  std::string line = "{\"reply\":{\"id\":" + std::to_string(calls_) + ",\"";
  return line.append(member).append("\":").append(value.to_text()).append("}}\n");
}

std::string JitConversation::reply(const JsonValue& value) { return answer("value", value); }

std::string JitConversation::refuse(std::string_view code, std::string_view correlation) {
  return answer("refused", JsonObject().set("code", code).set("correlation", correlation));
}

}  // namespace writ
