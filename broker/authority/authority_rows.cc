#include "broker/authority/authority_rows.h"

#include <cerrno>
#include <utility>

#include "broker/base/escape.h"
#include "broker/capability/capability_json.h"

namespace writ {
namespace {

constexpr std::string_view kOpen = "open";
constexpr std::string_view kUnknown = "unknown";

std::string_view status_word(CapabilityStatus status) {
  return kCapabilityStatusNames[static_cast<std::size_t>(status)];
}

Result<CapabilityStatus> status_of(std::string_view word) {
  for (std::size_t i = 0; i < kCapabilityStatusNames.size(); ++i)
    if (kCapabilityStatusNames[i] == word) return static_cast<CapabilityStatus>(i);
  return fail_errno(EUCLEAN, "the store holds a capability with the unknown status " + quote_bytes(word, 80));
}

tl::unexpected<Error> in_record(const std::string& id, const Error& error) {
  return fail_errno(EUCLEAN,
                    "the store holds the capability " + quote_bytes(id, 80) + ", which cannot be read: " + error.what,
                    "the file is damaged: move it away, or put a copy in its place");
}

// The record says what it was when it was made; the columns, what became of it.
Result<Capability> read_row(const Statement& row) {
  WRIT_ASSIGN(const std::string id, row.text(0));
  WRIT_ASSIGN(const std::string record, row.text(1));
  WRIT_ASSIGN(const std::string status, row.text(2));
  WRIT_ASSIGN(const std::optional<std::int64_t> uses, row.optional_integer(3));
  Result<Capability> capability = parse_capability(record, UnknownConstraints::kNote);
  if (!capability) return in_record(id, capability.error());
  if (id_text(capability->id) != id) return in_record(id, {"it is another one's", 0, ""});
  WRIT_ASSIGN(capability->status, status_of(status));
  if (uses.has_value() != capability->uses_remaining.has_value())
    return in_record(id, {"its uses are counted in one place only", 0, ""});
  if (uses) capability->uses_remaining = static_cast<std::uint64_t>(*uses);
  return capability;
}

}  // namespace

struct AuthorityRows::Statements {
  Statement read_state, write_state;
  Statement select_capabilities, insert_capability, set_status, take_use, return_use;
  Statement insert_reservation, remove_reservation, mark_unknown, select_reservations;
};

AuthorityRows::AuthorityRows(const Store& store, std::unique_ptr<Statements> statements)
    : database_(&store.database()), statements_(std::move(statements)) {}
AuthorityRows::AuthorityRows(AuthorityRows&&) noexcept = default;
AuthorityRows& AuthorityRows::operator=(AuthorityRows&&) noexcept = default;
AuthorityRows::~AuthorityRows() = default;

Result<AuthorityRows> AuthorityRows::open(const Store& store) {
  const Database& database = store.database();
  WRIT_ASSIGN(Statement read_state,
              database.prepare("SELECT change, latest_wall, boot, boot_running FROM authority_state WHERE id = 1"));
  WRIT_ASSIGN(Statement write_state,
              database.prepare("UPDATE authority_state SET change = ?, latest_wall = ?, boot = ?,"
                               " boot_running = ? WHERE id = 1"));
  WRIT_ASSIGN(Statement select_capabilities,
              database.prepare("SELECT id, record, status, uses_remaining FROM capabilities WHERE change > ?"));
  WRIT_ASSIGN(Statement insert_capability, database.prepare("INSERT INTO capabilities VALUES (?, ?, ?, ?, ?)"));
  WRIT_ASSIGN(Statement set_status, database.prepare("UPDATE capabilities SET status = ?, change = ? WHERE id = ?"));
  WRIT_ASSIGN(Statement take_use,
              database.prepare("UPDATE capabilities SET uses_remaining = uses_remaining - 1, change = ?"
                               " WHERE id = ? AND uses_remaining > 0 AND status = 'active'"));
  WRIT_ASSIGN(Statement return_use,
              database.prepare("UPDATE capabilities SET uses_remaining = uses_remaining + 1, change = ?"
                               " WHERE id = ? AND status = 'active'"));
  WRIT_ASSIGN(Statement insert_reservation,
              database.prepare("INSERT INTO reservations VALUES (?, ?, ?, ?, 'open', ?)"));
  WRIT_ASSIGN(Statement remove_reservation, database.prepare("DELETE FROM reservations WHERE id = ? RETURNING state"));
  WRIT_ASSIGN(Statement mark_unknown,
              database.prepare("UPDATE reservations SET state = 'unknown', change = ? WHERE id = ?"));
  WRIT_ASSIGN(Statement select_reservations, database.prepare("SELECT id, capability, intent, owner FROM reservations"
                                                              " WHERE state = ? ORDER BY change, id"));
  return AuthorityRows(store, std::make_unique<Statements>(Statements{
                                  std::move(read_state), std::move(write_state), std::move(select_capabilities),
                                  std::move(insert_capability), std::move(set_status), std::move(take_use),
                                  std::move(return_use), std::move(insert_reservation), std::move(remove_reservation),
                                  std::move(mark_unknown), std::move(select_reservations)}));
}

Result<AuthorityState> AuthorityRows::read_state() {
  Statement& row = statements_->read_state;
  WRIT_ASSIGN(const StatementStep step, row.step());
  if (step != StatementStep::kRow) return fail_errno(EUCLEAN, "the store has no state of its capabilities");
  AuthorityState state;
  WRIT_ASSIGN(state.change, row.integer(0));
  WRIT_ASSIGN(state.clock.latest, row.integer(1));
  WRIT_ASSIGN(state.clock.boot, row.text(2));
  WRIT_ASSIGN(state.clock.running, row.integer(3));
  row.reset();
  return state;
}

Status AuthorityRows::write_state(const AuthorityState& state) {
  const AuthorityClockState& clock = state.clock;
  Statement& update = statements_->write_state;
  return update.bind(1, state.change).bind(2, clock.latest).bind(3, clock.boot).bind(4, clock.running).run();
}

Result<std::vector<Capability>> AuthorityRows::capabilities_since(std::int64_t change) {
  Statement& rows = statements_->select_capabilities;
  rows.bind(1, change);
  std::vector<Capability> found;
  while (true) {
    WRIT_ASSIGN(const StatementStep step, rows.step());
    if (step == StatementStep::kDone) return found;
    Result<Capability> capability = read_row(rows);
    if (!capability) rows.reset();
    if (!capability) return tl::unexpected(std::move(capability.error()));
    found.push_back(std::move(*capability));
  }
}

Status AuthorityRows::insert_capability(const Capability& capability, std::int64_t change) {
  std::optional<std::int64_t> uses;
  if (capability.uses_remaining) uses = static_cast<std::int64_t>(*capability.uses_remaining);
  Statement& insert = statements_->insert_capability;
  insert.bind(1, id_text(capability.id)).bind(2, JsonValue(capability_json(capability)).to_text());
  return insert.bind(3, status_word(capability.status)).bind(4, uses).bind(5, change).run();
}

Status AuthorityRows::set_status(const CapabilityId& id, CapabilityStatus status, std::int64_t change) {
  return statements_->set_status.bind(1, status_word(status)).bind(2, change).bind(3, id_text(id)).run();
}

Status AuthorityRows::take_use(const CapabilityId& id, std::int64_t change) {
  WRIT_TRY(statements_->take_use.bind(1, change).bind(2, id_text(id)).run());
  if (database_->changed_rows() == 1) return {};
  return fail_errno(EUCLEAN, "the store has no use of " + id_text(id) + " left");
}

Status AuthorityRows::return_use(const CapabilityId& id, std::int64_t change) {
  return statements_->return_use.bind(1, change).bind(2, id_text(id)).run();
}

Status AuthorityRows::insert_reservation(const StoredReservation& reservation, std::int64_t change) {
  Statement& insert = statements_->insert_reservation;
  insert.bind(1, id_text(reservation.id)).bind(2, id_text(reservation.capability));
  return insert.bind(3, reservation.intent).bind(4, reservation.owner).bind(5, change).run();
}

Result<bool> AuthorityRows::remove_reservation(const ReservationId& id) {
  Statement& removal = statements_->remove_reservation;
  WRIT_ASSIGN(const StatementStep step, removal.bind(1, id_text(id)).step());
  if (step == StatementStep::kDone) return false;
  Result<std::string> state = removal.text(0);
  // A removal that returns a row is finished by asking for the next one.
  WRIT_TRY(removal.run());
  if (!state) return tl::unexpected(std::move(state.error()));
  return *state == kOpen;
}

Status AuthorityRows::mark_unknown(const ReservationId& id, std::int64_t change) {
  return statements_->mark_unknown.bind(1, change).bind(2, id_text(id)).run();
}

Result<std::vector<StoredReservation>> AuthorityRows::open_reservations() { return reservations(kOpen); }
Result<std::vector<StoredReservation>> AuthorityRows::unknown_reservations() { return reservations(kUnknown); }

Result<std::vector<StoredReservation>> AuthorityRows::reservations(std::string_view state) {
  Statement& rows = statements_->select_reservations;
  rows.bind(1, state);
  std::vector<StoredReservation> found;
  while (true) {
    WRIT_ASSIGN(const StatementStep step, rows.step());
    if (step == StatementStep::kDone) return found;
    WRIT_ASSIGN(const std::string id, rows.text(0));
    WRIT_ASSIGN(const std::string capability, rows.text(1));
    StoredReservation reservation;
    WRIT_ASSIGN(reservation.id, parse_id<ReservationId>(id));
    WRIT_ASSIGN(reservation.capability, parse_id<CapabilityId>(capability));
    WRIT_ASSIGN(reservation.intent, rows.text(2));
    WRIT_ASSIGN(reservation.owner, rows.text(3));
    found.push_back(std::move(reservation));
  }
}

std::string reservation_intent(const CapabilityRequest& request, WallMilliseconds now) {
  JsonObject intent;
  intent.set("at", now).set("subject", request.subject.text()).set("right", capability_right_name(request.right));
  intent.set("resource", request.resource.text());
  if (!request.context.operation.empty()) intent.set("operation", request.context.operation);
  if (request.binding) {
    intent.set("effect_id", request.binding->effect_id).set("argument_hash", request.binding->argument_hash);
    if (request.binding->target_version) intent.set("target_version", *request.binding->target_version);
  }
  return JsonValue(std::move(intent)).to_text();
}

}  // namespace writ
