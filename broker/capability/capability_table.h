// CapabilityTable: all capabilities, and what may be done with them: made, handed on, taken back, decided about, and
// used exactly as often as they say:
//
//   reserve → record the intent → may_proceed → act → settle
//
// reserve() takes the use; settle() gives it back only where the effect certainly did not begin. What is ambiguous has
// happened. Revoking beats reservations: may_proceed() says no from then on, and nothing is given back.
//
// Makes no system call; the caller brings time and randomness. Threads: any number. Fork: not to be used by a child.
#ifndef WRIT_BROKER_CAPABILITY_CAPABILITY_TABLE_H_
#define WRIT_BROKER_CAPABILITY_CAPABILITY_TABLE_H_

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/capability/authority_clock.h"
#include "broker/capability/capability_index.h"

namespace writ {

enum class AuthorityEventKind : std::uint8_t { kIssued, kGranted, kDelegated, kRevoked };
inline constexpr std::array<std::string_view, 4> kAuthorityEventNames = {"issued", "granted", "delegated", "revoked"};

// Whether somebody acts with the authority of the person who runs Writ, or with their own capabilities only. Only the
// caller's code can say so; no name does.
enum class ActingAs : std::uint8_t {
  kPerson,   // the root of all authority
  kSubject,  // what capabilities the subject holds
};

struct Actor {
  Subject subject;
  ActingAs as = ActingAs::kSubject;
};

struct AuthorityEvent {
  AuthorityEventKind kind = AuthorityEventKind::kIssued;
  const Capability& capability;
  const Actor& actor;         // who did it
  std::string_view reason{};  // of kRevoked: why; may be empty
};

// Writes down what happens. What it fails to write down does not happen.
class AuthorityObserver {
 public:
  virtual ~AuthorityObserver() = default;
  // Called with the table's lock held, before the event; must not call the table.
  [[nodiscard]] virtual Status record(const AuthorityEvent& event) = 0;
};

enum class EffectOutcome : std::uint8_t {
  kDone,
  kNotStarted,  // certified: nothing of the effect has begun
  kUnknown,     // whatever else: counts as done
};

struct Reservation {
  ReservationId id;
  CapabilityId capability;
  bool charged = false;  // a use was taken
};

struct ReserveAnswer {
  CapabilityDecision decision;
  std::optional<Reservation> reservation{};  // where the decision allows
};

class CapabilityTable {
 public:
  // `observer` (may be nullptr) must outlive the table. `boot` names this run of the kernel, for the clock.
  explicit CapabilityTable(RandomSource random, AuthorityObserver* observer = nullptr, std::string boot = {});

  // Makes a capability. A person makes any; a subject needs admin or grant (check_grant()). Returns the record.
  [[nodiscard]] Result<Capability> grant(const Actor& actor, CapabilityDraft draft, const AuthorityTime& time);
  // Hands on a part of `parent` (check_delegation()). Always with the actor's own authority.
  [[nodiscard]] Result<Capability> delegate(const Subject& actor, const CapabilityId& parent, CapabilityDraft draft,
                                            const AuthorityTime& time);
  // Takes a capability back, for good; what was delegated from it ends with it. Errors: check_revocation(); for a
  // person only: it is not revocable. Revoking again changes nothing.
  [[nodiscard]] Status revoke(const Actor& actor, const CapabilityId& id, const AuthorityTime& time,
                              std::string_view reason = {});

  [[nodiscard]] CapabilityDecision decide(const CapabilityRequest& request, const AuthorityTime& time);
  [[nodiscard]] CapabilityExplanation explain(const CapabilityRequest& request, const AuthorityTime& time);

  // Decides, and where that allows, takes what acting needs.
  [[nodiscard]] ReserveAnswer reserve(CapabilityRequest request, const AuthorityTime& time);
  // To be asked right before the effect: whether the reserved capability still stands and the request would still be
  // allowed. False for an unknown reservation.
  [[nodiscard]] bool may_proceed(const ReservationId& id, const AuthorityTime& time);
  // Ends a reservation. Error: there is none of that id, or it was settled before.
  [[nodiscard]] Status settle(const ReservationId& id, EffectOutcome outcome);

  [[nodiscard]] std::optional<Capability> find(const CapabilityId& id) const;
  // Those of one subject, or all, sorted by the time of their making.
  [[nodiscard]] std::vector<Capability> list(const std::optional<Subject>& subject) const;
  [[nodiscard]] CapabilityStanding standing(const CapabilityId& id, const AuthorityTime& time);

  // The reservation of that id, if it is not settled.
  [[nodiscard]] std::optional<Reservation> outstanding(const ReservationId& id) const;

  // For what is stored: puts a record in as it is; forgets the records, to read them anew. Reservations stay.
  void restore(Capability capability);
  void forget_capabilities();
  void absorb_clock(const AuthorityClockState& state);
  [[nodiscard]] AuthorityClockState clock_state() const;

 private:
  struct Outstanding {
    CapabilityRequest request;
    Reservation reservation;
  };

  [[nodiscard]] Result<Capability> publish(AuthorityEventKind kind, const Actor& actor, Capability capability);
  [[nodiscard]] Status record(const AuthorityEvent& event);
  [[nodiscard]] Capability made(const Subject& issuer, CapabilityDraft draft, std::int64_t now);

  mutable std::mutex mutex_;
  RandomSource random_;
  AuthorityObserver* observer_;
  AuthorityClock clock_;
  CapabilityIndex index_;
  std::unordered_map<ReservationId, Outstanding, RandomBitsHash> outstanding_;
};

}  // namespace writ

#endif  // WRIT_BROKER_CAPABILITY_CAPABILITY_TABLE_H_
