// WarmTools: processes of the native tools, each in a sandbox of its own, started before they are needed. A process
// does one call and is gone; nothing of it is used again.
//
// The sandbox is the narrowest that Writ makes: the view holds the program and nothing else, the filter has no open, no
// socket, no exec and no clone but for threads (SyscallBase::kBrokerOnly). What a tool does, it does by its broker
// socket.
//
// Ownership: owns the waiting processes and ends them; broker and spawner are borrowed. Threads: one; the caller must
// be single-threaded (spawner.h).
#ifndef WRIT_BROKER_PRIMITIVES_WARM_TOOLS_H_
#define WRIT_BROKER_PRIMITIVES_WARM_TOOLS_H_

#include <array>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/policy/profile.h"
#include "broker/protocol/connection_state.h"
#include "broker/protocol/message_channel.h"
#include "broker/sandbox/sandbox_pool.h"

namespace writ {

inline constexpr std::chrono::seconds kGreetingTime{10};

struct WarmToolOptions {
  std::string program;  // absolute path of writ-tools
  ToolIdentity identity;
  std::string user_name;
  std::array<Requirement, kLayerCount> isolation{};  // of the session's profile
  int landlock_abi = 0;
};

// A process that has greeted and waits for its call.
struct ToolProcess {
  RunningSandbox sandbox;
  MessageChannel channel;
  BrokerEnd state;
};

class WarmTools {
 public:
  // Errors: no filter can be made; /dev/null cannot be opened.
  [[nodiscard]] static Result<std::unique_ptr<WarmTools>> create(const BrokerStart& broker, Spawner& spawner,
                                                                 WarmToolOptions options);
  WarmTools(const WarmTools&) = delete;
  WarmTools& operator=(const WarmTools&) = delete;
  ~WarmTools();

  // One step towards `count` processes that are ready: starts one, or waits until one that was started has greeted.
  // True: there may be more to do. For moments in which nobody waits. Ends and collects those that are over as well.
  [[nodiscard]] tl::expected<bool, LaunchError> prepare(std::size_t count);

  // A process that has greeted; one that is made on the spot where none is ready.
  [[nodiscard]] tl::expected<ToolProcess, LaunchError> take();

  // Its call is over. Everything in its sandbox is ended with the next prepare() or take(), so that whoever waits for
  // the answer does not wait for that.
  void finish(ToolProcess process);

 private:
  WarmTools(const BrokerStart& broker, Spawner& spawner, SandboxRecipe recipe, UniqueFd null, std::string program)
      : pool_(broker, spawner, std::move(recipe)), null_(std::move(null)), program_(std::move(program)) {}
  // On its way: it was given its order, and nobody has looked yet what came of it.
  struct Starting {
    ReadySandbox sandbox;
    MessageChannel channel;
  };
  [[nodiscard]] tl::expected<Starting, LaunchError> begin();
  [[nodiscard]] tl::expected<ToolProcess, LaunchError> complete(Starting starting);
  void collect(std::size_t left);
  void end_finished();
  [[nodiscard]] static Status greet(ToolProcess& process);

  SandboxPool pool_;
  UniqueFd null_;
  std::string program_;
  std::deque<Starting> starting_;
  std::deque<ToolProcess> ready_;
  std::deque<SandboxProcess> finished_;  // to be killed
  std::deque<SandboxProcess> over_;      // killed, not waited for yet
};

// What a tool's sandbox may have: the program at its own path, and nothing else.
[[nodiscard]] Profile tool_profile(const WarmToolOptions& options);

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_WARM_TOOLS_H_
