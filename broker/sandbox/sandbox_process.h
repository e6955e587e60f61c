// SandboxProcess: the broker's hold on one sandbox: its init, the control socket to it, and what init reports.
//
// Ownership: owns the socket and the pidfd. Destroying it before the sandbox has ended ends the sandbox. Threads: one
// at a time; the thread that started it must live as long as the sandbox, because its end kills it (PR_SET_PDEATHSIG).
#ifndef WRIT_BROKER_SANDBOX_SANDBOX_PROCESS_H_
#define WRIT_BROKER_SANDBOX_SANDBOX_PROCESS_H_

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string_view>
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

// Answers of attach_tree(), detach_tree(), pause() and resume() that may be outstanding.
inline constexpr std::size_t kOutstandingInitRequests = 64;

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

  // Sends the sealed plan (kPlan) or order (kOrder) and its descriptors (borrowed; the sandbox gets copies).
  // `descriptors` are what its indices count, where index 0 is the memory itself.
  [[nodiscard]] Status send(InitCommand command, int memory, const std::vector<int>& descriptors);

  // Sends `signal` to the tool's process group. Silently nothing when the sandbox has ended.
  void signal_tool(int signal);

  // Asks init to attach a copy of the borrowed detached `mount` at `path` of the running view (late_mounts.h says what
  // a place is). The answer is a kAttached with the same `tree`, which receive() returns sooner or later; from then on
  // every process of the sandbox sees the tree. Only after finish_start() and where the plan had LateGrants::kPossible
  // (otherwise the answer is EOPNOTSUPP). Never blocks. Errors, nothing is sent then: `path` names no place; too many
  // answers outstanding (EAGAIN); the sandbox has ended (EPIPE).
  [[nodiscard]] Status attach_tree(AttachId tree, std::string_view path, int mount);

  // Asks init to take away what was attached as `tree` at `path`; the answer is a kDetached, which says what came of
  // it. Its names are gone then, for everybody; what is held (working directories, open files) is not taken away by any
  // means of the kernel, only restricted (DetachOutcome). Errors as above.
  [[nodiscard]] Status detach_tree(AttachId tree, std::string_view path);

  // Asks init to stop every process of the sandbox (process_pause.h says how, and what that does not reach). The answer
  // is a kPaused, which receive() returns within half a second; meanwhile init does nothing else. What is
  // paused already may be paused again. While it is, init reports no kStopped for what the pause did. Signals sent
  // meanwhile arrive after resume(); kill() works at once. Only after finish_start(). Never blocks. Errors, nothing is
  // sent then: too many answers outstanding (EAGAIN); the sandbox has ended (EPIPE). A sandbox without a pid namespace
  // of its own answers with EOPNOTSUPP: there init cannot tell its processes from the host's.
  [[nodiscard]] Status pause();

  // Asks init to let everything go on that the pause had stopped; what the tool's own job control had stopped before it
  // stays stopped. The answer is a kResumed, also where nothing was paused. Errors as above.
  [[nodiscard]] Status resume();

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

  [[nodiscard]] Status send_tree_request(InitCommand command, AttachId tree, std::string_view path, int mount);
  [[nodiscard]] Status send_pause_request(InitCommand command);

  pid_t pid_ = -1;
  UniqueFd pidfd_;
  UniqueFd control_;
  std::size_t outstanding_ = 0;  // requests without an answer
};

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_SANDBOX_PROCESS_H_
