#include "broker/store/store.h"

#include <cerrno>
#include <ctime>

#include "broker/base/escape.h"

namespace writ {
namespace {

constexpr long kRetryNanoseconds = 5'000'000;

// Errors of these are busy locks that SQLite's own waiting does not cover: switching to WAL needs the file for itself.
template <class Action>
Status try_until(std::chrono::steady_clock::time_point deadline, const Action& action) {
  while (true) {
    Status done = action();
    if (done || done.error().system_errno != EBUSY || std::chrono::steady_clock::now() >= deadline) return done;
    const timespec pause{0, kRetryNanoseconds};
    ::nanosleep(&pause, nullptr);
  }
}

Result<bool> is_fresh(const Database& database) {
  WRIT_ASSIGN(const std::int64_t application, database.query_integer("PRAGMA application_id"));
  WRIT_ASSIGN(const std::int64_t version, database.query_integer("PRAGMA user_version"));
  WRIT_ASSIGN(const std::int64_t tables, database.query_integer("SELECT count(*) FROM sqlite_schema"));
  return application == 0 && version == 0 && tables == 0;
}

Status check_identity(const Database& database, const std::string& path, std::size_t known_version) {
  WRIT_ASSIGN(const bool fresh, is_fresh(database));
  if (fresh) return {};
  WRIT_ASSIGN(const std::int64_t application, database.query_integer("PRAGMA application_id"));
  if (application != kStoreApplicationId)
    return fail(quote_bytes(path) + " is a database of another program", "move it away");
  WRIT_ASSIGN(const std::int64_t version, database.query_integer("PRAGMA user_version"));
  if (version < 1) return fail_errno(EUCLEAN, quote_bytes(path) + " has no schema version", "move it away");
  if (static_cast<std::uint64_t>(version) > known_version)
    return fail(quote_bytes(path) + " was written by a newer Writ (schema " + std::to_string(version) +
                    ", this one knows " + std::to_string(known_version) + ")",
                "use that one, or another XDG_STATE_HOME");
  return {};
}

Status use_write_ahead_log(const Database& database, const std::string& path) {
  WRIT_ASSIGN(const std::string mode, database.query_text("PRAGMA journal_mode=WAL"));
  if (mode != "wal")
    return fail(quote_bytes(path) + " cannot have a write-ahead log",
                "the file system must support shared memory files; use a local one");
  // FULL: commit returns when the log is on the disk. Temporary tables stay in memory, not in /tmp.
  return database.execute("PRAGMA synchronous=FULL; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY;");
}

Status apply(const Database& database, const StoreMigration& migration, std::size_t version) {
  Status done = database.execute(std::string(migration.sql));
  if (!done) {
    done.error().what = "cannot bring the store up to date (" + std::string(migration.name) + "): " + done.error().what;
    return done;
  }
  return database.execute("PRAGMA user_version=" + std::to_string(version));
}

}  // namespace

Transaction::~Transaction() {
  // SQLite has rolled back by itself after some errors (https://www.sqlite.org/lang_transaction.html).
  if (database_ != nullptr && database_->in_transaction()) (void)database_->execute("ROLLBACK");
}

Status Transaction::commit() {
  Status done = database_->execute("COMMIT");
  if (!done && database_->in_transaction()) (void)database_->execute("ROLLBACK");
  database_ = nullptr;
  return done;
}

Result<Transaction> Store::begin_writing() const {
  WRIT_TRY(database_->execute("BEGIN IMMEDIATE"));
  return Transaction(*database_);
}

Result<Transaction> Store::begin_reading() const {
  WRIT_TRY(database_->execute("BEGIN"));
  return Transaction(*database_);
}

Result<std::int64_t> Store::data_version() {
  WRIT_ASSIGN(const StatementStep step, data_version_.step());
  if (step != StatementStep::kRow) return fail("the store has no data version");
  Result<std::int64_t> version = data_version_.integer(0);
  data_version_.reset();
  return version;
}

Status Store::check_integrity() const {
  WRIT_ASSIGN(const std::string found, database_->query_text("PRAGMA quick_check(1)"));
  if (found == "ok") return {};
  return fail_errno(EUCLEAN, quote_bytes(path_) + " is damaged: " + escape_bytes(found), "move it away");
}

Result<Store> Store::open(const std::string& directory, const StoreOptions& options) {
  const auto deadline = std::chrono::steady_clock::now() + options.busy_wait;
  WRIT_ASSIGN(const StoreDirectory place, StoreDirectory::open(directory));
  WRIT_ASSIGN(std::string path, place.file_path());
  WRIT_ASSIGN(Database opened, Database::open(path, options.busy_wait));
  auto database = std::make_unique<Database>(std::move(opened));
  WRIT_TRY(check_identity(*database, path, options.migrations.size()));
  WRIT_TRY(try_until(deadline, [&] { return use_write_ahead_log(*database, path); }));
  WRIT_ASSIGN(Statement data_version, database->prepare("PRAGMA data_version"));
  Store store(std::move(path), std::move(database), std::move(data_version));
  WRIT_TRY(place.verify(store.path_));
  WRIT_TRY(store.migrate(options.migrations));
  return store;
}

// Another process may do the same at the same time: what is missing is looked at inside of the transaction.
Status Store::migrate(std::span<const StoreMigration> migrations) const {
  WRIT_ASSIGN(const std::int64_t before, database_->query_integer("PRAGMA user_version"));
  if (static_cast<std::size_t>(before) == migrations.size()) return {};
  WRIT_ASSIGN(Transaction transaction, begin_writing());
  WRIT_TRY(check_identity(*database_, path_, migrations.size()));
  WRIT_ASSIGN(const std::int64_t version, database_->query_integer("PRAGMA user_version"));
  for (std::size_t next = static_cast<std::size_t>(version); next < migrations.size(); ++next)
    WRIT_TRY(apply(*database_, migrations[next], next + 1));
  WRIT_TRY(database_->execute("PRAGMA application_id=" + std::to_string(kStoreApplicationId)));
  return transaction.commit();
}

}  // namespace writ
