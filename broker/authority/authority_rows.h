// AuthorityRows: capabilities and reservations as rows of the store. Every function but the opening belongs into a
// transaction of the caller's. Threads: one at a time.
#ifndef WRIT_BROKER_AUTHORITY_AUTHORITY_ROWS_H_
#define WRIT_BROKER_AUTHORITY_AUTHORITY_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "broker/capability/capability_table.h"
#include "broker/store/store.h"

namespace writ {

struct StoredReservation {
  ReservationId id;
  CapabilityId capability;
  std::string intent;  // JSON, see reservation_intent()
  std::string owner;   // ProcessIdentity::text()
};

struct AuthorityState {
  std::int64_t change = 0;  // the number of the last transaction that changed anything
  AuthorityClockState clock;
};

class AuthorityRows {
 public:
  [[nodiscard]] static Result<AuthorityRows> open(const Store& store);

  [[nodiscard]] Result<AuthorityState> read_state();
  [[nodiscard]] Status write_state(const AuthorityState& state);

  // Capabilities that changed after `change`; 0: all. Error: a record that cannot be read.
  [[nodiscard]] Result<std::vector<Capability>> capabilities_since(std::int64_t change);
  [[nodiscard]] Status insert_capability(const Capability& capability, std::int64_t change);
  [[nodiscard]] Status set_status(const CapabilityId& id, CapabilityStatus status, std::int64_t change);
  // Error: there is no use left in the store, whatever was thought.
  [[nodiscard]] Status take_use(const CapabilityId& id, std::int64_t change);
  // Nothing comes back to what is not active any more.
  [[nodiscard]] Status return_use(const CapabilityId& id, std::int64_t change);

  [[nodiscard]] Status insert_reservation(const StoredReservation& reservation, std::int64_t change);
  // Returns whether it was open until now.
  [[nodiscard]] Result<bool> remove_reservation(const ReservationId& id);
  [[nodiscard]] Status mark_unknown(const ReservationId& id, std::int64_t change);
  [[nodiscard]] Result<std::vector<StoredReservation>> open_reservations();
  [[nodiscard]] Result<std::vector<StoredReservation>> unknown_reservations();

 private:
  struct Statements;
  AuthorityRows(const Store& store, std::unique_ptr<Statements> statements);
  [[nodiscard]] Result<std::vector<StoredReservation>> reservations(std::string_view state);

  const Database* database_;
  std::unique_ptr<Statements> statements_;

 public:
  AuthorityRows(AuthorityRows&&) noexcept;
  AuthorityRows& operator=(AuthorityRows&&) noexcept;
  ~AuthorityRows();
};

// What a request was about to do, for whoever has to find out whether it did.
[[nodiscard]] std::string reservation_intent(const CapabilityRequest& request, WallMilliseconds now);

}  // namespace writ

#endif  // WRIT_BROKER_AUTHORITY_AUTHORITY_ROWS_H_
