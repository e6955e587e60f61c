#include "broker/network/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#include "broker/policy/ip_address.h"

namespace writ {
namespace {

constexpr std::size_t kShortestIpv6 = 24;  // SIN6_LEN_RFC2133 of net/ipv6.h: without the scope
constexpr IpAddress kLoopback6 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
constexpr IpAddress kLoopback4 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127, 0, 0, 1};
constexpr IpAddress kUnspecified4 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0};
constexpr std::size_t kIpv4Offset = 12;

// The structures are copied out of the storage: it has the bytes, not objects of these types.
template <class T>
T copied(const sockaddr_storage& bytes) {
  T typed{};
  std::memcpy(&typed, &bytes, sizeof typed);
  return typed;
}

void read_ipv4(SocketAddress& parsed) {
  if (parsed.length < sizeof(sockaddr_in)) return;
  const auto typed = copied<sockaddr_in>(parsed.bytes);
  parsed.kind = AddressKind::kInternet;
  parsed.address = kUnspecified4;
  std::memcpy(parsed.address.data() + kIpv4Offset, &typed.sin_addr, sizeof typed.sin_addr);
  parsed.port = ntohs(typed.sin_port);
}

void read_ipv6(SocketAddress& parsed) {
  if (parsed.length < kShortestIpv6) return;
  // The storage behind a short address is zero, and so is the scope then.
  const auto typed = copied<sockaddr_in6>(parsed.bytes);
  parsed.kind = AddressKind::kInternet;
  std::memcpy(parsed.address.data(), &typed.sin6_addr, parsed.address.size());
  parsed.port = ntohs(typed.sin6_port);
  parsed.scope = typed.sin6_scope_id;
}

}  // namespace

SocketAddress parse_socket_address(std::span<const std::byte> bytes) {
  assert(bytes.size() <= kLongestSocketAddress);
  SocketAddress parsed;
  parsed.kind = AddressKind::kMalformed;
  parsed.length = static_cast<socklen_t>(std::min(bytes.size(), kLongestSocketAddress));
  std::memcpy(&parsed.bytes, bytes.data(), parsed.length);
  if (parsed.length < sizeof(sa_family_t)) return parsed;
  parsed.family = parsed.bytes.ss_family;
  if (parsed.family == AF_INET)
    read_ipv4(parsed);
  else if (parsed.family == AF_INET6)
    read_ipv6(parsed);
  else
    parsed.kind = parsed.family == AF_UNSPEC ? AddressKind::kNone : AddressKind::kOther;
  return parsed;
}

IpAddress as_destination(const IpAddress& address) {
  if (address == kUnspecified4) return kLoopback4;
  return address == IpAddress{} ? kLoopback6 : address;
}

bool is_ipv4(const IpAddress& address) { return masked(address, kMappedPrefixBits) == kUnspecified4; }

bool is_loopback(const IpAddress& address) {
  return address == kLoopback6 || (is_ipv4(address) && address[kIpv4Offset] == kLoopback4[kIpv4Offset]);
}

socklen_t write_socket_address(int domain, const SocketAddress& address, sockaddr_storage& into) {
  into = {};
  if (domain == AF_INET && is_ipv4(address.address)) {
    sockaddr_in typed{};
    typed.sin_family = AF_INET;
    typed.sin_port = htons(address.port);
    std::memcpy(&typed.sin_addr, address.address.data() + kIpv4Offset, sizeof typed.sin_addr);
    std::memcpy(&into, &typed, sizeof typed);
    return sizeof typed;
  }
  if (domain != AF_INET6) return 0;
  sockaddr_in6 typed{};
  typed.sin6_family = AF_INET6;
  typed.sin6_port = htons(address.port);
  typed.sin6_scope_id = address.scope;
  std::memcpy(&typed.sin6_addr, address.address.data(), address.address.size());
  std::memcpy(&into, &typed, sizeof typed);
  return sizeof typed;
}

std::string address_text(const IpAddress& address, std::uint16_t port) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const std::string suffix = ":" + std::to_string(port);
  if (is_ipv4(address)) {
    ::inet_ntop(AF_INET, address.data() + kIpv4Offset, text.data(), text.size());
    return text.data() + suffix;
  }
  ::inet_ntop(AF_INET6, address.data(), text.data(), text.size());
  return "[" + std::string(text.data()) + "]" + suffix;
}

}  // namespace writ
