// RequestStore: the human queue in the person's store, shared by the runs that ask and the terminals that answer.
//
// A request is decided once: whoever decides names the revision that they have seen, and the change is made in one
// transaction (BEGIN IMMEDIATE) and only from `pending` and that revision. What waits for a process that is gone, or
// for longer than its deadline, is cancelled by whoever reads the queue next, also after kill -9.
//
// Threads and forks: as Store.
#ifndef WRIT_BROKER_REQUESTS_REQUEST_STORE_H_
#define WRIT_BROKER_REQUESTS_REQUEST_STORE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/requests/human_request.h"
#include "broker/store/store.h"

namespace writ {

enum class Decided : std::uint8_t {
  kDone,            // by this call
  kUnknown,         // there is no such request
  kDecidedAlready,  // by somebody else; `request` says how
  kStale,           // it has another revision than was seen
  kOver,            // whoever asked does not wait any more; it is cancelled now
  kRefused,         // the decision is not valid (check_decision()); `why` says it, and nothing has changed
};

struct DecideResult {
  Decided how = Decided::kUnknown;
  std::optional<HumanRequest> request;  // as it is now
  std::string why;
};

enum class Listed : std::uint8_t { kPending, kAll };

struct RequestList {
  std::vector<HumanRequest> requests;   // oldest first
  std::vector<std::string> unreadable;  // ids (escaped) of rows that nobody of ours has written, with what is wrong
};

// Milliseconds since 1970-01-01 UTC.
[[nodiscard]] std::int64_t wall_clock_ms();

class RequestStore {
 public:
  static constexpr std::int64_t kPendingLimit = 1000;  // of all runs; more are refused
  static constexpr std::int64_t kKeptDecided = 1000;   // older ones are forgotten
  static constexpr std::size_t kListLimit = 5000;

  // `directory`: see Store::open(), whose errors these are.
  [[nodiscard]] static Result<RequestStore> open(const std::string& directory,
                                                 std::chrono::milliseconds busy_wait = std::chrono::seconds(2));

  // Puts a new request, pending and of revision 1, into the queue. Errors: the payload is too large, too many wait.
  [[nodiscard]] Status add(const HumanRequest& request);

  [[nodiscard]] Result<std::optional<HumanRequest>> find(const RequestId& id) const;
  [[nodiscard]] Result<RequestList> list(Listed which) const;
  // Ids that begin with `prefix` (request_id_prefix()), at most `limit`.
  [[nodiscard]] Result<std::vector<std::string>> ids_beginning_with(const std::string& prefix, std::size_t limit) const;

  [[nodiscard]] Result<DecideResult> decide(const RequestId& id, std::int64_t revision, RequestAct act,
                                            const RequestDecision& decision);
  // Cancels it if it is pending still; nothing otherwise. `reason` is raw.
  [[nodiscard]] Status cancel(const RequestId& id, const std::string& reason, const std::string& by);
  // Cancels what nobody waits for any more. Returns how many there were.
  [[nodiscard]] Result<std::size_t> cancel_abandoned();

  // Whether another process has changed the store since the last call; true the first time.
  [[nodiscard]] Result<bool> changed();

 private:
  explicit RequestStore(Store store) : store_(std::move(store)) {}
  [[nodiscard]] Status forget_old() const;
  [[nodiscard]] Result<std::optional<HumanRequest>> find_here(const std::string& id) const;
  [[nodiscard]] Result<bool> change(const HumanRequest& from, RequestStatus status,
                                    const RequestDecision& decision) const;

  Store store_;
  std::optional<std::int64_t> last_version_;
};

}  // namespace writ

#endif  // WRIT_BROKER_REQUESTS_REQUEST_STORE_H_
