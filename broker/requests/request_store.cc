#include "broker/requests/request_store.h"

#include <algorithm>
#include <utility>

#include "broker/base/escape.h"
#include "broker/requests/request_decision.h"
#include "broker/requests/request_payload.h"

namespace writ {
namespace {

constexpr std::string_view kColumns =
    "id, subject, kind, payload, argument_hash, target_version, blocking, owner_pid, owner_start, owner_boot, "
    "owner_namespace, status, decision, created_ms, updated_ms, deadline_ms, revision";
constexpr std::size_t kHashSize = 32;

std::string select_where(std::string_view condition) {
  return "SELECT " + std::string(kColumns) + " FROM human_requests " + std::string(condition);
}

// What somebody else may have written is taken as such.
Result<HumanRequest> read_names(const Statement& row) {
  WRIT_ASSIGN(const std::string id_text, row.text(0));
  const std::optional<RequestId> id = RequestId::parse(id_text);
  if (!id) return fail("its id is none");
  HumanRequest request(*id);
  WRIT_ASSIGN(request.subject, row.text(1));
  WRIT_ASSIGN(const std::string kind_name, row.text(2));
  WRIT_ASSIGN(const std::string status_name, row.text(11));
  const auto kind = request_kind_from_name(kind_name);
  const auto status = request_status_from_name(status_name);
  if (!kind || !status) return fail("its kind or status does not exist");
  request.kind = *kind;
  request.status = *status;
  return request;
}

Status read_owner(const Statement& row, RequestOwner& owner) {
  WRIT_ASSIGN(owner.pid, row.integer(7));
  WRIT_ASSIGN(owner.start, row.integer(8));
  WRIT_ASSIGN(owner.boot, row.text(9));
  WRIT_ASSIGN(owner.pid_namespace, row.text(10));
  return {};
}

Status read_contents(const Statement& row, HumanRequest& request) {
  WRIT_ASSIGN(const std::string payload, row.text(3));
  WRIT_ASSIGN(request.payload, parse_payload(request.kind, payload));
  WRIT_ASSIGN(request.argument_hash, row.blob(4));
  if (request.argument_hash.size() != kHashSize) return fail("its hash is none");
  WRIT_ASSIGN(request.target_version, row.text(5));
  WRIT_ASSIGN(const std::int64_t blocking, row.integer(6));
  request.blocking = blocking != 0;
  WRIT_ASSIGN(const std::optional<std::string> decision, row.optional_text(12));
  if (decision) {
    WRIT_ASSIGN(request.decision, parse_decision(*decision));
  }
  if (request.status != RequestStatus::kPending && !request.decision) return fail("its decision is missing");
  return {};
}

Status read_times(const Statement& row, HumanRequest& request) {
  WRIT_ASSIGN(request.created_ms, row.integer(13));
  WRIT_ASSIGN(request.updated_ms, row.integer(14));
  WRIT_ASSIGN(request.deadline_ms, row.optional_integer(15));
  WRIT_ASSIGN(request.revision, row.integer(16));
  return {};
}

Result<HumanRequest> read_row(const Statement& row) {
  WRIT_ASSIGN(HumanRequest request, read_names(row));
  WRIT_TRY(read_owner(row, request.owner));
  WRIT_TRY(read_contents(row, request));
  WRIT_TRY(read_times(row, request));
  return request;
}

std::string_view why_over(const HumanRequest& request) {
  if (request.status != RequestStatus::kPending) return {};
  if (owner_state(request.owner) == OwnerState::kGone) return "the process that asked is gone";
  if (request.deadline_ms && *request.deadline_ms <= wall_clock_ms()) return "nobody answered in time";
  return {};
}

RequestDecision cancellation(std::string reason, std::string by) {
  RequestDecision decision;
  decision.reason = std::move(reason);
  decision.by = std::move(by);
  return decision;
}

}  // namespace

std::int64_t wall_clock_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

Result<RequestStore> RequestStore::open(const std::string& directory, std::chrono::milliseconds busy_wait) {
  StoreOptions options;
  options.busy_wait = busy_wait;
  WRIT_ASSIGN(Store store, Store::open(directory, options));
  return RequestStore(std::move(store));
}

Status RequestStore::forget_old() const {
  WRIT_ASSIGN(
      Statement statement,
      store_.database().prepare("DELETE FROM human_requests WHERE status <> 'pending' AND id NOT IN (SELECT id "
                                "FROM human_requests WHERE status <> 'pending' ORDER BY updated_ms DESC LIMIT ?)"));
  return statement.bind(1, kKeptDecided).run();
}

Status RequestStore::add(const HumanRequest& request) {
  const std::string payload = JsonValue(payload_json(request.payload)).to_text();
  if (payload.size() > kRequestPayloadLimit) return fail("what is asked is too long to be shown to anybody");
  WRIT_ASSIGN(Transaction transaction, store_.begin_writing());
  WRIT_ASSIGN(const std::int64_t waiting,
              store_.database().query_integer("SELECT count(*) FROM human_requests WHERE status = 'pending'"));
  if (waiting >= kPendingLimit) return fail("too many requests wait already");
  WRIT_TRY(forget_old());
  WRIT_ASSIGN(Statement insert, store_.database().prepare("INSERT INTO human_requests (" + std::string(kColumns) +
                                                          ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,NULL,?,?,?,1)"));
  insert.bind(1, request.id.text()).bind(2, request.subject).bind(3, request_kind_name(request.kind));
  insert.bind(4, payload).bind_blob(5, request.argument_hash).bind(6, request.target_version);
  insert.bind(7, std::int64_t{request.blocking ? 1 : 0}).bind(8, request.owner.pid).bind(9, request.owner.start);
  insert.bind(10, request.owner.boot).bind(11, request.owner.pid_namespace);
  insert.bind(12, request_status_name(RequestStatus::kPending)).bind(13, request.created_ms);
  insert.bind(14, request.created_ms).bind(15, request.deadline_ms);
  WRIT_TRY(insert.run());
  return transaction.commit();
}

Result<std::optional<HumanRequest>> RequestStore::find_here(const std::string& id) const {
  WRIT_ASSIGN(Statement select, store_.database().prepare(select_where("WHERE id = ?")));
  select.bind(1, id);
  WRIT_ASSIGN(const StatementStep step, select.step());
  if (step == StatementStep::kDone) return std::optional<HumanRequest>();
  auto request = read_row(select);
  if (!request)
    return fail("the request " + quote_bytes(id, 80) + " in the store cannot be read: " + request.error().what);
  return std::optional<HumanRequest>(std::move(*request));
}

Result<std::optional<HumanRequest>> RequestStore::find(const RequestId& id) const { return find_here(id.text()); }

Result<RequestList> RequestStore::list(Listed which) const {
  const std::string_view condition = which == Listed::kPending
                                         ? "WHERE status = 'pending' ORDER BY created_ms, id LIMIT ?"
                                         : "ORDER BY created_ms, id LIMIT ?";
  WRIT_ASSIGN(Statement select, store_.database().prepare(select_where(condition)));
  select.bind(1, static_cast<std::int64_t>(kListLimit));
  RequestList found;
  while (true) {
    WRIT_ASSIGN(const StatementStep step, select.step());
    if (step == StatementStep::kDone) return found;
    auto request = read_row(select);
    if (request) {
      found.requests.push_back(std::move(*request));
      continue;
    }
    const auto id = select.text(0);
    found.unreadable.push_back(quote_bytes(id ? *id : std::string(), 80) + ": " + request.error().what);
  }
}

Result<std::vector<std::string>> RequestStore::ids_beginning_with(const std::string& prefix, std::size_t limit) const {
  // The digits end before 'g': everything that begins with the prefix lies between it and that.
  WRIT_ASSIGN(Statement select,
              store_.database().prepare("SELECT id FROM human_requests WHERE id >= ?1 AND id < ?2 LIMIT ?3"));
  select.bind(1, prefix).bind(2, prefix + "g").bind(3, static_cast<std::int64_t>(limit));
  std::vector<std::string> ids;
  while (true) {
    WRIT_ASSIGN(const StatementStep step, select.step());
    if (step == StatementStep::kDone) return ids;
    WRIT_ASSIGN(std::string id, select.text(0));
    ids.push_back(std::move(id));
  }
}

// Compare and swap: what has changed since it was read is not changed. False then.
Result<bool> RequestStore::change(const HumanRequest& from, RequestStatus status,
                                  const RequestDecision& decision) const {
  WRIT_ASSIGN(Statement update, store_.database().prepare(
                                    "UPDATE human_requests SET status = ?1, decision = ?2, updated_ms = ?3, "
                                    "revision = revision + 1 WHERE id = ?4 AND revision = ?5 AND status = 'pending'"));
  update.bind(1, request_status_name(status)).bind(2, JsonValue(decision_json(decision)).to_text());
  update.bind(3, wall_clock_ms()).bind(4, from.id.text()).bind(5, from.revision);
  WRIT_TRY(update.run());
  return store_.database().changed_rows() == 1;
}

Result<DecideResult> RequestStore::decide(const RequestId& id, std::int64_t revision, RequestAct act,
                                          const RequestDecision& decision) {
  WRIT_ASSIGN(Transaction transaction, store_.begin_writing());
  WRIT_ASSIGN(std::optional<HumanRequest> request, find_here(id.text()));
  if (!request) return DecideResult{Decided::kUnknown, std::nullopt, {}};
  if (request->status != RequestStatus::kPending) return DecideResult{Decided::kDecidedAlready, std::move(request), {}};
  const std::string_view over = why_over(*request);
  if (over.empty() && request->revision != revision) return DecideResult{Decided::kStale, std::move(request), {}};
  if (over.empty())
    if (const Status valid = check_decision(*request, act, decision); !valid)
      return DecideResult{Decided::kRefused, std::move(request), valid.error().describe()};
  const RequestStatus becomes =
      over.empty() ? *status_after(request->kind, request->status, act) : RequestStatus::kCancelled;
  const RequestDecision made = over.empty() ? decision : cancellation(std::string(over), "Writ");
  WRIT_ASSIGN(const bool changed, change(*request, becomes, made));
  if (!changed) return DecideResult{Decided::kStale, std::move(request), {}};
  WRIT_ASSIGN(request, find_here(id.text()));
  WRIT_TRY(transaction.commit());
  return DecideResult{over.empty() ? Decided::kDone : Decided::kOver, std::move(request), std::string(over)};
}

Status RequestStore::cancel(const RequestId& id, const std::string& reason, const std::string& by) {
  WRIT_ASSIGN(Transaction transaction, store_.begin_writing());
  WRIT_ASSIGN(const std::optional<HumanRequest> request, find_here(id.text()));
  if (!request || request->status != RequestStatus::kPending) return {};
  WRIT_ASSIGN([[maybe_unused]] const bool changed,
              change(*request, RequestStatus::kCancelled, cancellation(reason, by)));
  return transaction.commit();
}

Result<std::size_t> RequestStore::cancel_abandoned() {
  // Looked at first without keeping anybody from writing: mostly there is nothing to do.
  WRIT_ASSIGN(const RequestList pending, list(Listed::kPending));
  const auto is_over = [](const HumanRequest& request) { return !why_over(request).empty(); };
  if (std::none_of(pending.requests.begin(), pending.requests.end(), is_over)) return std::size_t{0};
  WRIT_ASSIGN(Transaction transaction, store_.begin_writing());
  std::size_t count = 0;
  for (const HumanRequest& request : pending.requests) {
    const std::string_view over = why_over(request);
    if (over.empty()) continue;
    WRIT_ASSIGN(const bool changed,
                change(request, RequestStatus::kCancelled, cancellation(std::string(over), "Writ")));
    count += changed ? 1 : 0;
  }
  WRIT_TRY(transaction.commit());
  return count;
}

Result<bool> RequestStore::changed() {
  WRIT_ASSIGN(const Transaction transaction, store_.begin_reading());
  WRIT_ASSIGN(const std::int64_t version, store_.data_version());
  const bool differs = !last_version_ || *last_version_ != version;
  last_version_ = version;
  return differs;
}

}  // namespace writ
