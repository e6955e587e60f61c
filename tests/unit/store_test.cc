// The store: where it may lie, what it refuses, transactions, migrations.
#include "broker/store/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>

#include "tests/unit/store_fixture.h"

namespace writ::store_tests {
namespace {

constexpr auto kOneTable =
    std::to_array<StoreMigration>({{"one", "CREATE TABLE one (number INTEGER NOT NULL) STRICT;"}});
constexpr auto kTwoTables = std::to_array<StoreMigration>(
    {kOneTable[0], {"two", "CREATE TABLE two (name TEXT); INSERT INTO two VALUES ('made by the second');"}});
constexpr auto kBroken =
    std::to_array<StoreMigration>({kOneTable[0], {"broken", "CREATE TABLE half (a); CREATE TABLE half (a);"}});

StoreOptions with(std::span<const StoreMigration> migrations, int busy_ms = 5000) {
  return {std::chrono::milliseconds(busy_ms), migrations};
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

void write_file(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void insert(const Store& store, int number) {
  need(store.database().execute("INSERT INTO one VALUES (" + std::to_string(number) + ")"));
}
std::int64_t count(const Store& store) { return needed(store.database().query_integer("SELECT count(*) FROM one")); }

// Whether `words` are in the sentence that a person reads.
bool says(const Error& error, std::string_view words) {
  INFO(error.describe());
  return error.describe().find(words) != std::string::npos;
}

TEST_CASE("store: private whatever the umask is", "[store]") {
  for (const mode_t mask : {0u, 022u, 077u}) {
    StorePlace place;
    const mode_t before = ::umask(mask);
    const Store store = place.open(with(kOneTable));
    insert(store, 1);
    ::umask(before);
    CHECK(mode_of(place.directory()) == 0700);
    for (const char* suffix : {"", "-wal", "-shm"}) CHECK(mode_of(place.file() + suffix) == 0600);
  }
}

TEST_CASE("store: an acknowledged transaction is in the file, in a write-ahead log that is synchronised", "[store]") {
  StorePlace place;
  {
    const Store store = place.open(with(kOneTable));
    insert(store, 7);
    CHECK(needed(store.database().query_text("PRAGMA journal_mode")) == "wal");
    CHECK(needed(store.database().query_integer("PRAGMA synchronous")) == 2);
    CHECK(needed(store.database().query_integer("PRAGMA foreign_keys")) == 1);
    CHECK(needed(store.database().query_integer("PRAGMA application_id")) == kStoreApplicationId);
    need(store.check_integrity());
  }
  CHECK(needed(place.open(with(kOneTable)).database().query_integer("SELECT number FROM one")) == 7);
}

TEST_CASE("store: links, others' access and other kinds of files are refused, and left as they are", "[store]") {
  StorePlace place;
  (void)place.open(with(kOneTable));
  SECTION("the directory can be entered by others") {
    REQUIRE(::chmod(place.directory().c_str(), 0750) == 0);
    CHECK(says(place.refused(), "others may access it"));
    CHECK(mode_of(place.directory()) == 0750);
  }
  SECTION("the file can be read by others") {
    REQUIRE(::chmod(place.file().c_str(), 0604) == 0);
    CHECK(says(place.refused(), "others may access it"));
  }
  SECTION("the directory is a link") {
    std::filesystem::rename(place.directory(), place.base() + "/moved");
    std::filesystem::create_symlink(place.base() + "/moved", place.directory());
    CHECK(says(place.refused(), "symbolic link"));
  }
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    DYNAMIC_SECTION("a link in place of writ.db" << suffix) {
      std::filesystem::remove(place.file() + suffix);
      write_file(place.base() + "/victim", "untouched");
      std::filesystem::create_symlink(place.base() + "/victim", place.file() + suffix);
      CHECK(says(place.refused(), "symbolic link"));
      CHECK(read_file(place.base() + "/victim") == "untouched");
    }
  }
  SECTION("the file has a second name") {
    std::filesystem::create_hard_link(place.file(), place.base() + "/second");
    CHECK(says(place.refused(), "more than one name"));
  }
  SECTION("the file is a FIFO") {
    std::filesystem::remove(place.file());
    REQUIRE(::mkfifo(place.file().c_str(), 0600) == 0);
    CHECK(says(place.refused(), "not a regular file"));
  }
  SECTION("the file is a directory") {
    std::filesystem::remove(place.file());
    REQUIRE(::mkdir(place.file().c_str(), 0700) == 0);
    CHECK(says(place.refused(), "not a regular file"));
  }
}

TEST_CASE("store: what belongs to somebody else is refused", "[store]") {
  StorePlace place;
  (void)place.open();
  if (::geteuid() == 0) {
    REQUIRE(::chown(place.file().c_str(), 4711, 0) == 0);
    CHECK(says(place.refused(), "belongs to uid 4711"));
    REQUIRE(::chown(place.file().c_str(), 0, 0) == 0);
    REQUIRE(::chown(place.directory().c_str(), 4711, 0) == 0);
    CHECK(says(place.refused(), "belongs to uid 4711"));
  } else {
    const Result<Store> root_owned = Store::open("/usr");
    REQUIRE_FALSE(root_owned);
    CHECK(says(root_owned.error(), "belongs to uid 0"));
  }
}

TEST_CASE("store: a relative path is no place for a store", "[store]") {
  for (const char* path : {"", "store", "./store", "/tmp/x/"}) CHECK_FALSE(Store::open(path));
}

TEST_CASE("store: what is no store, damaged or too new is refused with its reason", "[store]") {
  StorePlace place;
  SECTION("no database") {
    (void)place.open(with(kOneTable));
    write_file(place.file(), std::string(8192, 'x'));
    CHECK(place.refused().system_errno == ENOEXEC);
  }
  SECTION("a database of another program") {
    { need(place.open(with(kOneTable)).database().execute("PRAGMA application_id=1")); }
    CHECK(says(place.refused(with(kOneTable)), "another program"));
  }
  SECTION("tables, but nobody's") {
    {
      const Store store = place.open(with(kOneTable));
      need(store.database().execute("PRAGMA application_id=0; PRAGMA user_version=0"));
    }
    CHECK(says(place.refused(with(kOneTable)), "another program"));
  }
  SECTION("a newer schema") {
    { (void)place.open(with(kTwoTables)); }
    const std::string before = read_file(place.file());
    CHECK(says(place.refused(with(kOneTable)), "newer Writ (schema 2, this one knows 1)"));
    CHECK(read_file(place.file()) == before);
  }
  SECTION("damaged pages") {
    {
      const Store store = place.open(with(kOneTable));
      for (int i = 0; i < 2000; ++i) insert(store, i);
    }
    std::string bytes = read_file(place.file());
    REQUIRE(bytes.size() > 8192);
    bytes.replace(4096, 4096, std::string(4096, '\xA5'));
    write_file(place.file(), bytes);
    const Store store = place.open(with(kOneTable));
    const Status checked = store.check_integrity();
    REQUIRE_FALSE(checked);
    CHECK(checked.error().system_errno == EUCLEAN);
    const auto rows = store.database().query_integer("SELECT sum(number) FROM one");
    REQUIRE_FALSE(rows);
    CHECK(rows.error().system_errno == EUCLEAN);
  }
}

TEST_CASE("store: migrations are applied once, in order, and as a whole", "[store]") {
  StorePlace place;
  {
    const Store store = place.open(with(kOneTable));
    insert(store, 5);
  }
  SECTION("an older store is brought up to date and keeps its rows") {
    for (int round = 0; round < 2; ++round) {
      const Store store = place.open(with(kTwoTables));
      CHECK(count(store) == 1);
      CHECK(needed(store.database().query_integer("SELECT count(*) FROM two")) == 1);
      CHECK(needed(store.database().query_integer("PRAGMA user_version")) == 2);
    }
  }
  SECTION("a migration that fails leaves nothing behind") {
    CHECK(says(place.refused(with(kBroken)), "broken"));
    const Store store = place.open(with(kOneTable));
    CHECK(count(store) == 1);
    CHECK(needed(store.database().query_integer("SELECT count(*) FROM sqlite_schema WHERE name='half'")) == 0);
  }
}

TEST_CASE("store: a transaction that is not committed has not happened", "[store]") {
  StorePlace place;
  const Store store = place.open(with(kOneTable));
  {
    const Transaction transaction = needed(store.begin_writing());
    insert(store, 1);
    CHECK(count(store) == 1);
  }
  CHECK(count(store) == 0);
  {
    Transaction transaction = needed(store.begin_writing());
    insert(store, 1);
    need(transaction.commit());
  }
  CHECK(count(store) == 1);
}

TEST_CASE("store: another writer is waited for, but not for ever", "[store]") {
  StorePlace place;
  const Store first = place.open(with(kOneTable));
  const Store second = place.open(with(kOneTable, 100));
  const Transaction writing = needed(first.begin_writing());
  const auto before = std::chrono::steady_clock::now();
  const Result<Transaction> refused = second.begin_writing();
  const auto waited = std::chrono::steady_clock::now() - before;
  REQUIRE_FALSE(refused);
  CHECK(refused.error().system_errno == EBUSY);
  CHECK(says(refused.error(), "locked for more than 100 ms"));
  CHECK(waited >= std::chrono::milliseconds(90));
  CHECK(waited < std::chrono::seconds(5));
  CHECK(second.begin_reading());  // readers do not wait
}

TEST_CASE("store: the data version tells what others have written", "[store]") {
  StorePlace place;
  Store first = place.open(with(kOneTable));
  const Store second = place.open(with(kOneTable));
  const std::int64_t before = needed(first.data_version());
  insert(first, 1);
  CHECK(needed(first.data_version()) == before);
  insert(second, 2);
  CHECK(needed(first.data_version()) != before);
}

TEST_CASE("store: statements keep types, bytes and errors apart", "[store]") {
  StorePlace place;
  const Store store = place.open(with(kOneTable));
  need(store.database().execute("CREATE TABLE mixed (a INTEGER, b TEXT, c BLOB)"));
  Statement insertion = needed(store.database().prepare("INSERT INTO mixed VALUES (?, ?, ?)"));
  const std::string bytes("a\0b\xff", 4);
  need(insertion.bind(1, -5).bind(2, std::string_view()).bind_blob(3, bytes).run());
  need(insertion.bind(1, std::optional<std::int64_t>()).run());  // parameters do not stay from the last time
  CHECK_FALSE(insertion.bind(4, 1).run());                       // there is no fourth; said when it is run
  Statement selection = needed(store.database().prepare("SELECT a, b, c FROM mixed ORDER BY rowid"));
  REQUIRE(needed(selection.step()) == StatementStep::kRow);
  CHECK(needed(selection.integer(0)) == -5);
  CHECK(needed(selection.text(1)).empty());
  CHECK(needed(selection.blob(2)) == bytes);
  CHECK(selection.integer(1).error().system_errno == EUCLEAN);
  CHECK(selection.text(0).error().system_errno == EUCLEAN);
  REQUIRE(needed(selection.step()) == StatementStep::kRow);
  CHECK_FALSE(needed(selection.optional_integer(0)));
  CHECK_FALSE(needed(selection.optional_text(1)));
  CHECK(needed(selection.step()) == StatementStep::kDone);
  CHECK_FALSE(store.database().prepare("SELECT nothing FROM nowhere"));
  // A name in double quotes is no text: a misspelt column is an error.
  CHECK_FALSE(store.database().prepare("SELECT \"misspelt\" FROM mixed"));
}

TEST_CASE("store: processes that make it at the same time make one", "[store]") {
  constexpr int kProcesses = 8;
  constexpr int kRounds = 5;
  for (int round = 0; round < kRounds; ++round) {
    StorePlace place;
    std::array<pid_t, kProcesses> children{};
    for (pid_t& child : children) {
      child = ::fork();
      REQUIRE(child >= 0);
      if (child != 0) continue;
      const Result<Store> store = Store::open(place.directory(), with(kTwoTables));
      const bool good = store && store->database().execute("INSERT INTO one VALUES (1)");
      ::_exit(good ? 0 : 1);
    }
    for (const pid_t child : children) {
      int status = -1;
      REQUIRE(::waitpid(child, &status, 0) == child);
      CHECK(status == 0);
    }
    const Store store = place.open(with(kTwoTables));
    CHECK(count(store) == kProcesses);
    CHECK(needed(store.database().query_integer("SELECT count(*) FROM two")) == 1);
  }
}

}  // namespace
}  // namespace writ::store_tests
