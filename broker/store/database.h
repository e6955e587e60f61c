// Database and Statement: SQLite without its C interface. database.cc is the only file that sees sqlite3.h.
//
// Errors carry an errno where a caller can do something about it: EBUSY (another process has been writing for longer
// than the bounded wait), ENOSPC, EROFS, EACCES, EUCLEAN (the file is damaged) and ENOEXEC (it is no database).
//
// Threads: one at a time for a Database and all of its statements. Fork: a forked child must neither use them nor run
// their destructors: SQLite's locks belong to the process that took them
// (https://www.sqlite.org/howtocorrupt.html, 2.6).
#ifndef WRIT_BROKER_STORE_DATABASE_H_
#define WRIT_BROKER_STORE_DATABASE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "broker/base/error.h"

namespace writ {

struct DatabaseConnection;  // owns the sqlite3*, shared by the database and its statements
struct PreparedStatement;   // owns the sqlite3_stmt*

enum class StatementStep : std::uint8_t { kRow, kDone };

// One prepared statement; keeps its database open. Parameters and columns count as SQLite counts them: parameters from
// 1, columns from 0. Prepared once and used many times:
//
//   WRIT_TRY(insert.bind(1, id).bind(2, text).run());
//   select.bind(1, id);
//   WRIT_ASSIGN(const StatementStep step, select.step());
//
// Texts and blobs are copied when they are bound.
class Statement {
 public:
  Statement(Statement&&) noexcept;
  Statement& operator=(Statement&&) noexcept;
  ~Statement();

  // Binding starts the statement over where it was in the middle of its rows. A failed binding is reported by the next
  // step() or run().
  Statement& bind(int parameter, std::int64_t value);
  Statement& bind(int parameter, std::string_view text);  // UTF-8
  Statement& bind(int parameter, const std::optional<std::int64_t>& value);
  Statement& bind_blob(int parameter, std::string_view bytes);
  Statement& bind_null(int parameter);

  // Runs to the next row. After kDone and after an error the statement is ready to be used again, all parameters null.
  [[nodiscard]] Result<StatementStep> step();
  // Runs to the end; rows are passed over.
  [[nodiscard]] Status run();
  // Gives up the rows that are left, and the read lock that they hold.
  void reset();

  // The columns of the row that step() stopped at. Errors (EUCLEAN): a value of another type than asked for.
  [[nodiscard]] Result<std::int64_t> integer(int column) const;
  [[nodiscard]] Result<std::optional<std::int64_t>> optional_integer(int column) const;
  [[nodiscard]] Result<std::string> text(int column) const;
  [[nodiscard]] Result<std::optional<std::string>> optional_text(int column) const;
  [[nodiscard]] Result<std::string> blob(int column) const;

 private:
  friend class Database;
  explicit Statement(std::unique_ptr<PreparedStatement> prepared);
  std::unique_ptr<PreparedStatement> prepared_;
};

class Database {
 public:
  // Opens an existing file for reading and writing; no component of `path` may be a symbolic link. A lock that another
  // connection holds is waited for at most `busy_wait`.
  [[nodiscard]] static Result<Database> open(const std::string& path, std::chrono::milliseconds busy_wait);

  // Prepares one statement. Errors: SQL that is wrong, or does not fit the schema that is there.
  [[nodiscard]] Result<Statement> prepare(std::string_view sql) const;
  // Runs one or more statements without parameters; rows are passed over.
  [[nodiscard]] Status execute(const std::string& sql) const;
  // The one integer that `sql` asks for.
  [[nodiscard]] Result<std::int64_t> query_integer(std::string_view sql) const;
  [[nodiscard]] Result<std::string> query_text(std::string_view sql) const;

  [[nodiscard]] bool in_transaction() const;
  // Rows that the last INSERT, UPDATE or DELETE changed.
  [[nodiscard]] std::int64_t changed_rows() const;

 private:
  explicit Database(std::shared_ptr<DatabaseConnection> connection);
  std::shared_ptr<DatabaseConnection> connection_;
};

}  // namespace writ

#endif  // WRIT_BROKER_STORE_DATABASE_H_
