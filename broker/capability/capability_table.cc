#include "broker/capability/capability_table.h"

#include <algorithm>
#include <utility>

#include "broker/capability/capability_checks.h"

namespace writ {
namespace {

tl::unexpected<Error> no_such(const CapabilityId& id) { return fail("there is no capability " + id_text(id)); }

void apply_bounds(Capability& capability, const TransferBounds& bounds) {
  capability.expires_at = bounds.expires_at;
  capability.delegation_depth = bounds.delegation_depth;
  capability.max_delegation_depth = bounds.max_delegation_depth;
}

}  // namespace

CapabilityTable::CapabilityTable(RandomSource random, AuthorityObserver* observer, std::string boot)
    : random_(std::move(random)), observer_(observer), clock_(std::move(boot)) {}

Capability CapabilityTable::made(const Subject& issuer, CapabilityDraft draft, std::int64_t now) {
  Capability capability{CapabilityId{random_()}, issuer, std::move(draft.subject), std::move(draft.resource),
                        draft.rights};
  capability.effect = draft.effect;
  capability.constraints = std::move(draft.constraints);
  capability.issued_at = now;
  capability.expires_at = draft.expires_at;
  capability.delegable = draft.delegable;
  capability.revocable = draft.revocable;
  capability.max_delegation_depth = draft.max_delegation_depth;
  capability.uses_remaining = draft.uses;
  capability.metadata = std::move(draft.metadata);
  return capability;
}

Status CapabilityTable::record(const AuthorityEvent& event) {
  if (observer_ == nullptr) return {};
  Status recorded = observer_->record(event);
  if (!recorded) recorded.error().what = "nothing was done, because it cannot be recorded: " + recorded.error().what;
  return recorded;
}

Result<Capability> CapabilityTable::publish(AuthorityEventKind kind, const Actor& actor, Capability capability) {
  WRIT_TRY(record({kind, capability, actor}));
  index_.put(capability);
  return capability;
}

Result<Capability> CapabilityTable::grant(const Actor& actor, CapabilityDraft draft, const AuthorityTime& time) {
  const std::lock_guard lock(mutex_);
  const std::int64_t now = clock_.observe(time);
  WRIT_TRY(check_draft(draft, now));
  if (actor.as == ActingAs::kPerson)
    return publish(AuthorityEventKind::kIssued, actor, made(actor.subject, std::move(draft), now));
  WRIT_ASSIGN(const TransferBounds bounds, check_grant(index_, actor.subject, draft, now));
  Capability capability = made(actor.subject, std::move(draft), now);
  apply_bounds(capability, bounds);
  capability.issuer_capability = bounds.source;
  return publish(AuthorityEventKind::kGranted, actor, std::move(capability));
}

Result<Capability> CapabilityTable::delegate(const Subject& actor, const CapabilityId& parent_id, CapabilityDraft draft,
                                             const AuthorityTime& time) {
  const std::lock_guard lock(mutex_);
  const std::int64_t now = clock_.observe(time);
  WRIT_TRY(check_draft(draft, now));
  const Capability* parent = index_.find(parent_id);
  // Whether somebody else's exists is not said.
  if (parent == nullptr || !(parent->subject == actor))
    return fail(actor.text() + " has no capability " + id_text(parent_id));
  WRIT_ASSIGN(const TransferBounds bounds, check_delegation(index_, actor, *parent, draft, now));
  std::vector<AuthorityRule> rules = parent->constraints.rules;
  rules.insert(rules.end(), draft.constraints.rules.begin(), draft.constraints.rules.end());
  draft.constraints.rules = std::move(rules);
  WRIT_TRY(check_draft(draft, now));  // both together may be too much
  Capability capability = made(actor, std::move(draft), now);
  apply_bounds(capability, bounds);
  capability.parent = bounds.source;
  capability.issuer_capability = bounds.source;
  return publish(AuthorityEventKind::kDelegated, Actor{actor, ActingAs::kSubject}, std::move(capability));
}

Status CapabilityTable::revoke(const Actor& actor, const CapabilityId& id, const AuthorityTime& time,
                               std::string_view reason) {
  const std::lock_guard lock(mutex_);
  const std::int64_t now = clock_.observe(time);
  const Capability* capability = index_.find(id);
  if (capability == nullptr) return no_such(id);
  if (actor.as == ActingAs::kSubject) WRIT_TRY(check_revocation(index_, actor.subject, *capability, now));
  if (!capability->revocable) return fail(id_text(id) + " is not revocable");
  if (capability->status == CapabilityStatus::kRevoked) return {};
  WRIT_TRY(record({AuthorityEventKind::kRevoked, *capability, actor, reason}));
  index_.set_status(id, CapabilityStatus::kRevoked);
  return {};
}

CapabilityDecision CapabilityTable::decide(const CapabilityRequest& request, const AuthorityTime& time) {
  const std::lock_guard lock(mutex_);
  return index_.decide(request, clock_.observe(time));
}

CapabilityExplanation CapabilityTable::explain(const CapabilityRequest& request, const AuthorityTime& time) {
  const std::lock_guard lock(mutex_);
  return index_.explain(request, clock_.observe(time));
}

ReserveAnswer CapabilityTable::reserve(CapabilityRequest request, const AuthorityTime& time) {
  const std::lock_guard lock(mutex_);
  ReserveAnswer answer{index_.decide(request, clock_.observe(time))};
  if (!answer.decision.allowed()) return answer;
  const CapabilityId capability = *answer.decision.selected;
  const Reservation reservation{ReservationId{random_()}, capability, answer.decision.consumes.has_value()};
  if (reservation.charged) index_.take_use(capability);
  outstanding_.emplace(reservation.id, Outstanding{std::move(request), reservation});
  answer.reservation = reservation;
  return answer;
}

bool CapabilityTable::may_proceed(const ReservationId& id, const AuthorityTime& time) {
  const std::lock_guard lock(mutex_);
  const std::int64_t now = clock_.observe(time);
  const auto found = outstanding_.find(id);
  if (found == outstanding_.end()) return false;
  const Capability* capability = index_.find(found->second.reservation.capability);
  if (capability == nullptr) return false;
  const CapabilityStanding standing = index_.standing(*capability, now);
  const bool taken = standing == CapabilityStanding::kUsedUp && found->second.reservation.charged;
  if (standing != CapabilityStanding::kCounts && !taken) return false;
  return index_.allows(found->second.request, now, capability);
}

Status CapabilityTable::settle(const ReservationId& id, EffectOutcome outcome) {
  const std::lock_guard lock(mutex_);
  const auto found = outstanding_.find(id);
  if (found == outstanding_.end()) return fail("there is no reservation " + id_text(id) + " to settle");
  const Reservation reservation = found->second.reservation;
  outstanding_.erase(found);
  if (outcome != EffectOutcome::kNotStarted || !reservation.charged) return {};
  const Capability* capability = index_.find(reservation.capability);
  if (capability != nullptr && capability->status == CapabilityStatus::kActive)
    index_.return_use(reservation.capability);
  return {};
}

std::optional<Capability> CapabilityTable::find(const CapabilityId& id) const {
  const std::lock_guard lock(mutex_);
  const Capability* capability = index_.find(id);
  if (capability == nullptr) return std::nullopt;
  return *capability;
}

std::vector<Capability> CapabilityTable::list(const std::optional<Subject>& subject) const {
  std::vector<Capability> found;
  {
    const std::lock_guard lock(mutex_);
    index_.for_each([&](const Capability& each) {
      if (!subject || each.subject == *subject) found.push_back(each);
    });
  }
  std::sort(found.begin(), found.end(), [](const Capability& a, const Capability& b) {
    return a.issued_at != b.issued_at ? a.issued_at < b.issued_at : a.id < b.id;
  });
  return found;
}

CapabilityStanding CapabilityTable::standing(const CapabilityId& id, const AuthorityTime& time) {
  const std::lock_guard lock(mutex_);
  const std::int64_t now = clock_.observe(time);
  const Capability* capability = index_.find(id);
  return capability == nullptr ? CapabilityStanding::kRevoked : index_.standing(*capability, now);
}

void CapabilityTable::restore(Capability capability) {
  const std::lock_guard lock(mutex_);
  index_.put(std::move(capability));
}

void CapabilityTable::forget_capabilities() {
  const std::lock_guard lock(mutex_);
  index_.clear();
}

std::optional<Reservation> CapabilityTable::outstanding(const ReservationId& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = outstanding_.find(id);
  if (found == outstanding_.end()) return std::nullopt;
  return found->second.reservation;
}

void CapabilityTable::absorb_clock(const AuthorityClockState& state) {
  const std::lock_guard lock(mutex_);
  clock_.absorb(state);
}

AuthorityClockState CapabilityTable::clock_state() const {
  const std::lock_guard lock(mutex_);
  return clock_.state();
}

}  // namespace writ
