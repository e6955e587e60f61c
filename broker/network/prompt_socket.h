// PromptSocket: owns a socket of which a tool has copies too, and closes it without waiting.
//
// Whoever closes the last copy of a connected socket waits as long as its SO_LINGER says, and a tool can arrange that
// it is the broker: it sets the option, and closes its own copy while the broker has one. So the wait is interrupted,
// by a signal of a timer, after some milliseconds; the kernel then goes on with the connection by itself.
//
// Threads: the thread of the notification loop only; the timer (ITIMER_REAL, SIGALRM) belongs to this class.
#ifndef WRIT_BROKER_NETWORK_PROMPT_SOCKET_H_
#define WRIT_BROKER_NETWORK_PROMPT_SOCKET_H_

#include <utility>

#include "broker/base/unique_fd.h"

namespace writ {

class PromptSocket {
 public:
  // Makes SIGALRM interrupt what waits, and nothing else. Once, before the first socket is closed.
  static void take_over_alarm();

  PromptSocket() = default;
  explicit PromptSocket(UniqueFd socket) : socket_(std::move(socket)) {}
  PromptSocket(PromptSocket&&) noexcept = default;
  PromptSocket& operator=(PromptSocket&& other) noexcept {
    if (this != &other) {
      reset();
      socket_ = std::move(other.socket_);
    }
    return *this;
  }
  PromptSocket(const PromptSocket&) = delete;
  PromptSocket& operator=(const PromptSocket&) = delete;
  ~PromptSocket() { reset(); }

  [[nodiscard]] int get() const { return socket_.get(); }
  [[nodiscard]] bool valid() const { return socket_.valid(); }
  void reset() noexcept;

 private:
  UniqueFd socket_;
};

}  // namespace writ

#endif  // WRIT_BROKER_NETWORK_PROMPT_SOCKET_H_
