#include "broker/protocol/message_forms.h"

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <optional>
#include <utility>
#include <variant>

#include "broker/base/printable.h"

namespace writ {
namespace {

tl::unexpected<Error> wrong_form(std::string_view subject, std::string_view what) {
  std::string text = "a payload does not have the form that its message has: ";
  return fail(text.append(subject).append(what));
}

tl::unexpected<Error> wrong(std::string_view key, std::string_view expected) {
  std::string text = " must be ";
  return wrong_form(key, text.append(expected));
}

Status check_keys(const JsonObject& payload, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys)
    if (payload.find(key) == nullptr) return wrong_form(key, " is missing");
  if (payload.members().size() != keys.size()) return wrong_form("there is an unknown member", {});
  return {};
}

// Members are taken out of a payload that is ours to be used up. The accessor of JsonObject is const, the object is
// not.
JsonValue* value_in(JsonObject& payload, std::string_view key) { return const_cast<JsonValue*>(payload.find(key)); }

template <class T>
T* member(JsonObject& payload, std::string_view key) {
  const JsonValue* value = value_in(payload, key);
  return value == nullptr ? nullptr : std::get_if<T>(&const_cast<JsonValue::Storage&>(value->storage()));
}

Result<std::string> text_of(JsonObject& payload, std::string_view key, std::size_t limit) {
  auto* text = member<std::string>(payload, key);
  if (text == nullptr || text->size() > limit)
    return wrong(key, "a text of at most " + std::to_string(limit) + " bytes");
  return std::move(*text);
}

std::optional<std::uint64_t> number_of(const JsonObject& object, std::string_view key) {
  const JsonValue* value = object.find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* large = std::get_if<std::uint64_t>(&value->storage())) return *large;
  const auto* number = std::get_if<std::int64_t>(&value->storage());
  if (number == nullptr || *number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

Result<NamedArguments> read_named(JsonObject& payload, std::string_view key) {
  WRIT_TRY(check_keys(payload, {key, "arguments"}));
  WRIT_ASSIGN(std::string name, text_of(payload, key, kMessageNameLimit));
  if (name.empty() || !is_printable_ascii(name)) return wrong(key, "a name of printable ASCII");
  auto* arguments = member<JsonObject>(payload, "arguments");
  if (arguments == nullptr) return wrong("arguments", "an object");
  return NamedArguments{std::move(name), std::move(*arguments)};
}

bool is_failure_code(std::string_view code) {
  const auto is_allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return !code.empty() && std::all_of(code.begin(), code.end(), is_allowed);
}

bool speaks_this_version(const JsonArray& versions) {
  const auto is_this = [](const JsonValue& version) {
    const auto* number = std::get_if<std::int64_t>(&version.storage());
    return number != nullptr && *number == kProtocolVersion;
  };
  return std::any_of(versions.elements().begin(), versions.elements().end(), is_this);
}

JsonObject limits_json() {
  JsonObject limits;
  limits.set("message", kMessageLimit).set("payload", kPayloadLimit).set("outstanding", kOutstandingLimit);
  return limits;
}

Message message_of(MessageType type, std::uint64_t id, JsonObject& payload) {
  return Message{type, id, std::move(payload), {}};
}

}  // namespace

bool is_refusal_code(std::string_view code) {
  return std::find(kRefusalCodes.begin(), kRefusalCodes.end(), code) != kRefusalCodes.end();
}

Message hello_message(std::string_view client) {
  JsonObject payload;
  JsonArray versions;
  versions.add(kProtocolVersion);
  payload.set("versions", std::move(versions)).set("client", client);
  return message_of(MessageType::kHello, 0, payload);
}

Message welcome_message() {
  JsonObject payload;
  payload.set("version", kProtocolVersion).set("limits", limits_json());
  return message_of(MessageType::kWelcome, 0, payload);
}

Message call_message(std::uint64_t id, std::string_view tool, JsonObject arguments) {
  JsonObject payload;
  payload.set("tool", tool).set("arguments", std::move(arguments));
  return message_of(MessageType::kCall, id, payload);
}

Message request_message(std::uint64_t id, std::string_view name, JsonObject arguments) {
  JsonObject payload;
  payload.set("name", name).set("arguments", std::move(arguments));
  return message_of(MessageType::kRequest, id, payload);
}

Message reply_message(std::uint64_t id, JsonValue value, std::vector<UniqueFd> descriptors) {
  JsonObject payload;
  payload.set("value", std::move(value));
  return Message{MessageType::kReply, id, std::move(payload), std::move(descriptors)};
}

Message refusal_message(std::uint64_t id, std::string_view code, std::string_view correlation) {
  JsonObject payload;
  payload.set("code", code).set("correlation", correlation);
  return message_of(MessageType::kRefusal, id, payload);
}

Message result_message(std::uint64_t id, JsonValue value) {
  JsonObject payload;
  payload.set("value", std::move(value));
  return message_of(MessageType::kResult, id, payload);
}

Message failure_message(std::uint64_t id, std::string_view code, std::string_view message) {
  JsonObject payload;
  payload.set("code", code).set("message", message);
  return message_of(MessageType::kFailure, id, payload);
}

Result<std::string> read_hello(JsonObject payload) {
  WRIT_TRY(check_keys(payload, {"versions", "client"}));
  const auto* versions = member<JsonArray>(payload, "versions");
  if (versions == nullptr) return wrong("versions", "a list of numbers");
  if (!speaks_this_version(*versions)) return fail("the client does not speak version 1 of the protocol");
  WRIT_ASSIGN(std::string client, text_of(payload, "client", kMessageNameLimit));
  if (!is_printable_ascii(client)) return wrong("client", "a name of printable ASCII");
  return client;
}

Status read_welcome(JsonObject payload) {
  WRIT_TRY(check_keys(payload, {"version", "limits"}));
  if (number_of(payload, "version") != kProtocolVersion) return wrong("version", "1");
  const auto* limits = member<JsonObject>(payload, "limits");
  if (limits == nullptr) return wrong("limits", "an object");
  const JsonObject own = limits_json();
  for (const JsonMember& limit : own.members())
    if (number_of(*limits, limit.key).value_or(0) < number_of(own, limit.key))
      return wrong(limit.key, "that of version 1");
  return {};
}

Result<NamedArguments> read_call(JsonObject payload) { return read_named(payload, "tool"); }

Result<NamedArguments> read_request(JsonObject payload) { return read_named(payload, "name"); }

Result<JsonValue> read_value(JsonObject payload) {
  WRIT_TRY(check_keys(payload, {"value"}));
  return std::move(*value_in(payload, "value"));
}

Result<RefusalForm> read_refusal(JsonObject payload) {
  WRIT_TRY(check_keys(payload, {"code", "correlation"}));
  WRIT_ASSIGN(std::string code, text_of(payload, "code", kCodeLimit));
  if (!is_refusal_code(code)) return wrong("code", "one of the codes of refusals");
  WRIT_ASSIGN(std::string correlation, text_of(payload, "correlation", kCorrelationLimit));
  if (!is_printable_ascii(correlation)) return wrong("correlation", "printable ASCII");
  return RefusalForm{std::move(code), std::move(correlation)};
}

Result<FailureForm> read_failure(JsonObject payload) {
  WRIT_TRY(check_keys(payload, {"code", "message"}));
  WRIT_ASSIGN(std::string code, text_of(payload, "code", kCodeLimit));
  if (!is_failure_code(code)) return wrong("code", "a word of small letters, digits and underscores");
  WRIT_ASSIGN(std::string message, text_of(payload, "message", kFailureMessageLimit));
  return FailureForm{std::move(code), std::move(message)};
}

}  // namespace writ
