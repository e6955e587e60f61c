// Spawner: a tiny process that keeps a few inits ready, each in its own fresh namespaces, so that a launch does not
// wait for a network namespace to be made. For brokers that launch many sandboxes; a single launch has start_broker().
//
// The process is forked early, while the broker is small and knows nothing; it holds no policy and reads none. Its
// inits are children of the broker (CLONE_PARENT): the broker waits for them, and they die with it. A sandbox is used
// once.
//
// Ownership: destroying the Spawner ends its process and every init that was not taken. Threads: one at a time.
#ifndef WRIT_BROKER_SANDBOX_SPAWNER_H_
#define WRIT_BROKER_SANDBOX_SPAWNER_H_

#include <cstddef>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/sandbox/broker_start.h"

namespace writ {

inline constexpr std::size_t kDefaultReadyInits = 4;

class Spawner {
 public:
  // Forks the spawner's process, which at once begins to make `ready` inits (at most 64; with 0 it makes one when it is
  // asked for). The caller must be single-threaded.
  [[nodiscard]] static Result<Spawner> start(const BrokerStart& broker, NetworkStart network,
                                             std::size_t ready = kDefaultReadyInits);

  Spawner(Spawner&&) noexcept = default;
  Spawner& operator=(Spawner&&) = delete;
  ~Spawner();

  // Takes one init; a ready one if there is one, else it waits until one is made. Errors: the spawner's process died,
  // or could not start an init.
  [[nodiscard]] Result<SandboxProcess> take();

  // Starts a process that makes many sandboxes from one template (template_process.h); it waits for its plan. Errors:
  // as above; user namespaces are not available.
  [[nodiscard]] Result<SandboxProcess> take_template();

 private:
  [[nodiscard]] Result<SandboxProcess> request(char kind);

  Spawner(pid_t pid, UniqueFd socket) : pid_(pid), socket_(std::move(socket)) {}

  pid_t pid_ = -1;
  UniqueFd socket_;
};

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_SPAWNER_H_
