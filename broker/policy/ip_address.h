// Numeric addresses as text, read in exactly one spelling. Pure; any thread.
//
// Other programs read 0x7f.1, 2130706433, 0177.0.0.1 and 127.1 as the loopback address. A policy that took one of them
// for a name, or for another number, could be talked past; here they are no addresses and no names.
#ifndef WRIT_BROKER_POLICY_IP_ADDRESS_H_
#define WRIT_BROKER_POLICY_IP_ADDRESS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/policy/rule.h"

namespace writ {

inline constexpr std::uint8_t kAddressBits = 128;
inline constexpr std::uint8_t kMappedPrefixBits = 96;  // of an IPv4 address within its IPv4-mapped form

// Reads "192.0.2.1": four decimal numbers without leading zeros. Returns the IPv4-mapped form.
[[nodiscard]] std::optional<IpAddress> parse_ipv4(std::string_view text);

// Reads the text of RFC 4291, 2.2, without a zone: "2001:db8::1", "::ffff:192.0.2.1".
[[nodiscard]] std::optional<IpAddress> parse_ipv6(std::string_view text);

// Returns `address` with all but the first `prefix_length` bits cleared.
[[nodiscard]] IpAddress masked(IpAddress address, std::uint8_t prefix_length);

// Returns the IPv4 address (mapped) that an IPv6 address carries through a translator: NAT64 (RFC 6052), 6to4
// (RFC 3056), IPv4-compatible; otherwise `address` itself.
[[nodiscard]] IpAddress unwrapped(const IpAddress& address);

// True for link-local addresses and for those where clouds hand out credentials, also behind a translator.
[[nodiscard]] bool is_metadata_address(const IpAddress& address);

// The same for names: "metadata.google.internal".
[[nodiscard]] bool is_metadata_name(std::string_view host);

// True for a host name in lower case: RFC 1123 labels, at most 253 bytes, and nothing that some program would read as a
// number (the last label begins with a digit sequence only, or with 0x).
[[nodiscard]] bool is_host_name(std::string_view host);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_IP_ADDRESS_H_
