// SocketAddress: the address that a trapped call points to, from the bytes that were copied out of the caller. Pure.
#ifndef WRIT_BROKER_NETWORK_SOCKET_ADDRESS_H_
#define WRIT_BROKER_NETWORK_SOCKET_ADDRESS_H_

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "broker/policy/rule.h"

namespace writ {

// sizeof(struct sockaddr_storage): the kernel takes no longer address (net/socket.c, move_addr_to_kernel).
inline constexpr std::size_t kLongestSocketAddress = sizeof(sockaddr_storage);

enum class AddressKind : std::uint8_t {
  kNone,       // AF_UNSPEC: takes the peer away from a socket
  kInternet,   // AF_INET, AF_INET6
  kOther,      // AF_UNIX, AF_NETLINK, …
  kMalformed,  // shorter than its family needs: no destination; what the kernel says to it is the kernel's business
};

struct SocketAddress {
  AddressKind kind = AddressKind::kOther;
  sa_family_t family = AF_UNSPEC;
  IpAddress address{};  // of kInternet; IPv4 in its mapped form
  std::uint16_t port = 0;
  std::uint32_t scope = 0;  // the interface of a link-local IPv6 address, as the caller numbered it
  // What was copied, for calls on sockets of the sandbox's own network.
  sockaddr_storage bytes{};
  socklen_t length = 0;
};

// Reads an address of at most kLongestSocketAddress bytes. IPv4 needs 16 of them, IPv6 24 (RFC 2133).
[[nodiscard]] SocketAddress parse_socket_address(std::span<const std::byte> bytes);

// The same destination as the kernel understands it: the unspecified address (0.0.0.0, ::, ::ffff:0.0.0.0) means the
// loopback address to connect(2).
[[nodiscard]] IpAddress as_destination(const IpAddress& address);

[[nodiscard]] bool is_ipv4(const IpAddress& address);      // IPv4-mapped
[[nodiscard]] bool is_loopback(const IpAddress& address);  // 127.0.0.0/8, ::1

// Makes the kernel's form of `address` for a socket of `domain` (AF_INET, AF_INET6). Returns its length, 0 where the
// domain cannot have it.
[[nodiscard]] socklen_t write_socket_address(int domain, const SocketAddress& address, sockaddr_storage& into);

// "192.0.2.1:80", "[2001:db8::1]:80"; for people and reports.
[[nodiscard]] std::string address_text(const IpAddress& address, std::uint16_t port);

}  // namespace writ

#endif  // WRIT_BROKER_NETWORK_SOCKET_ADDRESS_H_
