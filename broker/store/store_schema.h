// The schema of the store as a list of migrations. Whoever needs a table appends one; a migration that was released is
// never changed. The version of a store (`PRAGMA user_version`) is the number of migrations that it has seen.
#ifndef WRIT_BROKER_STORE_STORE_SCHEMA_H_
#define WRIT_BROKER_STORE_STORE_SCHEMA_H_

#include <cstdint>
#include <span>
#include <string_view>

namespace writ {

// "Writ" in ASCII; `PRAGMA application_id` (https://www.sqlite.org/fileformat.html, 1.3).
inline constexpr std::int64_t kStoreApplicationId = 0x57726974;

struct StoreMigration {
  std::string_view name;  // for messages
  std::string_view sql;   // one or more statements, run in one transaction
};

// In the order in which they are applied. Lives for ever.
[[nodiscard]] std::span<const StoreMigration> store_migrations();

}  // namespace writ

#endif  // WRIT_BROKER_STORE_STORE_SCHEMA_H_
