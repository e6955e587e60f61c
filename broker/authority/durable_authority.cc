#include "broker/authority/durable_authority.h"

#include <ctime>
#include <mutex>
#include <utility>

namespace writ {
namespace {

std::int64_t milliseconds_of(clockid_t clock) {
  constexpr std::int64_t kPerSecond = 1000;
  constexpr std::int64_t kNanoseconds = 1'000'000;
  timespec now{};
  ::clock_gettime(clock, &now);
  return now.tv_sec * kPerSecond + now.tv_nsec / kNanoseconds;
}

}  // namespace

AuthorityTime system_authority_time() { return {milliseconds_of(CLOCK_REALTIME), milliseconds_of(CLOCK_BOOTTIME)}; }

struct DurableAuthority::State {
  State(Store opened, AuthorityRows prepared, AuthorityOptions chosen, ProcessIdentity identity)
      : store(std::move(opened)),
        rows(std::move(prepared)),
        options(std::move(chosen)),
        self(std::move(identity)),
        table(options.random, options.observer, self.boot) {}

  std::mutex mutex;
  Store store;
  AuthorityRows rows;
  AuthorityOptions options;
  ProcessIdentity self;
  CapabilityTable table;
  std::int64_t version = 0;  // the store's data version when the table was last read
  std::int64_t change = 0;   // the last change that is in the table
  bool stale = true;         // the table may hold what the store does not
  std::vector<StoredReservation> recovered;

  [[nodiscard]] Status refresh();
  [[nodiscard]] Status refresh_for_reading();
  [[nodiscard]] Result<std::vector<StoredReservation>> abandoned();
  [[nodiscard]] Status recover();
  template <class Action>
  [[nodiscard]] auto read(const Action& action);
};

namespace {

// One transaction of changes. In memory everything happens at once, but for settlements, which follow the commit, so
// that one which could not be written down can be tried again.
class Changes {
 public:
  Changes(CapabilityTable& table, AuthorityRows& rows, const ProcessIdentity& self, AuthorityTime time,
          std::int64_t change)
      : table_(table), rows_(rows), self_(self), time_(time), change_(change) {}

  // The outer error is the store's, the inner one that of the rules.
  using Outcome = Result<Result<AuthorityAnswer>>;

  Outcome operator()(const GrantOperation& operation) {
    return insert(table_.grant(operation.actor, operation.draft, time_));
  }
  Outcome operator()(const DelegateOperation& operation) {
    return insert(table_.delegate(operation.actor, operation.parent, operation.draft, time_));
  }
  Outcome operator()(const RevokeOperation& operation) {
    if (Status revoked = table_.revoke(operation.actor, operation.id, time_, operation.reason); !revoked)
      return Result<AuthorityAnswer>(tl::unexpected(std::move(revoked.error())));
    WRIT_TRY(rows_.set_status(operation.id, CapabilityStatus::kRevoked, change_));
    return done();
  }
  Outcome operator()(const ReserveOperation& operation) {
    ReserveAnswer answer = table_.reserve(operation.request, time_);
    if (answer.reservation) {
      made_.push_back(answer.reservation->id);
      WRIT_TRY(write_reservation(operation.request, *answer.reservation));
    }
    return Result<AuthorityAnswer>(AuthorityAnswer(std::move(answer)));
  }
  Outcome operator()(const SettleOperation& operation) {
    const std::optional<Reservation> reservation = table_.outstanding(operation.id);
    if (!reservation || is_settled(operation.id))
      return Result<AuthorityAnswer>(fail("there is no reservation " + id_text(operation.id) + " to settle"));
    WRIT_ASSIGN(const bool was_open, rows_.remove_reservation(operation.id));
    const bool returned = operation.outcome == EffectOutcome::kNotStarted && reservation->charged && was_open;
    if (returned) WRIT_TRY(rows_.return_use(reservation->capability, change_));
    settled_.push_back({operation.id, returned ? EffectOutcome::kNotStarted : EffectOutcome::kDone});
    return done();
  }

  void committed() {
    for (const SettleOperation& each : settled_) (void)table_.settle(each.id, each.outcome);
  }
  // The reservations of a transaction that did not happen do not exist.
  void failed() {
    for (const ReservationId& id : made_) (void)table_.settle(id, EffectOutcome::kUnknown);
  }

 private:
  static Outcome done() { return Result<AuthorityAnswer>(AuthorityAnswer()); }

  Outcome insert(Result<Capability> capability) {
    if (!capability) return Result<AuthorityAnswer>(tl::unexpected(std::move(capability.error())));
    WRIT_TRY(rows_.insert_capability(*capability, change_));
    return Result<AuthorityAnswer>(AuthorityAnswer(std::move(*capability)));
  }

  Status write_reservation(const CapabilityRequest& request, const Reservation& reservation) {
    if (reservation.charged) WRIT_TRY(rows_.take_use(reservation.capability, change_));
    return rows_.insert_reservation(
        {reservation.id, reservation.capability, reservation_intent(request, time_.wall), self_.text()}, change_);
  }

  [[nodiscard]] bool is_settled(const ReservationId& id) const {
    for (const SettleOperation& each : settled_)
      if (each.id == id) return true;
    return false;
  }

  CapabilityTable& table_;
  AuthorityRows& rows_;
  const ProcessIdentity& self_;
  AuthorityTime time_;
  std::int64_t change_;
  std::vector<ReservationId> made_;
  std::vector<SettleOperation> settled_;
};

}  // namespace

// Reads what is new. To be called inside of a transaction.
Status DurableAuthority::State::refresh() {
  WRIT_ASSIGN(const std::int64_t now, store.data_version());
  if (!stale && now == version) return {};
  WRIT_ASSIGN(const AuthorityState stored, rows.read_state());
  WRIT_ASSIGN(std::vector<Capability> changed, rows.capabilities_since(stale ? 0 : change));
  if (stale) table.forget_capabilities();
  for (Capability& each : changed) table.restore(std::move(each));
  table.absorb_clock(stored.clock);
  change = stored.change;
  version = now;
  stale = false;
  return {};
}

// Nearly always nothing has changed, and then no transaction is needed to know it.
Status DurableAuthority::State::refresh_for_reading() {
  WRIT_ASSIGN(const std::int64_t now, store.data_version());
  if (!stale && now == version) return {};
  WRIT_ASSIGN(Transaction transaction, store.begin_reading());
  WRIT_TRY(refresh());
  return transaction.commit();
}

template <class Action>
auto DurableAuthority::State::read(const Action& action) {
  using Answer = decltype(action(table, options.time()));
  const std::lock_guard lock(mutex);
  if (Status fresh = refresh_for_reading(); !fresh) return Result<Answer>(tl::unexpected(std::move(fresh.error())));
  return Result<Answer>(action(table, options.time()));
}

// Those that were begun by processes that are gone.
Result<std::vector<StoredReservation>> DurableAuthority::State::abandoned() {
  WRIT_TRY(refresh());
  WRIT_ASSIGN(std::vector<StoredReservation> open, rows.open_reservations());
  std::erase_if(open, [&](const StoredReservation& each) {
    const Result<ProcessIdentity> owner = ProcessIdentity::parse(each.owner);
    return owner && !owner->is_gone(self);
  });
  return open;
}

// Uses were taken when they were reserved: that they count as done needs no change. Two processes may look at the same
// time, and only one of them finds each.
Status DurableAuthority::State::recover() {
  {
    WRIT_ASSIGN(const Transaction looking, store.begin_reading());
    WRIT_ASSIGN(const std::vector<StoredReservation> found, abandoned());
    if (found.empty()) return {};
  }
  WRIT_ASSIGN(Transaction transaction, store.begin_writing());
  WRIT_ASSIGN(std::vector<StoredReservation> found, abandoned());
  for (const StoredReservation& each : found) WRIT_TRY(rows.mark_unknown(each.id, change + 1));
  WRIT_TRY(rows.write_state({change + 1, table.clock_state()}));
  WRIT_TRY(transaction.commit());
  ++change;
  recovered = std::move(found);
  return {};
}

DurableAuthority::DurableAuthority(std::unique_ptr<State> state) : state_(std::move(state)) {}
DurableAuthority::~DurableAuthority() = default;

Result<std::unique_ptr<DurableAuthority>> DurableAuthority::open(Store store, AuthorityOptions options) {
  WRIT_ASSIGN(ProcessIdentity self, ProcessIdentity::current());
  WRIT_ASSIGN(AuthorityRows rows, AuthorityRows::open(store));
  auto state = std::make_unique<State>(std::move(store), std::move(rows), std::move(options), std::move(self));
  WRIT_TRY(state->recover());
  return std::unique_ptr<DurableAuthority>(new DurableAuthority(std::move(state)));
}

Result<std::vector<Result<AuthorityAnswer>>> DurableAuthority::apply(std::span<const AuthorityOperation> operations) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  WRIT_ASSIGN(Transaction transaction, state.store.begin_writing());
  WRIT_TRY(state.refresh());
  Changes changes(state.table, state.rows, state.self, state.options.time(), state.change + 1);
  std::vector<Result<AuthorityAnswer>> answers;
  const auto write = [&]() -> Status {
    for (const AuthorityOperation& operation : operations) {
      WRIT_ASSIGN(Result<AuthorityAnswer> answer, std::visit(changes, operation));
      answers.push_back(std::move(answer));
    }
    WRIT_TRY(state.rows.write_state({state.change + 1, state.table.clock_state()}));
    return transaction.commit();
  };
  if (Status written = write(); !written) {
    changes.failed();
    state.stale = true;
    return tl::unexpected(std::move(written.error()));
  }
  ++state.change;
  changes.committed();
  return answers;
}

namespace {

// The answer to the one operation of a batch.
Result<AuthorityAnswer> apply_one(DurableAuthority& authority, AuthorityOperation operation) {
  WRIT_ASSIGN(std::vector<Result<AuthorityAnswer>> answers, authority.apply({&operation, 1}));
  return std::move(answers.front());
}

}  // namespace

Result<Capability> DurableAuthority::grant(const Actor& actor, CapabilityDraft draft) {
  WRIT_ASSIGN(AuthorityAnswer answer, apply_one(*this, GrantOperation{actor, std::move(draft)}));
  return std::get<Capability>(std::move(answer));
}

Result<Capability> DurableAuthority::delegate(const Subject& actor, const CapabilityId& parent, CapabilityDraft draft) {
  WRIT_ASSIGN(AuthorityAnswer answer, apply_one(*this, DelegateOperation{actor, parent, std::move(draft)}));
  return std::get<Capability>(std::move(answer));
}

Status DurableAuthority::revoke(const Actor& actor, const CapabilityId& id, std::string reason) {
  WRIT_TRY(apply_one(*this, RevokeOperation{actor, id, std::move(reason)}));
  return {};
}

Result<ReserveAnswer> DurableAuthority::reserve(CapabilityRequest request) {
  WRIT_ASSIGN(AuthorityAnswer answer, apply_one(*this, ReserveOperation{std::move(request)}));
  return std::get<ReserveAnswer>(std::move(answer));
}

Status DurableAuthority::settle(const ReservationId& id, EffectOutcome outcome) {
  WRIT_TRY(apply_one(*this, SettleOperation{id, outcome}));
  return {};
}

Result<CapabilityDecision> DurableAuthority::decide(const CapabilityRequest& request) {
  return state_->read([&](CapabilityTable& table, AuthorityTime time) { return table.decide(request, time); });
}

Result<CapabilityExplanation> DurableAuthority::explain(const CapabilityRequest& request) {
  return state_->read([&](CapabilityTable& table, AuthorityTime time) { return table.explain(request, time); });
}

Result<bool> DurableAuthority::may_proceed(const ReservationId& id) {
  return state_->read([&](CapabilityTable& table, AuthorityTime time) { return table.may_proceed(id, time); });
}

Result<std::optional<Capability>> DurableAuthority::find(const CapabilityId& id) {
  return state_->read([&](CapabilityTable& table, AuthorityTime) { return table.find(id); });
}

Result<std::vector<Capability>> DurableAuthority::list(const std::optional<Subject>& subject) {
  return state_->read([&](CapabilityTable& table, AuthorityTime) { return table.list(subject); });
}

Result<CapabilityStanding> DurableAuthority::standing(const CapabilityId& id) {
  return state_->read([&](CapabilityTable& table, AuthorityTime time) { return table.standing(id, time); });
}

const std::vector<StoredReservation>& DurableAuthority::recovered() const { return state_->recovered; }

Result<std::vector<StoredReservation>> DurableAuthority::effects_in_doubt() {
  const std::lock_guard lock(state_->mutex);
  return state_->rows.unknown_reservations();
}

}  // namespace writ
