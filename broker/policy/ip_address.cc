#include "broker/policy/ip_address.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "broker/policy/profile_values.h"

namespace writ {
namespace {

constexpr std::size_t kLongestHostName = 253;
constexpr std::size_t kGroupCount = 8;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<std::uint8_t> parse_octet(std::string_view text) {
  if (text.empty() || text.size() > 3 || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;  // octal to some
  unsigned value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  if (value > 255) return std::nullopt;
  return static_cast<std::uint8_t>(value);
}

// The groups between colons of one side of "::", as 16-bit numbers. False: not of that form.
bool parse_groups(std::string_view text, std::vector<std::uint16_t>& groups) {
  if (text.empty()) return true;
  const std::vector<std::string_view> parts = split(text, ':');
  for (const std::string_view& part : parts) {
    if (part.find('.') != std::string_view::npos) {  // only as the last part: ::ffff:192.0.2.1
      const std::optional<IpAddress> mapped = parse_ipv4(part);
      if (!mapped || &part != &parts.back()) return false;
      groups.push_back(static_cast<std::uint16_t>((*mapped)[12] << 8 | (*mapped)[13]));
      groups.push_back(static_cast<std::uint16_t>((*mapped)[14] << 8 | (*mapped)[15]));
      continue;
    }
    std::uint16_t value = 0;
    const auto [end, code] = std::from_chars(part.data(), part.data() + part.size(), value, 16);
    if (part.empty() || part.size() > 4 || code != std::errc{} || end != part.data() + part.size()) return false;
    groups.push_back(value);
  }
  return true;
}

IpAddress mapped(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, a, b, c, d};
}

struct Block {
  IpAddress network;
  std::uint8_t prefix_length;
};

const std::array<Block, 8>& metadata_blocks() {
  static const std::array<Block, 8> kBlocks = {{
      {mapped(169, 254, 0, 0), kMappedPrefixBits + 16},  // IPv4 link-local, RFC 3927; AWS, Azure, GCP, …
      {mapped(100, 100, 100, 200), kAddressBits},        // Alibaba Cloud
      {mapped(168, 63, 129, 16), kAddressBits},          // Azure
      {mapped(192, 0, 0, 192), kAddressBits},            // Oracle Cloud
      {{0xFE, 0x80}, 10},                                // IPv6 link-local
      {*parse_ipv6("fd00:ec2::254"), kAddressBits},      // AWS
      {*parse_ipv6("fd20:ce::254"), kAddressBits},       // GCP
      {*parse_ipv6("fd00:42::42"), kAddressBits},        // Scaleway
  }};
  return kBlocks;
}

constexpr std::array<std::string_view, 4> kMetadataNames = {"metadata.google.internal", "metadata", "instance-data",
                                                            "metadata.tencentyun.com"};

bool is_in(const IpAddress& address, const Block& block) {
  return masked(address, block.prefix_length) == block.network;
}

// An IPv6 prefix behind which an IPv4 address is carried, and at which byte.
struct Translator {
  Block block;
  std::size_t offset;
};

const std::array<Translator, 3>& translators() {
  static const std::array<Translator, 3> kTranslators = {{
      {{*parse_ipv6("64:ff9b::"), 96}, 12},  // NAT64, RFC 6052
      {{*parse_ipv6("2002::"), 16}, 2},      // 6to4, RFC 3056
      {{IpAddress{}, 96}, 12},               // IPv4-compatible, RFC 4291, 2.5.5.1
  }};
  return kTranslators;
}

// WHATWG URL, "ends in a number": what resolvers and inet_aton(3) would take for an address.
bool is_numeric_label(std::string_view label) {
  return label.starts_with("0x") || std::all_of(label.begin(), label.end(), is_digit);
}

}  // namespace

std::optional<IpAddress> parse_ipv4(std::string_view text) {
  const std::vector<std::string_view> parts = split(text, '.');
  if (parts.size() != 4) return std::nullopt;
  std::array<std::uint8_t, 4> octets{};
  for (std::size_t i = 0; i < octets.size(); ++i) {
    const std::optional<std::uint8_t> octet = parse_octet(parts[i]);
    if (!octet) return std::nullopt;
    octets[i] = *octet;
  }
  return mapped(octets[0], octets[1], octets[2], octets[3]);
}

std::optional<IpAddress> parse_ipv6(std::string_view text) {
  const std::size_t gap = text.find("::");
  std::vector<std::uint16_t> front;
  std::vector<std::uint16_t> back;
  if (text.empty() || !parse_groups(text.substr(0, gap), front)) return std::nullopt;
  if (gap != std::string_view::npos && !parse_groups(text.substr(gap + 2), back)) return std::nullopt;
  const std::size_t count = front.size() + back.size();
  const bool complete = gap == std::string_view::npos ? count == kGroupCount : count < kGroupCount;
  if (!complete) return std::nullopt;
  front.resize(kGroupCount - back.size());
  front.insert(front.end(), back.begin(), back.end());
  IpAddress address{};
  for (std::size_t i = 0; i < kGroupCount; ++i) {
    address[2 * i] = static_cast<std::uint8_t>(front[i] >> 8);
    address[2 * i + 1] = static_cast<std::uint8_t>(front[i] & 0xFF);
  }
  return address;
}

IpAddress masked(IpAddress address, std::uint8_t prefix_length) {
  for (std::size_t i = 0; i < address.size(); ++i) {
    const int kept = std::clamp(static_cast<int>(prefix_length) - static_cast<int>(8 * i), 0, 8);
    address[i] = static_cast<std::uint8_t>(address[i] & (0xFF00u >> static_cast<unsigned>(kept)));
  }
  return address;
}

IpAddress unwrapped(const IpAddress& address) {
  for (const Translator& translator : translators()) {
    if (!is_in(address, translator.block)) continue;
    const auto* carried = address.data() + translator.offset;
    return mapped(carried[0], carried[1], carried[2], carried[3]);
  }
  return address;
}

bool is_metadata_address(const IpAddress& address) {
  const IpAddress inner = unwrapped(address);
  return std::any_of(metadata_blocks().begin(), metadata_blocks().end(),
                     [&](const Block& block) { return is_in(address, block) || is_in(inner, block); });
}

bool is_metadata_name(std::string_view host) {
  return std::find(kMetadataNames.begin(), kMetadataNames.end(), host) != kMetadataNames.end();
}

bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > kLongestHostName) return false;
  const std::vector<std::string_view> labels = split(host, '.');
  const auto is_label = [](std::string_view label) {
    return is_hostname(label) && std::none_of(label.begin(), label.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  };
  return std::all_of(labels.begin(), labels.end(), is_label) && !is_numeric_label(labels.back());
}

}  // namespace writ
