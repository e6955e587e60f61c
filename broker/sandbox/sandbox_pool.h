// SandboxPool: sandboxes of one profile that are assembled before they are needed. Each has its namespaces, its view,
// its Landlock ruleset, and a tool process that is locked in, has no capabilities and waits for its order; a launch
// sends program, arguments, descriptors and filter. For brokers that launch many tools.
//
// A sandbox is used once and shares nothing writable with another one. What was assembled is only as good as what the
// host was at that moment, so take() compares (view_witness.h) and throws away what is no longer true.
//
// Ownership: owns the waiting sandboxes and ends them when destroyed; borrows broker and spawner. Threads: one at a
// time; single-threaded callers only (spawner.h). Sandboxes with a terminal are not for a pool: init must know it
// beforehand.
#ifndef WRIT_BROKER_SANDBOX_SANDBOX_POOL_H_
#define WRIT_BROKER_SANDBOX_SANDBOX_POOL_H_

#include <deque>
#include <optional>
#include <string>

#include "broker/base/error.h"
#include "broker/policy/bpf_program.h"
#include "broker/sandbox/launch.h"
#include "broker/sandbox/spawner.h"

namespace writ {

// What all sandboxes of a pool have in common.
struct SandboxRecipe {
  Profile profile;
  ToolIdentity identity;
  std::string working_directory;
  std::string home;
  std::string user_name;
  BpfProgram filter;
  int landlock_abi = 0;
};

struct ReadySandbox {
  SandboxProcess process;
  PreparedLaunch launch;
  std::string witness;
};

struct RunningSandbox {
  SandboxProcess process;
  PreparedLaunch launch;  // `view.guarded` is for a PersistenceGuard
  UniqueFd tool;          // pidfd
};

class SandboxPool {
 public:
  SandboxPool(const BrokerStart& broker, Spawner& spawner, SandboxRecipe recipe);

  // Assembles sandboxes until `count` are ready. For moments in which nobody waits: it takes as long as a launch.
  [[nodiscard]] tl::expected<void, LaunchError> fill(std::size_t count);

  // Runs `tool` in a ready sandbox, or in one made on the spot when none is ready and true.
  [[nodiscard]] tl::expected<RunningSandbox, LaunchError> launch(ToolRequest tool);

  // The same in two steps. begin() gives the order and does not wait: the sandbox and its program start on their own
  // while the broker does something else. finish() waits until the program is executed.
  [[nodiscard]] tl::expected<ReadySandbox, LaunchError> begin(ToolRequest tool);
  [[nodiscard]] static tl::expected<RunningSandbox, LaunchError> finish(ReadySandbox started);

  [[nodiscard]] std::size_t ready() const { return ready_.size(); }

 private:
  [[nodiscard]] tl::expected<ReadySandbox, LaunchError> assemble();
  [[nodiscard]] tl::expected<ReadySandbox, LaunchError> take();
  [[nodiscard]] tl::expected<UniqueFd, LaunchError> map_identity(SandboxProcess& process) const;

  const BrokerStart& broker_;
  Spawner& spawner_;
  SandboxRecipe recipe_;
  std::deque<ReadySandbox> ready_;
};

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_SANDBOX_POOL_H_
