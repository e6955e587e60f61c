// SandboxStore: what must still be known about a daemon's sandboxes after it was killed: which were alive. Whoever
// opens the store next finds them dead (they die with their daemon) and writes that down.
//
// Ownership: owns its connection to the store. Threads: one. Fork: as store.h.
#ifndef WRIT_BROKER_DAEMON_SANDBOX_STORE_H_
#define WRIT_BROKER_DAEMON_SANDBOX_STORE_H_

#include <span>
#include <string>
#include <vector>

#include "broker/authority/process_identity.h"
#include "broker/base/error.h"
#include "broker/daemon/sandbox_record.h"
#include "broker/store/store.h"

namespace writ {

inline constexpr std::int64_t kKeptSandboxes = 1000;  // of those that are over

class SandboxStore {
 public:
  // `directory` as of Store::open(). Errors: those of the store.
  [[nodiscard]] static Result<SandboxStore> open(const std::string& directory, ProcessIdentity owner);

  // Marks as lost what daemons that are gone have left, and returns it.
  [[nodiscard]] Result<std::vector<SandboxRecord>> mark_lost(std::int64_t now_ms);

  // A number that no sandbox of this person ever had.
  [[nodiscard]] Result<SandboxNumber> next_number();

  // Writes all of them, new ones and known ones, and forgets the oldest that are over. All or none.
  [[nodiscard]] Status write(std::span<const SandboxRecord> records);

  // The latest ones, newest first, of all daemons of this person.
  [[nodiscard]] Result<std::vector<SandboxRecord>> latest(std::int64_t limit) const;

 private:
  SandboxStore(Store store, ProcessIdentity owner) : store_(std::move(store)), owner_(std::move(owner)) {}

  Store store_;
  ProcessIdentity owner_;
  std::int64_t next_ = 0;  // numbers from here …
  std::int64_t end_ = 0;   // … to here are reserved for this daemon
};

}  // namespace writ

#endif  // WRIT_BROKER_DAEMON_SANDBOX_STORE_H_
