// HumanQueue: one connection of a primitive to the queue of the person, from putting a request there to what was
// decided about it.
//
// A decision counts for exactly the request that was sent: the row is compared with it, and the decision is checked
// once more by the rules of the queue (request_decision.h). Whoever stops waiting cancels the request in the store, so
// that nobody answers it in vain or later; where the person was quicker, their decision counts.
//
// Threads: one at a time. Fork: as Store.
#ifndef WRIT_BROKER_PRIMITIVES_HUMAN_QUEUE_H_
#define WRIT_BROKER_PRIMITIVES_HUMAN_QUEUE_H_

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "broker/primitives/primitive.h"
#include "broker/requests/human_request.h"
#include "broker/requests/request_store.h"
#include "broker/store/store_watch.h"

namespace writ {

// Outputs of one process that nobody has looked at yet. The queue is everybody's: one talker must not fill it.
inline constexpr std::size_t kWaitingOutputsLimit = 100;

struct HumanWaitLimits {
  int cancel = -1;  // borrowed: readable or hung up when the asker is gone; -1: none
  std::chrono::milliseconds time{};
};

// A request of this process, not yet in any queue; without a `deadline` it waits until the process ends. `subject` is
// who asks, for people. Error: kFailed, there is no randomness or no /proc.
[[nodiscard]] Attempt<HumanRequest> make_request(RequestKind kind, RequestPayload payload, std::string subject,
                                                 std::optional<std::chrono::milliseconds> deadline);

class HumanQueue {
 public:
  // The store in `directory`, which must lie where no tool can write. Error: kFailed, it cannot be opened.
  [[nodiscard]] static Attempt<HumanQueue> open(const std::string& directory);

  // Errors: kLimit, too much waits already; kFailed, the store could not be written. Nothing is in the queue then.
  [[nodiscard]] Attempt<std::monostate> put(const HumanRequest& request);

  // Blocks until `sent`, which was put there, is decided, and returns the row: approved, rejected or edited by a
  // decision that is valid for it. Errors: kTimedOut; kCancelled, the asker is gone or somebody has cancelled it;
  // kFailed, the row is not what was sent, is gone, or holds no valid decision. It is not pending after any of them.
  [[nodiscard]] Attempt<HumanRequest> wait(const HumanRequest& sent, const HumanWaitLimits& limits);

 private:
  HumanQueue(RequestStore store, StoreWatch watch) : store_(std::move(store)), watch_(std::move(watch)) {}
  [[nodiscard]] Attempt<std::monostate> check_room(const HumanRequest& request) const;
  [[nodiscard]] Attempt<std::optional<HumanRequest>> look(const HumanRequest& sent);
  [[nodiscard]] Attempt<HumanRequest> give_up(const HumanRequest& sent, PrimitiveFailure why);

  RequestStore store_;
  StoreWatch watch_;
};

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_HUMAN_QUEUE_H_
