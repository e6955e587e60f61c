// What the tests of the broker socket share: packets as bytes, sent by hand, and the count of open descriptors.
#ifndef WRIT_TESTS_UNIT_PROTOCOL_SCENE_H_
#define WRIT_TESTS_UNIT_PROTOCOL_SCENE_H_

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/protocol/message.h"
#include "broker/protocol/message_channel.h"

namespace writ {

inline std::size_t open_descriptors() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    (void)entry;
    ++count;
  }
  return count;
}

// A header of which each field can be wrong; written without encode_header(), so that both are tested.
struct RawHeader {
  std::string magic = "WRIT";
  std::uint64_t version = 1;
  std::uint64_t type = 4;
  std::uint64_t id = 1;
  std::uint64_t length = 0;
  std::uint64_t descriptors = 0;
  std::uint64_t flags = 0;

  [[nodiscard]] std::string bytes() const {
    std::string out = magic;
    const auto put = [&out](std::uint64_t value, int size) {
      for (int i = 0; i < size; ++i) out += static_cast<char>((value >> (8 * i)) & 0xFF);
    };
    put(version, 2);
    put(type, 2);
    put(id, 8);
    put(length, 4);
    put(descriptors, 2);
    put(flags, 2);
    return out;
  }
};

inline std::string raw_packet(RawHeader header, std::string_view payload) {
  header.length = payload.size();
  return header.bytes() + std::string(payload);
}

inline std::span<const std::uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline void send_raw(int socket, std::string_view packet, const std::vector<int>& descriptors = {}) {
  iovec part = {const_cast<char*>(packet.data()), packet.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 16)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
    std::memcpy(CMSG_DATA(header), descriptors.data(), sizeof(int) * descriptors.size());
  }
  REQUIRE(::sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(packet.size()));
}

inline UniqueFd memory_with(std::string_view text, int seals) {
  UniqueFd memory(::memfd_create("writ-test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(::write(memory.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  if (seals != 0) REQUIRE(::fcntl(memory.get(), F_ADD_SEALS, seals) == 0);
  return memory;
}

inline constexpr int kAllSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

inline std::pair<UniqueFd, UniqueFd> socket_pair() {
  auto ends = MessageChannel::pair();
  REQUIRE(ends);
  return std::move(*ends);
}

}  // namespace writ

#endif  // WRIT_TESTS_UNIT_PROTOCOL_SCENE_H_
