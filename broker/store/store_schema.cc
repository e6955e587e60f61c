#include "broker/store/store_schema.h"

#include <array>

namespace writ {
namespace {

// broker/authority. `record` is a capability as it was issued and never changes; what changes has columns. `change`
// counts all changes, so that another process can read what is new to it.
constexpr std::string_view kCapabilities = R"sql(
CREATE TABLE authority_state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  change INTEGER NOT NULL,
  latest_wall INTEGER NOT NULL,
  boot TEXT NOT NULL,
  boot_running INTEGER NOT NULL
) STRICT;
INSERT INTO authority_state VALUES (1, 0, 0, '', 0);
CREATE TABLE capabilities (
  id TEXT PRIMARY KEY,
  record TEXT NOT NULL,
  status TEXT NOT NULL,
  uses_remaining INTEGER CHECK (uses_remaining >= 0),
  change INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX capabilities_by_change ON capabilities (change);
CREATE TABLE reservations (
  id TEXT PRIMARY KEY,
  capability TEXT NOT NULL REFERENCES capabilities (id),
  intent TEXT NOT NULL,
  owner TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'unknown')),
  change INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX reservations_by_capability ON reservations (capability);
)sql";

// broker/requests: what waits for a person. Times are milliseconds since 1970-01-01 UTC.
constexpr std::string_view kHumanRequests = R"sql(
CREATE TABLE human_requests (
  id TEXT PRIMARY KEY,
  subject TEXT NOT NULL,
  kind TEXT NOT NULL,
  payload TEXT NOT NULL,
  argument_hash BLOB NOT NULL,
  target_version TEXT NOT NULL,
  blocking INTEGER NOT NULL CHECK (blocking IN (0, 1)),
  owner_pid INTEGER NOT NULL,
  owner_start INTEGER NOT NULL,
  owner_boot TEXT NOT NULL,
  owner_namespace TEXT NOT NULL,
  status TEXT NOT NULL,
  decision TEXT,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL,
  deadline_ms INTEGER,
  revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX human_requests_by_status ON human_requests (status, created_ms);
)sql";

// broker/authority: what running sandboxes have by capabilities, and what came of it when one was revoked.
constexpr std::string_view kLiveGrants = R"sql(
CREATE TABLE live_grants (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  owner TEXT NOT NULL,
  capabilities TEXT NOT NULL,
  path BLOB NOT NULL,
  kill_holders INTEGER NOT NULL DEFAULT 0 CHECK (kill_holders IN (0, 1)),
  outcome TEXT,
  holders_killed INTEGER NOT NULL DEFAULT 0 CHECK (holders_killed IN (0, 1))
) STRICT;
CREATE INDEX live_grants_by_owner ON live_grants (owner);
)sql";

// broker/daemon: the sandboxes of daemons. `record` is what clients see; what is looked for has columns.
constexpr std::string_view kSandboxes = R"sql(
CREATE TABLE sandbox_numbers (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  next INTEGER NOT NULL
) STRICT;
INSERT INTO sandbox_numbers VALUES (1, 1);
CREATE TABLE sandboxes (
  number INTEGER PRIMARY KEY,
  owner TEXT NOT NULL,
  over INTEGER NOT NULL CHECK (over IN (0, 1)),
  record TEXT NOT NULL
) STRICT;
CREATE INDEX sandboxes_by_over ON sandboxes (over, number);
)sql";

constexpr auto kMigrations = std::to_array<StoreMigration>({
    {"capabilities", kCapabilities},
    {"human_requests", kHumanRequests},
    {"live_grants", kLiveGrants},
    {"sandboxes", kSandboxes},
});

}  // namespace

std::span<const StoreMigration> store_migrations() { return kMigrations; }

}  // namespace writ
