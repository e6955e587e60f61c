#include "broker/daemon/sandbox_store.h"

#include <utility>

namespace writ {
namespace {

constexpr int kKilledStatus = 137;  // 128 + SIGKILL, as a shell would say it
// Numbers that one transaction reserves: most sandboxes cost none.
constexpr std::int64_t kReserved = 1000;

Result<SandboxRecord> read_record(const std::string& text) {
  WRIT_ASSIGN(const JsonValue value, parse_json(text));
  return read_sandbox_json(value);
}

Status run_write(Statement& statement, const SandboxRecord& record, const std::string& owner) {
  statement.bind(1, value_of(record.number)).bind(2, owner);
  statement.bind(3, std::int64_t{is_over(record.state) ? 1 : 0});
  statement.bind(4, JsonValue(sandbox_json(record)).to_text());
  return statement.run();
}

struct Left {
  std::string owner;
  SandboxRecord record;
};

// What is in no shape to be read is passed over: it must not keep a daemon from starting.
Result<std::vector<Left>> read_alive(const Database& database) {
  std::vector<Left> left;
  WRIT_ASSIGN(Statement select, database.prepare("SELECT owner, record FROM sandboxes WHERE over = 0"));
  while (true) {
    WRIT_ASSIGN(const StatementStep step, select.step());
    if (step == StatementStep::kDone) return left;
    WRIT_ASSIGN(std::string owner, select.text(0));
    WRIT_ASSIGN(const std::string text, select.text(1));
    auto record = read_record(text);
    if (record) left.push_back({std::move(owner), std::move(*record)});
  }
}

}  // namespace

Result<SandboxStore> SandboxStore::open(const std::string& directory, ProcessIdentity owner) {
  WRIT_ASSIGN(Store store, Store::open(directory));
  return SandboxStore(std::move(store), std::move(owner));
}

Result<std::vector<SandboxRecord>> SandboxStore::mark_lost(std::int64_t now_ms) {
  std::vector<SandboxRecord> lost;
  WRIT_ASSIGN(Transaction transaction, store_.begin_writing());
  WRIT_ASSIGN(std::vector<Left> left, read_alive(store_.database()));
  WRIT_ASSIGN(Statement update, store_.database().prepare(
                                    "INSERT OR REPLACE INTO sandboxes (number, owner, over, record) VALUES (?,?,?,?)"));
  for (Left& entry : left) {
    auto owner = ProcessIdentity::parse(entry.owner);
    if (owner && !owner->is_gone(owner_)) continue;
    entry.record.state = SandboxState::kLost;
    entry.record.ended_ms = now_ms;
    entry.record.exit_status = kKilledStatus;
    entry.record.reason = "its broker was killed, and it with it";
    WRIT_TRY(run_write(update, entry.record, entry.owner));
    lost.push_back(std::move(entry.record));
  }
  WRIT_TRY(transaction.commit());
  return lost;
}

Result<SandboxNumber> SandboxStore::next_number() {
  if (next_ < end_) return SandboxNumber{next_++};
  WRIT_ASSIGN(Transaction transaction, store_.begin_writing());
  WRIT_ASSIGN(const std::int64_t next, store_.database().query_integer("SELECT next FROM sandbox_numbers"));
  WRIT_ASSIGN(Statement update, store_.database().prepare("UPDATE sandbox_numbers SET next = next + ?"));
  WRIT_TRY(update.bind(1, kReserved).run());
  WRIT_TRY(transaction.commit());
  next_ = next;
  end_ = next + kReserved;
  return SandboxNumber{next_++};
}

Status SandboxStore::write(std::span<const SandboxRecord> records) {
  if (records.empty()) return {};
  const std::string owner = owner_.text();
  WRIT_ASSIGN(Transaction transaction, store_.begin_writing());
  WRIT_ASSIGN(Statement insert, store_.database().prepare(
                                    "INSERT OR REPLACE INTO sandboxes (number, owner, over, record) VALUES (?,?,?,?)"));
  for (const SandboxRecord& record : records) WRIT_TRY(run_write(insert, record, owner));
  WRIT_ASSIGN(Statement forget,
              store_.database().prepare("DELETE FROM sandboxes WHERE over = 1 AND number NOT IN (SELECT number FROM "
                                        "sandboxes WHERE over = 1 ORDER BY number DESC LIMIT ?)"));
  WRIT_TRY(forget.bind(1, kKeptSandboxes).run());
  return transaction.commit();
}

Result<std::vector<SandboxRecord>> SandboxStore::latest(std::int64_t limit) const {
  std::vector<SandboxRecord> records;
  WRIT_ASSIGN(Statement select, store_.database().prepare("SELECT record FROM sandboxes ORDER BY number DESC LIMIT ?"));
  select.bind(1, limit);
  while (true) {
    WRIT_ASSIGN(const StatementStep step, select.step());
    if (step == StatementStep::kDone) return records;
    WRIT_ASSIGN(const std::string text, select.text(0));
    auto record = read_record(text);
    if (record) records.push_back(std::move(*record));
  }
}

}  // namespace writ
