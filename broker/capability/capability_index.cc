#include "broker/capability/capability_index.h"

#include <algorithm>
#include <array>
#include <utility>

#include "broker/capability/capability_match.h"

namespace writ {
namespace {

bool is_usable(const Capability& capability) {
  return capability.status == CapabilityStatus::kActive && capability.uses_remaining != std::uint64_t{0};
}

bool has_expired(const Capability& capability, std::int64_t now) {
  return capability.expires_at && now >= *capability.expires_at;
}

// Of two that allow, the one that costs less: unlimited before counted, then the one that ends first.
bool is_preferred(const Capability& a, const Capability& b) {
  if (a.uses_remaining.has_value() != b.uses_remaining.has_value()) return !a.uses_remaining.has_value();
  if (a.uses_remaining && a.expires_at != b.expires_at)
    return a.expires_at.value_or(INT64_MAX) < b.expires_at.value_or(INT64_MAX);
  return a.id < b.id;
}

// Keeps the best capability for each opinion that may decide.
class Deliberation {
 public:
  void add(const Capability& capability, const CapabilityOpinion& opinion) {
    const Capability*& best = opinion.resolves_ask ? approval_ : best_[static_cast<std::size_t>(opinion.effect)];
    if (best == nullptr || is_preferred(capability, *best)) best = &capability;
  }

  struct Outcome {
    Effect effect = Effect::kDeny;
    DecisionReason reason = DecisionReason::kNothing;
    const Capability* selected = nullptr;
  };

  [[nodiscard]] Outcome outcome() const {
    const auto [allow, ask, deny] = best_;
    if (deny != nullptr) return {Effect::kDeny, DecisionReason::kDenied, deny};
    if (ask != nullptr && approval_ == nullptr) return {Effect::kAsk, DecisionReason::kAsk, ask};
    if (ask != nullptr) return {Effect::kAllow, DecisionReason::kApproved, approval_};
    if (allow != nullptr) return {Effect::kAllow, DecisionReason::kAllowed, allow};
    if (approval_ != nullptr) return {Effect::kAllow, DecisionReason::kAllowed, approval_};
    return {};
  }

 private:
  std::array<const Capability*, 3> best_{};  // by Effect
  const Capability* approval_ = nullptr;
};

// The same, with a list of all that was considered.
class ListedDeliberation : public Deliberation {
 public:
  void add(const Capability& capability, const CapabilityOpinion& opinion) {
    matched_.push_back(
        {capability.id, CapabilityStanding::kCounts, opinion.effect, opinion.rule == nullptr ? "" : opinion.rule->id});
    Deliberation::add(capability, opinion);
  }

  CapabilityDecision decide() {
    const Outcome decided = outcome();
    CapabilityDecision decision{decided.effect, decided.reason, std::move(matched_)};
    if (decided.selected == nullptr) return decision;
    decision.selected = decided.selected->id;
    if (decided.effect == Effect::kAllow && decided.selected->uses_remaining) decision.consumes = decided.selected->id;
    return decision;
  }

 private:
  std::vector<ConsideredCapability> matched_;
};

}  // namespace

void CapabilityIndex::list(Capability& capability) { usable_[capability.subject.text()].push_back(&capability); }

void CapabilityIndex::unlist(const Capability& capability) {
  const auto found = usable_.find(capability.subject.text());
  if (found == usable_.end()) return;
  std::vector<Capability*>& listed = found->second;
  // What ends is mostly what came last.
  const auto place = std::find(listed.rbegin(), listed.rend(), &capability);
  if (place != listed.rend()) listed.erase(std::next(place).base());
  if (listed.empty()) usable_.erase(found);
}

void CapabilityIndex::put(Capability capability) {
  const auto found = by_id_.find(capability.id);
  if (found != by_id_.end()) {
    unlist(found->second);
    found->second = std::move(capability);
    if (is_usable(found->second)) list(found->second);
    return;
  }
  const CapabilityId id = capability.id;
  Capability& put = by_id_.emplace(id, std::move(capability)).first->second;
  if (is_usable(put)) list(put);
}

const Capability* CapabilityIndex::find(const CapabilityId& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &found->second;
}

void CapabilityIndex::set_status(const CapabilityId& id, CapabilityStatus status) {
  Capability& capability = at(id);
  unlist(capability);
  capability.status = status;
  if (is_usable(capability)) list(capability);
}

void CapabilityIndex::take_use(const CapabilityId& id) {
  Capability& capability = at(id);
  if (--*capability.uses_remaining == 0) unlist(capability);
}

void CapabilityIndex::return_use(const CapabilityId& id) {
  Capability& capability = at(id);
  const bool was_listed = is_usable(capability);
  ++*capability.uses_remaining;
  if (!was_listed && is_usable(capability)) list(capability);
}

CapabilityStanding CapabilityIndex::standing(const Capability& capability, std::int64_t now) const {
  if (capability.status != CapabilityStatus::kActive) return CapabilityStanding::kRevoked;
  if (has_expired(capability, now)) return CapabilityStanding::kExpired;
  if (capability.uses_remaining == std::uint64_t{0}) return CapabilityStanding::kUsedUp;
  const Capability* current = &capability;
  // A chain is as long as a delegation may be deep, also where a stored one runs in a circle.
  for (std::uint32_t depth = 0; current->parent; ++depth) {
    current = find(*current->parent);
    if (current == nullptr || depth > kLargestDelegationDepth || current->status != CapabilityStatus::kActive ||
        has_expired(*current, now))
      return CapabilityStanding::kParentEnded;
  }
  return CapabilityStanding::kCounts;
}

void CapabilityIndex::finish(CapabilityDecision& decision) const {
  if (!decision.selected) return;
  const Capability* current = find(*decision.selected);
  while (current != nullptr && decision.chain.size() <= kLargestDelegationDepth) {
    decision.chain.push_back(current->id);
    current = current->parent ? find(*current->parent) : nullptr;
  }
}

template <class Deliberation>
void CapabilityIndex::consult(const CapabilityRequest& request, std::int64_t now, const Capability* reserved,
                              Deliberation& deliberation) const {
  if (request.resource.scope() != ResourceScope::kExact) return;  // a set could be denied in part only
  const auto consider = [&](const Capability& capability) {
    const CapabilityOpinion opinion = opinion_of(capability, request);
    if (opinion.standing != CapabilityStanding::kCounts) return;
    const CapabilityStanding alive = standing(capability, now);
    const bool counts =
        alive == CapabilityStanding::kCounts || (&capability == reserved && alive == CapabilityStanding::kUsedUp);
    if (counts) deliberation.add(capability, opinion);
  };
  if (const auto found = usable_.find(request.subject.text()); found != usable_.end())
    for (const Capability* capability : found->second) consider(*capability);
  if (reserved != nullptr && !is_usable(*reserved)) consider(*reserved);
}

CapabilityDecision CapabilityIndex::decide(const CapabilityRequest& request, std::int64_t now,
                                           const Capability* reserved) const {
  ListedDeliberation deliberation;
  consult(request, now, reserved, deliberation);
  CapabilityDecision decision = deliberation.decide();
  finish(decision);
  return decision;
}

bool CapabilityIndex::allows(const CapabilityRequest& request, std::int64_t now, const Capability* reserved) const {
  Deliberation deliberation;
  consult(request, now, reserved, deliberation);
  return deliberation.outcome().effect == Effect::kAllow;
}

CapabilityExplanation CapabilityIndex::explain(const CapabilityRequest& request, std::int64_t now) const {
  CapabilityExplanation explanation{decide(request, now)};
  for_each([&](const Capability& capability) {
    if (!(capability.subject == request.subject)) return;
    const CapabilityOpinion opinion = opinion_of(capability, request);
    if (opinion.standing == CapabilityStanding::kOtherRight || opinion.standing == CapabilityStanding::kOtherResource)
      return;
    const CapabilityStanding alive = standing(capability, now);
    const CapabilityStanding why = alive == CapabilityStanding::kCounts ? opinion.standing : alive;
    if (why != CapabilityStanding::kCounts) explanation.passed_over.push_back({capability.id, why, capability.effect});
  });
  std::sort(explanation.passed_over.begin(), explanation.passed_over.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return explanation;
}

void CapabilityIndex::for_each_usable(const Subject& subject, const std::function<void(const Capability&)>& see) const {
  const auto found = usable_.find(subject.text());
  if (found == usable_.end()) return;
  for (const Capability* capability : found->second) see(*capability);
}

void CapabilityIndex::for_each(const std::function<void(const Capability&)>& see) const {
  for (const auto& [id, capability] : by_id_) see(capability);
}

void CapabilityIndex::clear() {
  usable_.clear();
  by_id_.clear();
}

}  // namespace writ
