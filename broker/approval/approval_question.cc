#include "broker/approval/approval_question.h"

#include <functional>
#include <string_view>

#include "broker/policy/ip_address.h"

namespace writ {
namespace {

constexpr std::size_t kMappedBytes = 12;  // of the IPv4-mapped prefix
constexpr std::size_t kBytes = 16;

bool is_ipv4(const IpAddress& address) {
  IpAddress prefix{};
  prefix[kMappedBytes - 2] = prefix[kMappedBytes - 1] = 0xFF;
  return masked(address, kMappedPrefixBits) == prefix;
}

std::string ipv4_text(const IpAddress& address) {
  std::string text;
  for (std::size_t i = kMappedBytes; i < kBytes; ++i)
    text.append(text.empty() ? "" : ".").append(std::to_string(address[i]));
  return text;
}

// Eight groups without "::": longer than need be, and the same for everybody who reads it.
std::string ipv6_text(const IpAddress& address) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < kBytes; i += 2) {
    const unsigned group = static_cast<unsigned>(address[i]) << 8U | address[i + 1];
    if (i > 0) text += ':';
    bool begun = false;
    for (unsigned shift = 16; shift > 0; shift -= 4) {
      const unsigned digit = group >> (shift - 4) & 0xFU;
      begun = begun || digit != 0 || shift == 4;
      if (begun) text += kDigits[digit];
    }
  }
  return "[" + text + "]";
}

std::string address_bytes(const Address& address) {
  std::string host = address.host;
  if (address.address) host = is_ipv4(*address.address) ? ipv4_text(*address.address) : ipv6_text(*address.address);
  return host + ":" + std::to_string(address.port);
}

bool same_object(const ApprovalObject& a, const ApprovalObject& b) {
  if (a.index() != b.index()) return false;
  if (const auto* command = std::get_if<CommandObject>(&a)) {
    const auto& other = std::get<CommandObject>(b);
    return command->program == other.program && command->argv == other.argv;
  }
  if (const auto* address = std::get_if<Address>(&a)) {
    const auto& other = std::get<Address>(b);
    return address->host == other.host && address->address == other.address && address->port == other.port;
  }
  return std::get<PathObject>(a).path == std::get<PathObject>(b).path;
}

}  // namespace

std::string object_bytes(const ApprovalObject& object) {
  if (const auto* path = std::get_if<PathObject>(&object)) return path->path;
  if (const auto* command = std::get_if<CommandObject>(&object)) return command->program;
  return address_bytes(std::get<Address>(object));
}

std::string_view object_kind(const ApprovalObject& object) {
  constexpr std::array<std::string_view, 3> kKinds = {"path", "address", "command"};
  return kKinds[object.index()];
}

OutcomeSet offered_outcomes(const ApprovalQuestion& question) {
  return question.always_rule.empty() ? question.possible.without(ApprovalOutcome::kAllowAlways) : question.possible;
}

bool asks_the_same(const ApprovalQuestion& a, const ApprovalQuestion& b) {
  return a.rights == b.rights && offered_outcomes(a) == offered_outcomes(b) && same_object(a.object, b.object);
}

std::uint64_t object_number(const ApprovalObject& object) {
  const std::hash<std::string_view> hash;
  std::uint64_t number = hash(object_kind(object)) ^ hash(object_bytes(object));
  if (const auto* command = std::get_if<CommandObject>(&object))
    for (const std::string& word : command->argv) number = number * 0x9E3779B97F4A7C15ULL + hash(word);
  return number;
}

}  // namespace writ
