// AddressPattern and Address of rule.h.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "broker/base/escape.h"
#include "broker/policy/ip_address.h"
#include "broker/policy/profile_values.h"
#include "broker/policy/rule.h"

namespace writ {
namespace {

constexpr std::uint64_t kLargestPort = 65535;

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

tl::unexpected<Error> refuse(std::string_view text, std::string_view reason) {
  return fail("the address " + quote_bytes(text, 300) + " " + std::string(reason));
}

// "HOST:PORT" at its last colon; HOST without the brackets of IPv6.
struct AddressParts {
  std::string_view host;
  std::string_view port;
  bool bracketed = false;
};

Result<AddressParts> split_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const bool in_brackets = colon != std::string_view::npos && text.find(']', colon) != std::string_view::npos;
  if (colon == std::string_view::npos || in_brackets)
    return refuse(text, "has no port: write HOST:PORT, or HOST:* for every port");
  AddressParts parts{text.substr(0, colon), text.substr(colon + 1)};
  if (parts.host.size() >= 2 && parts.host.front() == '[' && parts.host.back() == ']') {
    parts.host = parts.host.substr(1, parts.host.size() - 2);
    parts.bracketed = true;
  } else if (parts.host.find(':') != std::string_view::npos) {
    return refuse(text, "has more than one ':': an IPv6 address stands in brackets, as in [::1]:80");
  }
  if (parts.host.empty()) return refuse(text, "has no host");
  return parts;
}

Result<std::uint16_t> parse_port(std::string_view text, std::string_view port) {
  const Result<std::uint64_t> number = parse_count(port);
  if (!number || *number == 0 || *number > kLargestPort) return refuse(text, "has no port from 1 to 65535");
  return static_cast<std::uint16_t>(*number);
}

// Reads "10.0.0.0/8" or "2001:db8::/32" (without brackets) into `pattern`.
Status parse_block(std::string_view text, const AddressParts& parts, AddressPattern& pattern) {
  const std::size_t slash = parts.host.find('/');
  const std::string_view address = parts.host.substr(0, slash);
  const std::optional<IpAddress> network = parts.bracketed ? parse_ipv6(address) : parse_ipv4(address);
  if (!network)
    return refuse(text, "is not understood: a block is written 10.0.0.0/8 or [2001:db8::/32] without spaces");
  const unsigned skipped = parts.bracketed ? 0 : kMappedPrefixBits;
  unsigned length = kAddressBits;
  if (slash != std::string_view::npos) {
    const Result<std::uint64_t> number = parse_count(parts.host.substr(slash + 1));
    if (!number || *number > kAddressBits - skipped) return refuse(text, "has a block length that does not exist");
    length = skipped + static_cast<unsigned>(*number);
  }
  pattern.prefix_length = static_cast<std::uint8_t>(length);
  if (masked(*network, pattern.prefix_length) != *network)
    return refuse(text, "has bits set beyond the length of its block");
  pattern.network = network;
  return {};
}

// Numeric when it is in brackets, is a block, or reads as IPv4 in the one accepted spelling.
bool is_numeric(const AddressParts& parts) {
  return parts.bracketed || parts.host.find('/') != std::string_view::npos || parse_ipv4(parts.host).has_value();
}

constexpr std::string_view kNoHost =
    "has a host that is neither a name nor an address in its usual spelling (letters, digits, hyphens and inner dots; "
    "127.0.0.1, [::1])";

}  // namespace

Result<AddressPattern> AddressPattern::parse(std::string_view text) {
  WRIT_ASSIGN(const AddressParts parts, split_address(text));
  AddressPattern pattern;
  pattern.host = lower_case(parts.host);
  if (parts.port != "*") {
    WRIT_ASSIGN(pattern.port, parse_port(text, parts.port));
  }
  if (is_numeric(parts)) {
    WRIT_TRY(parse_block(text, parts, pattern));
    return pattern;
  }
  if (pattern.host == "*") {
    if (!pattern.port) return refuse(text, "is a bare wildcard and means nothing: name the host or the port");
    return pattern;
  }
  if (!is_host_name(pattern.host)) return refuse(text, kNoHost);
  return pattern;
}

std::string AddressPattern::text() const {
  const bool bracketed = host.find(':') != std::string::npos;
  std::string text = bracketed ? "[" + host + "]" : host;
  return text.append(":").append(port ? std::to_string(*port) : "*");
}

bool AddressPattern::needs_lookup() const { return !network && host != "*" && host != "localhost"; }

Result<Address> Address::parse(std::string_view text) {
  WRIT_ASSIGN(const AddressParts parts, split_address(text));
  Address address;
  WRIT_ASSIGN(address.port, parse_port(text, parts.port));
  if (is_numeric(parts)) {
    address.address = parts.bracketed ? parse_ipv6(parts.host) : parse_ipv4(parts.host);
    if (!address.address) return refuse(text, kNoHost);
    return address;
  }
  address.host = lower_case(parts.host);
  if (!is_host_name(address.host)) return refuse(text, kNoHost);
  return address;
}

}  // namespace writ
