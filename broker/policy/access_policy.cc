#include "broker/policy/access_policy.h"

#include <array>
#include <cstddef>
#include <utility>

#include "broker/policy/address_index.h"
#include "broker/policy/path_index.h"
#include "broker/policy/policy_rules.h"

namespace writ {
namespace {

// In the order of RuleKind.
constexpr std::array<DecisionCause, 6> kCauses = {DecisionCause::kRule,   DecisionCause::kRule,
                                                  DecisionCause::kRule,   DecisionCause::kSecret,
                                                  DecisionCause::kHidden, DecisionCause::kProtected};

constexpr std::string_view kMetadataReason =
    "link-local addresses and those where clouds hand out credentials must be named exactly";

Rule metadata_rule() {
  return {Effect::kDeny,
          kAddressRights,
          AddressPattern{"*", std::nullopt, 0, std::nullopt},
          std::string(kMetadataReason),
          {}};
}

// The single rights of a request together: the strongest effect, and of two denials the one that can be explained.
void combine(Decision& whole, const Decision& part) {
  const bool explains = part.effect == whole.effect && whole.rule == nullptr;
  if (part.effect > whole.effect || explains) whole = part;
}

}  // namespace

// Rules stand in two lists: `entries` knows what each was made from, `rules` is what callers see.
struct AccessPolicy::Index {
  explicit Index(std::vector<PolicyRule> list)
      : entries(std::move(list)), metadata(metadata_rule()), paths(entries), addresses(entries) {
    rules.reserve(entries.size());
    for (const PolicyRule& entry : entries) rules.push_back(entry.rule);
  }

  [[nodiscard]] Decision decision_of(Effect effect, std::int32_t index) const {
    const auto at = static_cast<std::size_t>(index);
    return {effect, kCauses[static_cast<std::size_t>(entries[at].kind)], &rules[at]};
  }

  [[nodiscard]] Decision decide_right(std::size_t right, const PathFindings& findings) const {
    for (const Effect effect : {Effect::kDeny, Effect::kAsk, Effect::kAllow})
      if (const std::int32_t index = findings.by_effect[static_cast<std::size_t>(effect)][right]; index != kNoRule)
        return decision_of(effect, index);
    if (findings.built_in[right] != kNoRule) return decision_of(Effect::kAllow, findings.built_in[right]);
    if (findings.shield[right] != kNoRule) return decision_of(Effect::kDeny, findings.shield[right]);
    return {};
  }

  [[nodiscard]] Decision decide_right(Right right, const Address& address) const {
    const AddressFindings findings = addresses.find(right, address);
    for (const Effect effect : {Effect::kDeny, Effect::kAsk, Effect::kAllow})
      if (const std::int32_t index = findings.by_effect[static_cast<std::size_t>(effect)]; index >= 0)
        return decision_of(effect, index);
    if (findings.built_in >= 0) return decision_of(Effect::kAllow, findings.built_in);
    if (AddressIndex::needs_naming(address)) return {Effect::kDeny, DecisionCause::kSecret, &metadata};
    return {};
  }

  std::vector<PolicyRule> entries;
  std::vector<Rule> rules;
  Rule metadata;
  PathIndex paths;
  AddressIndex addresses;
};

AccessPolicy::AccessPolicy(std::unique_ptr<Index> index) : index_(std::move(index)) {}
AccessPolicy::AccessPolicy(AccessPolicy&&) noexcept = default;
AccessPolicy& AccessPolicy::operator=(AccessPolicy&&) noexcept = default;
AccessPolicy::~AccessPolicy() = default;

AccessPolicy AccessPolicy::compile(const Profile& profile) {
  return AccessPolicy(std::make_unique<Index>(policy_rules(profile)));
}

Decision AccessPolicy::decide_path(Rights rights, std::string_view path) const {
  if (rights.empty() || !kPathRights.covers(rights)) return {};
  PathFindings findings;
  if (!index_->paths.find(path, rights, findings)) return {};
  Decision whole{Effect::kAllow, DecisionCause::kNothing, nullptr};
  for (std::size_t right = 0; right < kPathRightCount; ++right)
    if (rights.has(static_cast<Right>(right))) combine(whole, index_->decide_right(right, findings));
  return whole;
}

Decision AccessPolicy::decide_address(Rights rights, const Address& address) const {
  if (rights.empty() || !kAddressRights.covers(rights)) return {};
  Decision whole{Effect::kAllow, DecisionCause::kNothing, nullptr};
  for (const Right right : {Right::kConnect, Right::kBind})
    if (rights.has(right)) combine(whole, index_->decide_right(right, address));
  return whole;
}

const std::vector<Rule>& AccessPolicy::rules() const { return index_->rules; }

}  // namespace writ
