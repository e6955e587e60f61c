// SandboxProcess: the broker's hold on one sandbox: its init, the control socket to it, and what init reports.
//
// Ownership: owns the socket and the pidfd. Destroying it before the sandbox has ended ends the sandbox. Threads: one
// at a time; the thread that started it must live as long as the sandbox, because its end kills it (PR_SET_PDEATHSIG).
#ifndef WRIT_BROKER_SANDBOX_SANDBOX_PROCESS_H_
#define WRIT_BROKER_SANDBOX_SANDBOX_PROCESS_H_

#include <sys/types.h>

#include <optional>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/sandbox/child_plan.h"
#include "broker/sandbox/init_process.h"

namespace writ {

struct InitMessage {
  InitReport report;
  UniqueFd descriptor;  // kStarted: pidfd of the tool; kListener: the listener
};

class SandboxProcess {
 public:
  // Starts init, which begins to make its namespaces at once. The caller must be single-threaded: its memory is copied.
  // A kernel that refuses a namespace is not an error here; init reports it when the plan arrives.
  [[nodiscard]] static Result<SandboxProcess> start(InitOptions options);

  // What one process gives to another one of the same broker (spawner.h).
  struct HandedOver {
    pid_t pid = -1;
    UniqueFd pidfd;
    UniqueFd control;
  };
  // Takes over a sandbox whose init is a child of the calling process.
  [[nodiscard]] static SandboxProcess adopt(HandedOver process);
  // Gives up the sandbox without ending it.
  [[nodiscard]] HandedOver hand_over() &&;

  SandboxProcess(SandboxProcess&&) noexcept = default;
  SandboxProcess& operator=(SandboxProcess&&) = delete;  // what it held would have to be killed silently
  ~SandboxProcess();

  // As root: maps the sandbox's identity, before the plan is sent (user_namespaces(7)).
  [[nodiscard]] Status map_identity(const IdentityMap& map);

  // Opens init's user namespace, for mounts whose ownership is translated through it.
  [[nodiscard]] Result<UniqueFd> user_namespace() const;

  // Sends the sealed plan and its descriptors (borrowed; init gets copies). `descriptors` are what the plan's indices
  // count, where index 0 is the plan itself.
  [[nodiscard]] Status send_plan(int plan, const std::vector<int>& descriptors);

  // Sends `signal` to the tool's process group. Silently nothing when the sandbox has ended.
  void signal_tool(int signal);

  // Kills everything in the sandbox at once (SIGKILL to init, the pid namespace follows).
  void kill();

  // Receives one message; nothing when init is gone. Blocks: poll descriptor() first.
  [[nodiscard]] std::optional<InitMessage> receive();

  // Waits until init is dead and reaped, which means that the whole pid namespace is.
  void wait();

  [[nodiscard]] int descriptor() const { return control_.get(); }
  [[nodiscard]] pid_t init_pid() const { return pid_; }

 private:
  SandboxProcess(pid_t pid, UniqueFd pidfd, UniqueFd control)
      : pid_(pid), pidfd_(std::move(pidfd)), control_(std::move(control)) {}

  pid_t pid_ = -1;
  UniqueFd pidfd_;
  UniqueFd control_;
};

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_SANDBOX_PROCESS_H_
