// DurableAuthority: a CapabilityTable that outlives its process and is shared with others: the same rules, with
// everything in the store before it counts. Each call looks first whether another process has changed something, so
// that what was revoked there is revoked here from the next call on.
//
// A call that returns without error is on the disk. An error of the store (full, locked, damaged) means that nothing
// happened that later calls would see; a reservation that could not be written down does not exist. Whoever was killed
// between reserve() and settle() leaves an effect that may or may not have happened: the next open() finds it, counts
// it as done, and lists it (recovered()). It is never begun anew.
//
// Threads: any number. Processes: any number on one store. Fork: not to be used, nor destroyed, by a child.
#ifndef WRIT_BROKER_AUTHORITY_DURABLE_AUTHORITY_H_
#define WRIT_BROKER_AUTHORITY_DURABLE_AUTHORITY_H_

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "broker/authority/authority_operation.h"
#include "broker/authority/authority_rows.h"
#include "broker/authority/process_identity.h"
#include "broker/authority/random_bits.h"

namespace writ {

// CLOCK_REALTIME and CLOCK_BOOTTIME.
[[nodiscard]] AuthorityTime system_authority_time();

struct AuthorityOptions {
  AuthorityObserver* observer = nullptr;  // must outlive the authority
  RandomSource random = system_random_bits;
  std::function<AuthorityTime()> time = system_authority_time;
};

class DurableAuthority {
 public:
  // Reads all capabilities, and settles what processes that are gone have left behind. Errors: of the store; a record
  // that cannot be read.
  [[nodiscard]] static Result<std::unique_ptr<DurableAuthority>> open(Store store, AuthorityOptions options = {});

  DurableAuthority(const DurableAuthority&) = delete;
  DurableAuthority& operator=(const DurableAuthority&) = delete;
  ~DurableAuthority();

  // As in CapabilityTable. Errors: what the rules refuse, or of the store.
  [[nodiscard]] Result<Capability> grant(const Actor& actor, CapabilityDraft draft);
  [[nodiscard]] Result<Capability> delegate(const Subject& actor, const CapabilityId& parent, CapabilityDraft draft);
  [[nodiscard]] Status revoke(const Actor& actor, const CapabilityId& id, std::string reason = {});
  [[nodiscard]] Result<CapabilityDecision> decide(const CapabilityRequest& request);
  [[nodiscard]] Result<CapabilityExplanation> explain(const CapabilityRequest& request);
  [[nodiscard]] Result<ReserveAnswer> reserve(CapabilityRequest request);
  [[nodiscard]] Result<bool> may_proceed(const ReservationId& id);
  // An error of the store leaves the reservation open: settle() can be tried again.
  [[nodiscard]] Status settle(const ReservationId& id, EffectOutcome outcome);

  // All of `operations`, in their order, in one transaction, which is what costs. What the rules refuse is the answer
  // of that operation; an error of the store is that of all, and nothing was done. A use that a settlement gives back
  // can be reserved from the next call on.
  [[nodiscard]] Result<std::vector<Result<AuthorityAnswer>>> apply(std::span<const AuthorityOperation> operations);

  [[nodiscard]] Result<std::optional<Capability>> find(const CapabilityId& id);
  [[nodiscard]] Result<std::vector<Capability>> list(const std::optional<Subject>& subject);
  [[nodiscard]] Result<CapabilityStanding> standing(const CapabilityId& id);

  // What open() found in flight: begun by processes that are gone.
  [[nodiscard]] const std::vector<StoredReservation>& recovered() const;
  // The same of all times.
  [[nodiscard]] Result<std::vector<StoredReservation>> effects_in_doubt();

 private:
  struct State;
  explicit DurableAuthority(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace writ

#endif  // WRIT_BROKER_AUTHORITY_DURABLE_AUTHORITY_H_
