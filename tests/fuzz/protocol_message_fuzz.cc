// libFuzzer target: what a stranger can send over the broker socket. A header that is read is written as the same
// bytes; a payload that is read can be sent, and is read back as the same text; no form of a message takes what it
// should not.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

#include "broker/protocol/message.h"
#include "broker/protocol/message_forms.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool has_fraction(const writ::JsonValue& value) {
  if (const auto* array = std::get_if<writ::JsonArray>(&value.storage()))
    return std::any_of(array->elements().begin(), array->elements().end(), has_fraction);
  if (const auto* object = std::get_if<writ::JsonObject>(&value.storage()))
    return std::any_of(object->members().begin(), object->members().end(),
                       [](const writ::JsonMember& member) { return has_fraction(member.value); });
  return std::holds_alternative<double>(value.storage());
}

void read_forms(const writ::JsonObject& payload) {
  const auto is_plain = [](std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
  };
  if (const auto client = writ::read_hello(payload)) require(is_plain(*client) && client->size() <= writ::kNameLimit);
  if (const auto call = writ::read_call(payload)) require(is_plain(call->name) && !call->name.empty());
  if (const auto request = writ::read_request(payload)) require(is_plain(request->name) && !request->name.empty());
  if (const auto refusal = writ::read_refusal(payload)) require(writ::is_refusal_code(refusal->code));
  if (const auto failure = writ::read_failure(payload)) require(is_plain(failure->code));
  (void)writ::read_welcome(payload);
  (void)writ::read_value(payload);
}

void read_payload(std::string_view text) {
  const auto payload = writ::decode_payload(text);
  if (!payload) return;
  const std::string written = writ::JsonValue(*payload).to_text();
  const auto again = writ::decode_payload(written);
  require(again.has_value());
  require(has_fraction(*payload) || writ::JsonValue(*again).to_text() == written);
  read_forms(*payload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read_payload(bytes);
  const auto header = writ::decode_header({data, size});
  if (!header) return 0;
  const auto written = writ::encode_header(*header);
  require(std::equal(written.begin(), written.end(), data));
  read_payload(bytes.substr(writ::kHeaderSize));
  return 0;
}
