// LiveGrants: what running sandboxes were given for the whole run by capabilities, in the store, so that somebody who
// revokes one learns from the runs what came of it, and can order that whoever still holds something of it is ended.
//
// The run that was given something owns the row, writes the outcome into it and removes it when it ends; rows of runs
// that were killed are removed by whoever looks next.
//
// Threads: one at a time. Fork: as Store.
#ifndef WRIT_BROKER_AUTHORITY_LIVE_GRANTS_H_
#define WRIT_BROKER_AUTHORITY_LIVE_GRANTS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/authority/process_identity.h"
#include "broker/capability/capability_id.h"
#include "broker/store/store.h"

namespace writ {

enum class LiveGrantId : std::int64_t {};

// What happens to processes that hold something of a revoked tree.
enum class HolderFate : std::uint8_t { kListed, kKilled };

struct LiveGrant {
  LiveGrantId id{};
  std::int64_t process = 0;  // the broker of the run
  std::string path;          // bytes, as the tool calls it
  HolderFate ordered = HolderFate::kListed;
  std::optional<std::string> outcome;     // JSON of the run; nothing: it has not noticed yet
  HolderFate done = HolderFate::kListed;  // what was done for that outcome
  [[nodiscard]] bool is_answered() const { return outcome && done >= ordered; }
};

class LiveGrants {
 public:
  // Opens the store in `directory`. Errors: of the store; /proc is not there.
  [[nodiscard]] static Result<LiveGrants> open(const std::string& directory);

  // --- the run ---
  // `chain`: the capability that allowed `path`, and those that it was delegated from.
  [[nodiscard]] Result<LiveGrantId> add(std::span<const CapabilityId> chain, std::string_view path);
  // What somebody wants done with the holders of it. kListed when the row is gone.
  [[nodiscard]] Result<HolderFate> ordered(LiveGrantId id);
  // `outcome`: JSON.
  [[nodiscard]] Status report(LiveGrantId id, std::string_view outcome, HolderFate done);
  // All rows of this process.
  [[nodiscard]] Status remove_own();

  // --- whoever revokes ---
  // What running sandboxes have by `capability` or by what was delegated from it.
  [[nodiscard]] Result<std::vector<LiveGrant>> given_by(const CapabilityId& capability);
  // The holders of all that is to be ended; to be ordered after the revocation.
  [[nodiscard]] Status order_end_of_holders(const CapabilityId& capability);

 private:
  struct Statements;
  LiveGrants(Store store, ProcessIdentity self, std::unique_ptr<Statements> statements);
  [[nodiscard]] Status remove_abandoned();

  std::unique_ptr<Store> store_;  // its address is what the statements know
  ProcessIdentity self_;
  std::unique_ptr<Statements> statements_;

 public:
  LiveGrants(LiveGrants&&) noexcept;
  LiveGrants& operator=(LiveGrants&&) noexcept;
  ~LiveGrants();
};

}  // namespace writ

#endif  // WRIT_BROKER_AUTHORITY_LIVE_GRANTS_H_
