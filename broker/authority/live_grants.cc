#include "broker/authority/live_grants.h"

#include <set>
#include <utility>

namespace writ {
namespace {

std::int64_t number(LiveGrantId id) { return static_cast<std::int64_t>(id); }
HolderFate fate(std::int64_t value) { return value != 0 ? HolderFate::kKilled : HolderFate::kListed; }

std::string chain_text(std::span<const CapabilityId> chain) {
  std::string text;
  for (const CapabilityId& id : chain) text.append(text.empty() ? "" : " ").append(id_text(id));
  return text;
}

Result<LiveGrant> read_row(const Statement& row, std::int64_t process) {
  LiveGrant grant;
  WRIT_ASSIGN(const std::int64_t id, row.integer(0));
  grant.id = LiveGrantId{id};
  grant.process = process;
  WRIT_ASSIGN(grant.path, row.blob(2));
  WRIT_ASSIGN(const std::int64_t ordered, row.integer(3));
  grant.ordered = fate(ordered);
  WRIT_ASSIGN(grant.outcome, row.optional_text(4));
  WRIT_ASSIGN(const std::int64_t done, row.integer(5));
  grant.done = fate(done);
  return grant;
}

}  // namespace

struct LiveGrants::Statements {
  Statement insert, ordered, report, remove_of, select_owners, select_given, order;
};

LiveGrants::LiveGrants(Store store, ProcessIdentity self, std::unique_ptr<Statements> statements)
    : store_(std::make_unique<Store>(std::move(store))), self_(std::move(self)), statements_(std::move(statements)) {}
LiveGrants::LiveGrants(LiveGrants&&) noexcept = default;
LiveGrants& LiveGrants::operator=(LiveGrants&&) noexcept = default;
LiveGrants::~LiveGrants() = default;

Result<LiveGrants> LiveGrants::open(const std::string& directory) {
  WRIT_ASSIGN(ProcessIdentity self, ProcessIdentity::current());
  WRIT_ASSIGN(Store store, Store::open(directory));
  const Database& database = store.database();
  WRIT_ASSIGN(Statement insert, database.prepare("INSERT INTO live_grants (owner, capabilities, path) VALUES (?, ?, ?)"
                                                 " RETURNING id"));
  WRIT_ASSIGN(Statement ordered, database.prepare("SELECT kill_holders FROM live_grants WHERE id = ? AND owner = ?"));
  WRIT_ASSIGN(Statement report,
              database.prepare("UPDATE live_grants SET outcome = ?, holders_killed = ? WHERE id = ? AND owner = ?"));
  WRIT_ASSIGN(Statement remove_of, database.prepare("DELETE FROM live_grants WHERE owner = ?"));
  WRIT_ASSIGN(Statement select_owners, database.prepare("SELECT DISTINCT owner FROM live_grants"));
  // An identifier has a fixed length and is never part of another.
  WRIT_ASSIGN(Statement select_given,
              database.prepare("SELECT id, owner, path, kill_holders, outcome, holders_killed FROM live_grants"
                               " WHERE instr(capabilities, ?) > 0 ORDER BY id"));
  WRIT_ASSIGN(Statement order,
              database.prepare("UPDATE live_grants SET kill_holders = 1 WHERE instr(capabilities, ?) > 0"));
  return LiveGrants(std::move(store), std::move(self),
                    std::make_unique<Statements>(Statements{std::move(insert), std::move(ordered), std::move(report),
                                                            std::move(remove_of), std::move(select_owners),
                                                            std::move(select_given), std::move(order)}));
}

Result<LiveGrantId> LiveGrants::add(std::span<const CapabilityId> chain, std::string_view path) {
  Statement& insert = statements_->insert;
  WRIT_ASSIGN(Transaction transaction, store_->begin_writing());
  WRIT_ASSIGN(const StatementStep step,
              insert.bind(1, self_.text()).bind(2, chain_text(chain)).bind_blob(3, path).step());
  if (step != StatementStep::kRow) return fail("the store did not say which row was made");
  WRIT_ASSIGN(const std::int64_t id, insert.integer(0));
  // A statement that returns a row is finished by asking for the next one.
  WRIT_TRY(insert.run());
  WRIT_TRY(transaction.commit());
  return LiveGrantId{id};
}

Result<HolderFate> LiveGrants::ordered(LiveGrantId id) {
  Statement& query = statements_->ordered;
  WRIT_ASSIGN(const StatementStep step, query.bind(1, number(id)).bind(2, self_.text()).step());
  if (step == StatementStep::kDone) return HolderFate::kListed;
  WRIT_ASSIGN(const std::int64_t value, query.integer(0));
  query.reset();
  return fate(value);
}

Status LiveGrants::report(LiveGrantId id, std::string_view outcome, HolderFate done) {
  Statement& update = statements_->report;
  update.bind(1, outcome).bind(2, std::int64_t{done == HolderFate::kKilled ? 1 : 0});
  return update.bind(3, number(id)).bind(4, self_.text()).run();
}

Status LiveGrants::remove_own() { return statements_->remove_of.bind(1, self_.text()).run(); }

Status LiveGrants::remove_abandoned() {
  std::set<std::string> gone;
  Statement& owners = statements_->select_owners;
  while (true) {
    WRIT_ASSIGN(const StatementStep step, owners.step());
    if (step == StatementStep::kDone) break;
    WRIT_ASSIGN(std::string owner, owners.text(0));
    const Result<ProcessIdentity> process = ProcessIdentity::parse(owner);
    if (!process || process->is_gone(self_)) gone.insert(std::move(owner));
  }
  for (const std::string& owner : gone) WRIT_TRY(statements_->remove_of.bind(1, owner).run());
  return {};
}

Result<std::vector<LiveGrant>> LiveGrants::given_by(const CapabilityId& capability) {
  WRIT_TRY(remove_abandoned());
  Statement& rows = statements_->select_given;
  rows.bind(1, id_text(capability));
  std::vector<LiveGrant> found;
  while (true) {
    WRIT_ASSIGN(const StatementStep step, rows.step());
    if (step == StatementStep::kDone) return found;
    WRIT_ASSIGN(const std::string owner, rows.text(1));
    WRIT_ASSIGN(const ProcessIdentity process, ProcessIdentity::parse(owner));
    WRIT_ASSIGN(LiveGrant grant, read_row(rows, process.pid));
    found.push_back(std::move(grant));
  }
}

Status LiveGrants::order_end_of_holders(const CapabilityId& capability) {
  return statements_->order.bind(1, id_text(capability)).run();
}

}  // namespace writ
