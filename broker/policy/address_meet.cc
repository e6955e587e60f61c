// The part of meet() about addresses: pairwise intersection, with the network that a profile gives as a rule of its
// own.
#include <algorithm>
#include <optional>
#include <string>
#include <variant>

#include "broker/policy/ip_address.h"
#include "broker/policy/meet_parts.h"

namespace writ {
namespace {

const AddressPattern* pattern_of(const PolicyRule& entry) { return std::get_if<AddressPattern>(&entry.rule.resource); }

bool is_exact(const AddressPattern& pattern) { return pattern.network && pattern.prefix_length == kAddressBits; }

bool names_metadata(const AddressPattern& pattern) {
  if (pattern.network) return is_exact(pattern) && is_metadata_address(*pattern.network);
  return is_metadata_name(pattern.host);
}

// The narrower of two hosts of which one contains the other. A name and a block have nothing that can be written down
// in common: whoever needs both names both.
const AddressPattern* narrower_host(const AddressPattern& a, const AddressPattern& b) {
  if (a.host == "*") return &b;
  if (b.host == "*") return &a;
  if (a.network.has_value() != b.network.has_value()) return nullptr;
  if (!a.network) return a.host == b.host ? &a : nullptr;
  const AddressPattern& wide = a.prefix_length <= b.prefix_length ? a : b;
  const AddressPattern& narrow = &wide == &a ? b : a;
  return masked(*narrow.network, wide.prefix_length) == *wide.network ? &narrow : nullptr;
}

std::optional<AddressPattern> intersection(const AddressPattern& a, const AddressPattern& b) {
  const AddressPattern* host = narrower_host(a, b);
  if (host == nullptr || (a.port && b.port && *a.port != *b.port)) return std::nullopt;
  AddressPattern common = *host;
  common.port = a.port ? a.port : b.port;
  // Such an address is given by its very name only, by both sides.
  if (names_metadata(common) && !(names_metadata(a) && names_metadata(b))) return std::nullopt;
  return common;
}

bool same_rule(const Rule& a, const Rule& b) {
  return a.effect == b.effect && a.rights == b.rights && a.text() == b.text();
}

void add_once(std::vector<Rule>& rules, Rule rule) {
  const bool known = std::any_of(rules.begin(), rules.end(), [&](const Rule& other) { return same_rule(other, rule); });
  if (!known) rules.push_back(std::move(rule));
}

void meet_pair(const PolicyRule& a, const PolicyRule& b, std::vector<Rule>& rules) {
  const std::optional<AddressPattern> common = intersection(*pattern_of(a), *pattern_of(b));
  const Rights rights = meet(a.rule.rights, b.rule.rights);
  if (!common || rights.empty()) return;
  const Rule& written = a.kind == RuleKind::kBuiltIn ? b.rule : a.rule;
  add_once(rules, {std::max(a.rule.effect, b.rule.effect), rights, *common, written.reason, written.origin});
}

bool gives(const PolicyRule& entry) { return pattern_of(entry) != nullptr && entry.rule.effect != Effect::kDeny; }

}  // namespace

void meet_addresses(const MeetInput& input, MetProfile& result) {
  std::vector<Rule>& rules = result.profile.rules;
  for (const PolicyRule& a : input.profile.rules) {
    if (!gives(a)) continue;
    const std::size_t before = rules.size();
    bool is_bounded = a.kind == RuleKind::kBuiltIn;
    for (const PolicyRule& b : input.bound.rules) {
      // What both give by themselves, the result gives by itself.
      const bool both_built_in = a.kind == RuleKind::kBuiltIn && b.kind == RuleKind::kBuiltIn;
      if (!gives(b) || both_built_in) continue;
      meet_pair(a, b, rules);
    }
    is_bounded = is_bounded || rules.size() != before;
    if (!is_bounded) result.attenuations.push_back({a.rule.text(), input.bound_name + " does not allow it"});
  }
  for (const MeetSide* side : {&input.profile, &input.bound})
    for (const PolicyRule& entry : side->rules)
      if (pattern_of(entry) != nullptr && entry.rule.effect == Effect::kDeny) add_once(rules, entry.rule);
}

}  // namespace writ
