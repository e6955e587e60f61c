// The messages of the broker socket: their types, their limits, and the bytes they are. docs/protocol.md describes the
// protocol for those who write the other end. Pure functions over bytes; any thread. Whatever is decoded here came from
// a stranger: every field is checked, and every number is bounded before anything is made of it.
#ifndef WRIT_BROKER_PROTOCOL_MESSAGE_H_
#define WRIT_BROKER_PROTOCOL_MESSAGE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/json_text.h"
#include "broker/base/unique_fd.h"

namespace writ {

inline constexpr int kProtocolVersion = 1;
inline constexpr int kBrokerDescriptor = 3;  // where a tool finds its end
inline constexpr std::string_view kBrokerVariable = "WRIT_BROKER_FD";
inline constexpr std::size_t kHeaderSize = 24;
inline constexpr std::size_t kMessageLimit = 65536;                 // bytes of one packet, with its header
inline constexpr std::size_t kPayloadLimit = std::size_t{2} << 20;  // bytes of a payload that comes in a descriptor
inline constexpr std::size_t kDescriptorLimit = 4;                  // of one message, with that of its payload
inline constexpr std::size_t kOutstandingLimit = 16;                // requests without an answer
// Looking for a repeated key takes time that grows with the square of their number, and a value in memory is larger
// than its text: a payload of two mebibytes could otherwise keep the reader busy for minutes.
inline constexpr std::size_t kMemberLimit = 1024;       // of one object in a payload
inline constexpr std::size_t kValueLimit = 128 * 1024;  // of all in a payload

enum class MessageType : std::uint16_t { kHello = 1, kWelcome, kCall, kRequest, kReply, kRefusal, kResult, kFailure };
inline constexpr std::size_t kMessageTypeCount = 8;

// May requests bring descriptors? Those of tools may not: a hostile one has nothing to hand to its broker. The daemon's
// clients (docs/broker.md) hand it the streams of what it launches.
enum class RequestDescriptors : std::uint8_t { kNone, kAllowed };
inline constexpr std::size_t kRequestDescriptorLimit = 4;  // that of the payload not counted
inline constexpr std::size_t kPacketDescriptorLimit = kRequestDescriptorLimit + 1;

// "hello" … "failure".
[[nodiscard]] std::string_view message_name(MessageType type);
// How many descriptors may come with a message of this type, that of its payload not counted.
[[nodiscard]] std::size_t descriptor_limit(MessageType type, RequestDescriptors requests = RequestDescriptors::kNone);

struct Message {
  MessageType type;
  std::uint64_t id = 0;  // 0 for hello and welcome, otherwise that of the request or call
  JsonObject payload;
  std::vector<UniqueFd> descriptors;
};

enum class PayloadPlace : std::uint8_t { kInPacket, kInDescriptor };

struct MessageHeader {
  MessageType type;
  PayloadPlace place = PayloadPlace::kInPacket;
  std::uint16_t descriptors = 0;  // with that of the payload
  std::uint32_t length = 0;       // of the payload
  std::uint64_t id = 0;
};

[[nodiscard]] std::array<std::uint8_t, kHeaderSize> encode_header(const MessageHeader& header);

// Reads the header of a whole packet. Errors: a packet that is shorter than a header, another magic number or version,
// a type or flag that does not exist, an id that the type does not have, a length that is not that of the rest of the
// packet or is above the limit, more descriptors than the type has.
[[nodiscard]] Result<MessageHeader> decode_header(std::span<const std::uint8_t> packet,
                                                  RequestDescriptors requests = RequestDescriptors::kNone);

// Reads a payload. Errors: no JSON object, or one that is too deep or has too many members or values.
[[nodiscard]] Result<JsonObject> decode_payload(std::string_view text);

// What decode_payload() refuses for its size alone; linear in time. Errors: as there.
[[nodiscard]] Status check_payload_bounds(std::string_view text);

}  // namespace writ

#endif  // WRIT_BROKER_PROTOCOL_MESSAGE_H_
