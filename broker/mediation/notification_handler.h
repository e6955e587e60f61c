// NotificationHandler: what the broker does about one kind of trapped call. The loop (notification_loop.h) owns the
// order of the steps; a handler fills them in.
//
// Threads: everything runs on the thread of the loop (docs/mediation.md, "What can delay whom").
#ifndef WRIT_BROKER_MEDIATION_NOTIFICATION_HANDLER_H_
#define WRIT_BROKER_MEDIATION_NOTIFICATION_HANDLER_H_

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>

#include "broker/kernel/seccomp_notify.h"

namespace writ {

// What was copied out of a caller for one call. Everything in it is the broker's own: memory, and descriptors that it
// took or opened. Nothing is read from the caller again.
class CallCopy {
 public:
  CallCopy() = default;
  CallCopy(const CallCopy&) = delete;
  CallCopy& operator=(const CallCopy&) = delete;
  virtual ~CallCopy() = default;
};

struct AnswerValue {
  std::int64_t value = 0;
};
struct AnswerErrno {
  int error = 0;
};
// The call returns the number of a descriptor that the caller gets.
struct AnswerDescriptor {
  UniqueFd descriptor;
  bool close_on_exec = true;
};
// The caller gets a descriptor, and the call returns `value` plus its number times `number_factor`. The broker's copy
// is closed before the call returns.
struct AnswerBoth {
  UniqueFd descriptor;
  std::int64_t value = 0;
  std::int64_t number_factor = 0;
  bool close_on_exec = true;
};
// The kernel makes the call itself. `reason`: why nothing is granted by that, whatever the arguments turn into.
struct AnswerContinue {
  const char* reason = nullptr;
};
// Not yet: the handler answers through the loop when it knows. Where something else decides how long that takes,
// `within` bounds it: then the call fails with `late`, and the handler is told to abandon it. A caller that waits
// cannot be interrupted by anything but death, so none is a choice for what ends by itself.
struct AnswerLater {
  std::optional<std::chrono::milliseconds> within;
  int late = ETIMEDOUT;
};
using Answer = std::variant<AnswerValue, AnswerErrno, AnswerDescriptor, AnswerBoth, AnswerContinue, AnswerLater>;

class NotificationHandler {
 public:
  virtual ~NotificationHandler() = default;

  // Copies what the decision needs out of the caller. The loop has found the id valid before, and asks again
  // afterwards: until then nothing that was read is believed, and no effect may follow from it. An answer instead of a
  // copy ends the call (EFAULT, E2BIG, …).
  [[nodiscard]] virtual std::variant<std::unique_ptr<CallCopy>, Answer> read(const Notification& call) = 0;

  // Decides on the copy and acts. `id` is for a later answer.
  [[nodiscard]] virtual Answer decide(std::uint64_t id, std::unique_ptr<CallCopy> copy) = 0;

  // The caller of `id`, which got AnswerLater, is gone or has been answered because it was late. Nothing can be
  // answered any more.
  virtual void abandon(std::uint64_t id) = 0;
};

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_NOTIFICATION_HANDLER_H_
