#include "broker/store/database.h"

#include <sqlite3.h>

#include <cerrno>
#include <utility>

#include "broker/base/escape.h"

namespace writ {

struct DatabaseConnection {
  sqlite3* handle = nullptr;
  std::string path;
  std::chrono::milliseconds busy_wait{};

  DatabaseConnection() = default;
  DatabaseConnection(const DatabaseConnection&) = delete;
  DatabaseConnection& operator=(const DatabaseConnection&) = delete;
  // Also where opening failed: sqlite3_open_v2() makes a handle that has to be closed.
  ~DatabaseConnection() { sqlite3_close_v2(handle); }
};

struct PreparedStatement {
  std::shared_ptr<DatabaseConnection> connection;
  sqlite3_stmt* handle = nullptr;
  int bind_result = SQLITE_OK;  // of the first binding that failed
  bool stepped = false;

  PreparedStatement() = default;
  PreparedStatement(const PreparedStatement&) = delete;
  PreparedStatement& operator=(const PreparedStatement&) = delete;
  ~PreparedStatement() { sqlite3_finalize(handle); }
};

namespace {

constexpr int kPrimaryCodeMask = 0xff;  // extended result codes hold the primary one in their lowest byte

struct ErrorWords {
  int system_errno;
  const char* hint;
};

ErrorWords words_of(int code) {
  switch (code & kPrimaryCodeMask) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {EBUSY, "another process of Writ is writing; try again"};
    case SQLITE_FULL:
      return {ENOSPC, "make room; what was acknowledged before is kept"};
    case SQLITE_READONLY:
      return {EROFS, ""};
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return {EACCES, ""};
    case SQLITE_CORRUPT:
      return {EUCLEAN, "the file is damaged: move it away, or put a copy in its place"};
    case SQLITE_NOTADB:
      return {ENOEXEC, "it is no database of Writ, or it is damaged: move it away"};
    default:
      return {0, ""};
  }
}

// The words of SQLite are fixed texts, or name things of our own SQL: no foreign bytes.
tl::unexpected<Error> database_error(const DatabaseConnection& connection, int code, const std::string& action) {
  const ErrorWords words = words_of(code);
  const int system_errno = sqlite3_system_errno(connection.handle);
  if (system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG)
    return fail_errno(system_errno, action + " " + quote_bytes(connection.path), words_of(SQLITE_FULL).hint);
  std::string what = action + " " + quote_bytes(connection.path) + ": " + sqlite3_errstr(code);
  const bool is_statement = (code & kPrimaryCodeMask) == SQLITE_ERROR || (code & kPrimaryCodeMask) == SQLITE_CONSTRAINT;
  if (is_statement) what += std::string(" (") + sqlite3_errmsg(connection.handle) + ")";
  if (words.system_errno == EBUSY)
    what = action + " " + quote_bytes(connection.path) + ": locked for more than " +
           std::to_string(connection.busy_wait.count()) + " ms";
  return fail_errno(words.system_errno, std::move(what), words.hint);
}

void start_over(PreparedStatement& statement) {
  if (!statement.stepped) return;
  sqlite3_reset(statement.handle);  // returns the error of the last step, which was reported
  statement.stepped = false;
}

void keep_first_failure(PreparedStatement& statement, int code) {
  if (statement.bind_result == SQLITE_OK) statement.bind_result = code;
}

tl::unexpected<Error> wrong_type(const PreparedStatement& statement, int column) {
  const char* name = sqlite3_column_name(statement.handle, column);
  return fail_errno(EUCLEAN,
                    "the store " + quote_bytes(statement.connection->path) + " holds something wrong in " +
                        quote_bytes(name == nullptr ? "?" : name),
                    words_of(SQLITE_CORRUPT).hint);
}

std::string bytes_of(sqlite3_stmt* handle, int column) {
  const void* bytes = sqlite3_column_blob(handle, column);  // the blob of a text is its UTF-8
  const int size = sqlite3_column_bytes(handle, column);
  return bytes == nullptr ? std::string()
                          : std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

bool is_null(const PreparedStatement& statement, int column) {
  return sqlite3_column_type(statement.handle, column) == SQLITE_NULL;
}

// What every connection needs, whatever it opens. Nothing of the file may run code or change the schema's meaning.
Status configure(const DatabaseConnection& connection) {
  sqlite3* handle = connection.handle;
  sqlite3_busy_timeout(handle, static_cast<int>(connection.busy_wait.count()));
  for (const auto& [option, value] : {std::pair{SQLITE_DBCONFIG_DEFENSIVE, 1},
                                      {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
                                      {SQLITE_DBCONFIG_DQS_DML, 0},
                                      {SQLITE_DBCONFIG_DQS_DDL, 0},
                                      {SQLITE_DBCONFIG_ENABLE_FKEY, 1},
                                      {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0}}) {
    const int code = sqlite3_db_config(handle, option, value, nullptr);
    if (code != SQLITE_OK) return database_error(connection, code, "cannot configure the store");
  }
  return {};
}

}  // namespace

Statement::Statement(std::unique_ptr<PreparedStatement> prepared) : prepared_(std::move(prepared)) {}
Statement::Statement(Statement&&) noexcept = default;
Statement& Statement::operator=(Statement&&) noexcept = default;
Statement::~Statement() = default;

Statement& Statement::bind(int parameter, std::int64_t value) {
  start_over(*prepared_);
  keep_first_failure(*prepared_, sqlite3_bind_int64(prepared_->handle, parameter, value));
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view text) {
  start_over(*prepared_);
  // A view without bytes may point nowhere, which SQLite would take for null.
  const char* bytes = text.empty() ? "" : text.data();
  keep_first_failure(
      *prepared_, sqlite3_bind_text64(prepared_->handle, parameter, bytes, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind(int parameter, const std::optional<std::int64_t>& value) {
  return value ? bind(parameter, *value) : bind_null(parameter);
}

Statement& Statement::bind_blob(int parameter, std::string_view bytes) {
  start_over(*prepared_);
  const char* start = bytes.empty() ? "" : bytes.data();
  keep_first_failure(*prepared_,
                     sqlite3_bind_blob64(prepared_->handle, parameter, start, bytes.size(), SQLITE_TRANSIENT));
  return *this;
}

Statement& Statement::bind_null(int parameter) {
  start_over(*prepared_);
  keep_first_failure(*prepared_, sqlite3_bind_null(prepared_->handle, parameter));
  return *this;
}

Result<StatementStep> Statement::step() {
  PreparedStatement& statement = *prepared_;
  int code = std::exchange(statement.bind_result, SQLITE_OK);
  if (code == SQLITE_OK) {
    code = sqlite3_step(statement.handle);
    statement.stepped = true;
    if (code == SQLITE_ROW) return StatementStep::kRow;
  }
  // The error is described before the reset, which changes what SQLite says about it.
  Result<StatementStep> result = StatementStep::kDone;
  if (code != SQLITE_DONE) result = database_error(*statement.connection, code, "cannot use the store");
  reset();
  return result;
}

Status Statement::run() {
  StatementStep step = StatementStep::kRow;
  while (step == StatementStep::kRow) {
    WRIT_ASSIGN(step, this->step());
  }
  return {};
}

void Statement::reset() {
  sqlite3_reset(prepared_->handle);
  sqlite3_clear_bindings(prepared_->handle);
  prepared_->stepped = false;
  prepared_->bind_result = SQLITE_OK;
}

Result<std::int64_t> Statement::integer(int column) const {
  if (sqlite3_column_type(prepared_->handle, column) != SQLITE_INTEGER) return wrong_type(*prepared_, column);
  return sqlite3_column_int64(prepared_->handle, column);
}

Result<std::optional<std::int64_t>> Statement::optional_integer(int column) const {
  if (is_null(*prepared_, column)) return std::nullopt;
  WRIT_ASSIGN(const std::int64_t value, integer(column));
  return value;
}

Result<std::string> Statement::text(int column) const {
  if (sqlite3_column_type(prepared_->handle, column) != SQLITE_TEXT) return wrong_type(*prepared_, column);
  return bytes_of(prepared_->handle, column);
}

Result<std::optional<std::string>> Statement::optional_text(int column) const {
  if (is_null(*prepared_, column)) return std::nullopt;
  WRIT_ASSIGN(std::string value, text(column));
  return value;
}

Result<std::string> Statement::blob(int column) const {
  if (sqlite3_column_type(prepared_->handle, column) != SQLITE_BLOB) return wrong_type(*prepared_, column);
  return bytes_of(prepared_->handle, column);
}

Database::Database(std::shared_ptr<DatabaseConnection> connection) : connection_(std::move(connection)) {}

Result<Database> Database::open(const std::string& path, std::chrono::milliseconds busy_wait) {
  auto connection = std::make_shared<DatabaseConnection>();
  connection->path = path;
  connection->busy_wait = busy_wait;
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path.c_str(), &connection->handle, kFlags, "unix");
  if (code != SQLITE_OK) return database_error(*connection, code, "cannot open the store");
  WRIT_TRY(configure(*connection));
  return Database(std::move(connection));
}

Result<Statement> Database::prepare(std::string_view sql) const {
  auto prepared = std::make_unique<PreparedStatement>();
  prepared->connection = connection_;
  const int code = sqlite3_prepare_v3(connection_->handle, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &prepared->handle, nullptr);
  if (code != SQLITE_OK) return database_error(*connection_, code, "cannot use the store");
  return Statement(std::move(prepared));
}

Status Database::execute(const std::string& sql) const {
  const int code = sqlite3_exec(connection_->handle, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return database_error(*connection_, code, "cannot use the store");
  return {};
}

Result<std::int64_t> Database::query_integer(std::string_view sql) const {
  WRIT_ASSIGN(Statement query, prepare(sql));
  WRIT_ASSIGN(const StatementStep step, query.step());
  if (step != StatementStep::kRow) return fail("the store answers nothing to " + quote_bytes(sql));
  return query.integer(0);
}

Result<std::string> Database::query_text(std::string_view sql) const {
  WRIT_ASSIGN(Statement query, prepare(sql));
  WRIT_ASSIGN(const StatementStep step, query.step());
  if (step != StatementStep::kRow) return fail("the store answers nothing to " + quote_bytes(sql));
  return query.text(0);
}

bool Database::in_transaction() const { return sqlite3_get_autocommit(connection_->handle) == 0; }

std::int64_t Database::changed_rows() const { return sqlite3_changes(connection_->handle); }

}  // namespace writ
