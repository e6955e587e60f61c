// Rule: one sentence of a policy: an effect, some rights, a resource, and why. Plain data; pure; any thread.
//
// Precedence over all rules that match a request: deny > ask > allow > nothing, which is deny. Neither the order of the
// rules nor how exact they are matters.
#ifndef WRIT_BROKER_POLICY_RULE_H_
#define WRIT_BROKER_POLICY_RULE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "broker/base/error.h"
#include "broker/policy/rights.h"

namespace writ {

// From the weakest to the strongest: of two effects on one request the larger one counts.
enum class Effect : std::uint8_t { kAllow, kAsk, kDeny };
inline constexpr std::array<std::string_view, 3> kEffectNames = {"allow", "ask", "deny"};
[[nodiscard]] constexpr std::string_view effect_name(Effect effect) {
  return kEffectNames[static_cast<std::size_t>(effect)];
}

// Where a rule was written. `source` counts the entries of Profile::sources; line 0: not in a file (built in, or given
// on the command line). Lines and columns count from 1.
struct RuleOrigin {
  std::uint16_t source = 0;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

// "FILE:LINE" with the names of Profile::sources; empty for what is not in a file.
[[nodiscard]] std::string origin_text(const RuleOrigin& origin, std::span<const std::string> sources);

enum class PathScope : std::uint8_t {
  kExact,    // this object
  kSubtree,  // this directory and everything beneath it: written with a terminal "/*"
};

// Which paths a rule is about. `path` is absolute and lexically normal; "/" only as a subtree of an administrator's
// ceiling.
struct PathPattern {
  std::string path;
  PathScope scope = PathScope::kExact;

  // Parses "/a/b" or "/a/b/*" after variables were expanded. Errors: a bare "*", a "*" anywhere but as the whole last
  // segment ("src*", "/a/*/b"), and what normalize_absolute_path() refuses.
  [[nodiscard]] static Result<PathPattern> parse(std::string_view text);
  [[nodiscard]] bool matches(std::string_view other) const;
  [[nodiscard]] std::string text() const;  // as it is written
};

// An IPv4 or IPv6 address; IPv4 as its IPv4-mapped IPv6 form (RFC 4291, 2.5.5.2).
using IpAddress = std::array<std::uint8_t, 16>;

// Which addresses a rule is about: an address or CIDR block, or a name; and a port or any.
struct AddressPattern {
  std::string host;                   // as written, lower case: "10.0.0.0/8", "localhost", "example.org", "*"
  std::optional<IpAddress> network;   // for an address or block
  std::uint8_t prefix_length = 0;     // of `network`, 0..128
  std::optional<std::uint16_t> port;  // none: every port, written "*"

  // Parses "HOST:PORT": HOST is an IPv4 address, one with /LENGTH, [IPv6] or [IPv6/LENGTH], a host name (RFC 1123
  // labels; no trailing dot, no numeric spellings of addresses such as 0x7f.1 or 2130706433), or "*" for every address;
  // PORT is 1..65535 or "*". Errors: a missing port, anything else. "*:*" is refused: bare wildcards mean nothing.
  [[nodiscard]] static Result<AddressPattern> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  // True for a name whose addresses somebody would have to look up: neither an address or block, nor "*" or
  // "localhost".
  [[nodiscard]] bool needs_lookup() const;
};

// What a request is about: an address with a port; `host` is the name that the subject used, empty for a bare address.
struct Address {
  std::string host;
  std::optional<IpAddress> address;
  std::uint16_t port = 0;

  // Parses "HOST:PORT" of a command line; HOST as above without wildcards and blocks.
  [[nodiscard]] static Result<Address> parse(std::string_view text);
};

using ResourcePattern = std::variant<PathPattern, AddressPattern>;

struct Rule {
  Effect effect = Effect::kDeny;
  Rights rights;
  ResourcePattern resource;
  std::string reason;  // for the person, the report and the tool; may be empty
  RuleOrigin origin;
  bool optional = false;  // allow: no error when the path does not exist

  [[nodiscard]] std::string text() const;  // "deny read, write /a/b/*"
};

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_RULE_H_
