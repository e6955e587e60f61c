#include "broker/network/address_rules.h"

#include <algorithm>
#include <cstdint>
#include <variant>

#include "broker/network/socket_address.h"
#include "broker/policy/ip_address.h"

namespace writ {
namespace {

constexpr std::string_view kLocalHost = "localhost";
constexpr std::string_view kNoRule = "no rule allows it";
constexpr std::string_view kNoRuleButNames = "no rule allows it; rules that name hosts are not in force yet";

// localhost stands for these two; 127.0.0.53 and its like are named by number.
bool is_local_host(const IpAddress& address) {
  return address == *parse_ipv4("127.0.0.1") || address == *parse_ipv6("::1");
}

Address request_for(const IpAddress& address, std::uint16_t port) {
  return {is_local_host(address) ? std::string(kLocalHost) : std::string(), address, port};
}

const AddressPattern* pattern_of(const Decision& decision) {
  return decision.rule == nullptr ? nullptr : std::get_if<AddressPattern>(&decision.rule->resource);
}

// A block all of whose addresses are loopback: 8 bits of IPv4, or ::1 itself.
bool lies_in_loopback(const AddressPattern& pattern) {
  if (!pattern.network || !is_loopback(*pattern.network)) return false;
  return pattern.prefix_length >= (is_ipv4(*pattern.network) ? kMappedPrefixBits + 8 : kAddressBits);
}

bool names_loopback(const Decision& decision) {
  const AddressPattern* pattern = pattern_of(decision);
  return pattern != nullptr && (pattern->host == kLocalHost || lies_in_loopback(*pattern));
}

// Names are not looked up, so rules about them give nothing and ask nothing.
template <class Counts>
bool has_rule(const Profile& profile, Counts counts) {
  if (profile.network != NetworkMode::kNone) return false;
  return std::any_of(profile.rules.begin(), profile.rules.end(), [&](const Rule& rule) {
    const auto* pattern = std::get_if<AddressPattern>(&rule.resource);
    return pattern != nullptr && !pattern->needs_lookup() && counts(rule.effect);
  });
}

}  // namespace

AddressRules::AddressRules(const Profile& profile)
    : policy_(AccessPolicy::compile(profile)), sources_(profile.sources), nothing_(kNoRule) {
  for (const Rule& rule : profile.rules) {
    const auto* pattern = std::get_if<AddressPattern>(&rule.resource);
    if (pattern == nullptr) continue;
    if (pattern->needs_lookup()) nothing_ = kNoRuleButNames;
    if (rule.effect == Effect::kAllow) written_.insert(rule.text());
  }
}

std::string AddressRules::because(const Decision& decision) const {
  if (decision.rule == nullptr) return nothing_;
  const std::string& reason = decision.rule->reason;
  return decision.rule->text() + (reason.empty() ? "" : ": " + reason);
}

AddressVerdict AddressRules::on_host(const Decision& decision) const {
  if (decision.rule == nullptr) return AddressVerdict::kDenied;
  if (decision.effect == Effect::kAsk) return AddressVerdict::kAsk;
  const bool written = decision.effect == Effect::kAllow && written_.contains(decision.rule->text());
  return written ? AddressVerdict::kHost : AddressVerdict::kDenied;
}

AddressDecision AddressRules::answer(AddressVerdict verdict, const Decision& decision) const {
  AddressDecision answer{verdict, because(decision), {}};
  if (verdict != AddressVerdict::kAsk) return answer;
  const Rule& rule = *decision.rule;
  answer.rule = {rule.text(), origin_text(rule.origin, sources_), rule.reason};
  return answer;
}

AddressDecision AddressRules::decide_connect(const IpAddress& address, std::uint16_t port) const {
  const Decision decision = policy_.decide_address({Right::kConnect}, request_for(address, port));
  const AddressVerdict verdict = on_host(decision);
  if (!is_loopback(address)) return answer(verdict, decision);
  const bool host = verdict != AddressVerdict::kDenied && names_loopback(decision);
  return answer(host ? verdict : AddressVerdict::kOwn, decision);
}

AddressDecision AddressRules::decide_bind(const IpAddress& address, std::uint16_t port) const {
  // Port 0 lets the kernel choose; no rule can name what it chooses.
  if (port == 0) return {AddressVerdict::kOwn, nothing_, {}};
  const Decision decision = policy_.decide_address({Right::kBind}, request_for(address, port));
  const AddressVerdict verdict = on_host(decision);
  return answer(verdict == AddressVerdict::kDenied ? AddressVerdict::kOwn : verdict, decision);
}

bool has_address_grants(const Profile& profile) {
  return has_rule(profile, [](Effect effect) { return effect != Effect::kDeny; });
}

bool has_address_questions(const Profile& profile) {
  return has_rule(profile, [](Effect effect) { return effect == Effect::kAsk; });
}

}  // namespace writ
