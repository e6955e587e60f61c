// Store: what Writ must still know after it was killed: one SQLite database for each person, outside of every
// workspace, shared by all processes of Writ that the person runs.
//
// What a committed transaction wrote is on the disk when commit() returns (WAL, synchronous=FULL). A commit() that
// fails has written nothing that later transactions see; after a loss of power it can, in a rare case, be found done
// all the same, so whoever acts on a commit acts only on one that succeeded.
//
// Threads: one at a time. Fork: a forked child must leave by _exit(2) or execve(2) (see database.h).
#ifndef WRIT_BROKER_STORE_STORE_H_
#define WRIT_BROKER_STORE_STORE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "broker/base/error.h"
#include "broker/store/database.h"
#include "broker/store/store_directory.h"
#include "broker/store/store_schema.h"

namespace writ {

struct StoreOptions {
  std::chrono::milliseconds busy_wait{5000};  // how long another writer is waited for
  std::span<const StoreMigration> migrations = store_migrations();
};

// One transaction; rolled back when it is destroyed without a successful commit().
class [[nodiscard]] Transaction {
 public:
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  // Error: nothing was written, and the transaction is over.
  [[nodiscard]] Status commit();

 private:
  friend class Store;
  explicit Transaction(const Database& database) : database_(&database) {}
  const Database* database_;  // nullptr: over
};

class Store {
 public:
  // Opens or makes the store in `directory` (usually $XDG_STATE_HOME/writ/store) and brings its schema up to date.
  // Errors: what StoreDirectory::open() refuses; a file that is no store of Writ, is damaged, or was written by a newer
  // Writ; another process that keeps it locked. Nothing is changed then.
  [[nodiscard]] static Result<Store> open(const std::string& directory, const StoreOptions& options = {});

  // Begins a transaction that may write: waits until it is the only one (BEGIN IMMEDIATE). What it reads does not
  // change until it ends. The store must stay where it is meanwhile.
  [[nodiscard]] Result<Transaction> begin_writing() const;
  // Begins one that sees one state of the store and keeps nobody from writing.
  [[nodiscard]] Result<Transaction> begin_reading() const;

  // A number that differs from the one before when another connection has written in between. To be asked inside of a
  // transaction.
  [[nodiscard]] Result<std::int64_t> data_version();

  // Looks at every page; takes time in proportion to the size. Error (EUCLEAN): what is damaged.
  [[nodiscard]] Status check_integrity() const;

  [[nodiscard]] const Database& database() const { return *database_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  [[nodiscard]] Status migrate(std::span<const StoreMigration> migrations) const;
  Store(std::string path, std::unique_ptr<Database> database, Statement data_version)
      : path_(std::move(path)), database_(std::move(database)), data_version_(std::move(data_version)) {}

  std::string path_;
  std::unique_ptr<Database> database_;  // its address is what transactions hold, also when the store is moved
  Statement data_version_;
};

}  // namespace writ

#endif  // WRIT_BROKER_STORE_STORE_H_
