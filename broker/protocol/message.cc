#include "broker/protocol/message.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

namespace writ {
namespace {

constexpr std::array<std::uint8_t, 4> kMagic = {'W', 'R', 'I', 'T'};
constexpr std::size_t kVersionAt = 4;
constexpr std::size_t kTypeAt = 6;
constexpr std::size_t kIdAt = 8;
constexpr std::size_t kLengthAt = 16;
constexpr std::size_t kDescriptorsAt = 20;
constexpr std::size_t kFlagsAt = 22;
constexpr std::uint16_t kPayloadInDescriptor = 1;

constexpr std::array<std::string_view, kMessageTypeCount> kNames = {"hello", "welcome", "call",   "request",
                                                                    "reply", "refusal", "result", "failure"};

// The shortest member is `"":0`. A text that has no room for more than the limit needs no look.
constexpr std::size_t kShortestMember = 4;

template <class Integer>
void put(std::span<std::uint8_t, sizeof(Integer)> bytes, Integer value) {
  for (std::size_t i = 0; i < sizeof value; ++i) bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

template <class Integer>
Integer get(std::span<const std::uint8_t> packet, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(Integer); ++i) value |= std::uint64_t{packet[at + i]} << (8 * i);
  return static_cast<Integer>(value);
}

bool has_id(MessageType type) { return type != MessageType::kHello && type != MessageType::kWelcome; }

Status check_length(const MessageHeader& header, std::size_t packet_size) {
  const bool in_packet = header.place == PayloadPlace::kInPacket;
  if (packet_size - kHeaderSize != (in_packet ? header.length : 0))
    return fail("the length of a message is not that of its packet");
  if (header.length > kPayloadLimit) return fail("the payload of a message is longer than 2097152 bytes");
  return {};
}

Status check_descriptors(const MessageHeader& header, RequestDescriptors requests) {
  const std::size_t own = header.place == PayloadPlace::kInDescriptor ? 1 : 0;
  if (header.descriptors < own) return fail("a message says that its payload is in a descriptor, and has none");
  const bool is_request = header.type == MessageType::kRequest;
  const std::size_t in_all = is_request ? kPacketDescriptorLimit : kDescriptorLimit;
  if (header.descriptors > in_all || header.descriptors - own > descriptor_limit(header.type, requests))
    return fail("a message of type " + std::string(message_name(header.type)) + " has too many descriptors");
  return {};
}

// Counts what a JSON text has, without telling whether it is one.
class ShapeCounter {
 public:
  // False where a limit is exceeded. `c` stands outside of strings.
  bool take(char c) {
    if (c == '{' || c == '[') return open();
    if (c == '}' || c == ']') depth_ = depth_ == 0 ? 0 : depth_ - 1;
    if (c == ':') return ++members_[depth_] <= kMemberLimit;
    return c != ',' || ++values_ <= kValueLimit;
  }

 private:
  bool open() {
    if (depth_ == kJsonDepthLimit) return false;
    members_[++depth_] = 0;
    return ++values_ <= kValueLimit;
  }

  std::size_t depth_ = 0;
  std::size_t values_ = 0;
  std::array<std::size_t, kJsonDepthLimit + 1> members_{};
};

// The place of the quotation mark that ends the string which begins at `at`, or the end of the text.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return at;
}

}  // namespace

std::string_view message_name(MessageType type) { return kNames[static_cast<std::size_t>(type) - 1]; }

std::size_t descriptor_limit(MessageType type, RequestDescriptors requests) {
  if (type == MessageType::kReply) return kDescriptorLimit;
  return type == MessageType::kRequest && requests == RequestDescriptors::kAllowed ? kRequestDescriptorLimit : 0;
}

std::array<std::uint8_t, kHeaderSize> encode_header(const MessageHeader& header) {
  std::array<std::uint8_t, kHeaderSize> bytes{};
  const std::span<std::uint8_t, kHeaderSize> out = bytes;
  std::copy(kMagic.begin(), kMagic.end(), bytes.begin());
  put(out.subspan<kVersionAt, 2>(), static_cast<std::uint16_t>(kProtocolVersion));
  put(out.subspan<kTypeAt, 2>(), static_cast<std::uint16_t>(header.type));
  put(out.subspan<kIdAt, 8>(), header.id);
  put(out.subspan<kLengthAt, 4>(), header.length);
  put(out.subspan<kDescriptorsAt, 2>(), header.descriptors);
  const bool outside = header.place == PayloadPlace::kInDescriptor;
  put(out.subspan<kFlagsAt, 2>(), outside ? kPayloadInDescriptor : std::uint16_t{0});
  return bytes;
}

Result<MessageHeader> decode_header(std::span<const std::uint8_t> packet, RequestDescriptors requests) {
  if (packet.size() < kHeaderSize) return fail("a packet is shorter than the header of a message");
  if (!std::equal(kMagic.begin(), kMagic.end(), packet.begin())) return fail("a packet does not begin with 'WRIT'");
  if (get<std::uint16_t>(packet, kVersionAt) != kProtocolVersion) return fail("a message has another version than 1");
  const auto type = get<std::uint16_t>(packet, kTypeAt);
  if (type == 0 || type > kMessageTypeCount) return fail("there is no message of type " + std::to_string(type));
  const auto flags = get<std::uint16_t>(packet, kFlagsAt);
  if ((flags & ~kPayloadInDescriptor) != 0) return fail("a message has flags that do not exist");
  const MessageHeader header = {static_cast<MessageType>(type),
                                flags == 0 ? PayloadPlace::kInPacket : PayloadPlace::kInDescriptor,
                                get<std::uint16_t>(packet, kDescriptorsAt), get<std::uint32_t>(packet, kLengthAt),
                                get<std::uint64_t>(packet, kIdAt)};
  if (has_id(header.type) != (header.id != 0))
    return fail("a message of type " + std::string(message_name(header.type)) + " has the wrong id");
  WRIT_TRY(check_length(header, packet.size()));
  WRIT_TRY(check_descriptors(header, requests));
  return header;
}

Status check_payload_bounds(std::string_view text) {
  if (text.size() < kShortestMember * kMemberLimit) return {};
  ShapeCounter counter;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"')
      at = end_of_string(text, at);
    else if (!counter.take(text[at]))
      return fail("a payload is too deep or has too many members or values");
  }
  return {};
}

Result<JsonObject> decode_payload(std::string_view text) {
  WRIT_TRY(check_payload_bounds(text));
  WRIT_ASSIGN(JsonValue value, parse_json(text));
  // `value` is ours and not const; its accessor only is. Mebibytes need not be copied for that.
  auto* object = std::get_if<JsonObject>(&const_cast<JsonValue::Storage&>(value.storage()));
  if (object == nullptr) return fail("a payload must be one JSON object");
  return std::move(*object);
}

}  // namespace writ
