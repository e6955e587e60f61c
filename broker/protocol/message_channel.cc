#include "broker/protocol/message_channel.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace writ {
namespace {

constexpr int kPayloadSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

// Room for the descriptors of one message and for none more: the kernel then says MSG_CTRUNC, and installs no others.
struct ControlArea {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kPacketDescriptorLimit)> bytes;
};

// Calls until no signal comes between.
template <class Call>
ssize_t without_interruption(Call call) {
  ssize_t result = -1;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

Status write_all(int memory, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = without_interruption([&] { return ::write(memory, text.data(), text.size()); });
    if (written <= 0) return fail_errno(written < 0 ? errno : EIO, "cannot write the payload of a message");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<UniqueFd> payload_memory(std::string_view text) {
  UniqueFd memory(::memfd_create("writ-payload", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory.valid()) return fail_errno(errno, "cannot make memory for the payload of a message");
  WRIT_TRY(write_all(memory.get(), text));
  if (::fcntl(memory.get(), F_ADD_SEALS, kPayloadSeals) != 0)
    return fail_errno(errno, "cannot seal the payload of a message");
  return memory;
}

// Reads exactly `length` bytes, and finds that there are no others. pread only: a map of memory that a stranger made
// is a way to be killed by it. The seals say that the size stays what it is.
Result<JsonObject> read_payload(int memory, std::size_t length) {
  const int seals = ::fcntl(memory, F_GET_SEALS);
  if (seals < 0 || (seals & kPayloadSeals) != kPayloadSeals)
    return fail("the payload of a message is in a descriptor that is no sealed memory");
  const auto text = std::make_unique_for_overwrite<char[]>(length + 1);
  std::size_t have = 0;
  while (have <= length) {
    const ssize_t got = without_interruption(
        [&] { return ::pread(memory, text.get() + have, length + 1 - have, static_cast<off_t>(have)); });
    if (got < 0) return fail_errno(errno, "cannot read the payload of a message");
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  if (have != length) return fail("the payload of a message has another size than its header says");
  return decode_payload({text.get(), length});
}

void add_descriptors(msghdr& packet, ControlArea& control, const std::vector<UniqueFd>& descriptors) {
  if (descriptors.empty()) return;
  const std::size_t size = sizeof(int) * descriptors.size();
  packet.msg_control = control.bytes.data();
  packet.msg_controllen = CMSG_SPACE(size);
  cmsghdr* header = CMSG_FIRSTHDR(&packet);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(size);
  std::array<int, kPacketDescriptorLimit> numbers{};
  std::transform(descriptors.begin(), descriptors.end(), numbers.begin(), [](const UniqueFd& fd) { return fd.get(); });
  std::memcpy(CMSG_DATA(header), numbers.data(), size);
}

Status send_packet(int socket, const MessageHeader& header, std::string_view text,
                   const std::vector<UniqueFd>& descriptors, SendWait wait) {
  auto head = encode_header(header);
  std::array<iovec, 2> parts = {{{head.data(), head.size()}, {const_cast<char*>(text.data()), text.size()}}};
  ControlArea control{};
  msghdr packet{};
  packet.msg_iov = parts.data();
  packet.msg_iovlen = parts.size();
  add_descriptors(packet, control, descriptors);
  const int flags = MSG_NOSIGNAL | (wait == SendWait::kNever ? MSG_DONTWAIT : 0);
  if (without_interruption([&] { return ::sendmsg(socket, &packet, flags); }) < 0)
    return fail_errno(errno, "cannot send a message");
  return {};
}

// A packet as it came; its bytes are in the buffer.
struct Packet {
  std::size_t size = 0;
  int flags = 0;
  std::vector<UniqueFd> descriptors;
  bool has_other_control = false;  // control data that are no descriptors
};

// Takes ownership of every descriptor before anything is judged, so that none is left open whatever is wrong.
void take_control(msghdr& message, Packet& packet) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
      packet.has_other_control = true;
      continue;
    }
    for (std::size_t at = 0; CMSG_LEN(at + sizeof(int)) <= header->cmsg_len; at += sizeof(int)) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(header) + at, sizeof number);
      packet.descriptors.emplace_back(number);
    }
  }
}

Result<Packet> receive_packet(int socket, std::uint8_t* buffer) {
  iovec part = {buffer, kMessageLimit};
  ControlArea control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  // Without the padding behind them, where the kernel would find room for one more.
  message.msg_controllen = CMSG_LEN(sizeof(int) * kPacketDescriptorLimit);
  ssize_t got = -1;
  do {
    got = without_interruption([&] { return ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC); });
    // Said once where the other end closed without having read everything. What it sent before is still here.
  } while (got < 0 && errno == ECONNRESET);
  if (got < 0) return fail_errno(errno, "cannot receive a message");
  Packet packet;
  packet.size = static_cast<std::size_t>(got);
  packet.flags = message.msg_flags & (MSG_TRUNC | MSG_CTRUNC);  // the kernel also gives back MSG_CMSG_CLOEXEC
  take_control(message, packet);
  return packet;
}

bool is_end(const Packet& packet) {
  return packet.size == 0 && packet.flags == 0 && packet.descriptors.empty() && !packet.has_other_control;
}

Status check_whole(const Packet& packet) {
  if ((packet.flags & MSG_TRUNC) != 0) return fail("a packet is longer than 65536 bytes");
  if ((packet.flags & MSG_CTRUNC) != 0)
    return fail("a message has more descriptors than it may have, or than can be open here");
  if (packet.has_other_control) return fail("a message has control data that are no descriptors");
  return {};
}

Result<JsonObject> payload_of(const MessageHeader& header, std::string_view rest, std::vector<UniqueFd>& descriptors) {
  if (header.place == PayloadPlace::kInPacket) return decode_payload(rest);
  const UniqueFd memory = std::move(descriptors.front());
  descriptors.erase(descriptors.begin());
  return read_payload(memory.get(), header.length);
}

}  // namespace

Result<std::pair<UniqueFd, UniqueFd>> MessageChannel::pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail_errno(errno, "cannot make a broker socket");
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

namespace {

// Of the packet that comes, one for each thread: nothing of a packet is left in it once it was received, and a broker
// with a thousand connections has not a thousand of them.
std::uint8_t* packet_buffer() {
  thread_local const std::unique_ptr<std::uint8_t[]> buffer =
      std::make_unique_for_overwrite<std::uint8_t[]>(kMessageLimit);
  return buffer.get();
}

}  // namespace

Status MessageChannel::send(Message message, SendWait wait) const {
  const std::string text = JsonValue(std::move(message.payload)).to_text();
  if (text.size() > kPayloadLimit || !check_payload_bounds(text))
    return fail_errno(EMSGSIZE, "the payload of a message is above the limits");
  MessageHeader header = {message.type, PayloadPlace::kInPacket, 0, static_cast<std::uint32_t>(text.size()),
                          message.id};
  std::string_view rest = text;
  if (text.size() > kMessageLimit - kHeaderSize) {
    WRIT_ASSIGN(UniqueFd memory, payload_memory(text));
    message.descriptors.insert(message.descriptors.begin(), std::move(memory));
    header.place = PayloadPlace::kInDescriptor;
    rest = {};
  }
  const bool is_request = message.type == MessageType::kRequest;
  if (message.descriptors.size() > (is_request ? kPacketDescriptorLimit : kDescriptorLimit))
    return fail_errno(EMSGSIZE, "a message has too many descriptors");
  header.descriptors = static_cast<std::uint16_t>(message.descriptors.size());
  return send_packet(socket_.get(), header, rest, message.descriptors, wait);
}

Result<std::optional<Message>> MessageChannel::receive() {
  if (broken_) return fail("the connection is broken: a message was refused");
  Result<std::optional<Message>> received = receive_message();
  broken_ = !received && received.error().system_errno != EAGAIN;
  return received;
}

Result<std::optional<Message>> MessageChannel::receive_message() {
  std::uint8_t* const buffer = packet_buffer();
  WRIT_ASSIGN(Packet packet, receive_packet(socket_.get(), buffer));
  if (is_end(packet)) return std::nullopt;
  WRIT_TRY(check_whole(packet));
  WRIT_ASSIGN(const MessageHeader header, decode_header({buffer, packet.size}, requests_));
  if (header.descriptors != packet.descriptors.size())
    return fail("a message says that it has another number of descriptors than it has");
  const std::string_view rest(reinterpret_cast<const char*>(buffer) + kHeaderSize, packet.size - kHeaderSize);
  WRIT_ASSIGN(JsonObject payload, payload_of(header, rest, packet.descriptors));
  return Message{header.type, header.id, std::move(payload), std::move(packet.descriptors)};
}

}  // namespace writ
