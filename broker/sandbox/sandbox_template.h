// SandboxTemplate: the broker's hold on one template: what was opened and decided for all of its sandboxes, and the
// process that makes them (template_process.h).
//
// Ownership: owns the view, and ends the process when destroyed; the sandboxes that it made are the caller's. Threads:
// one at a time. Fork: descriptors are close-on-exec.
#ifndef WRIT_BROKER_SANDBOX_SANDBOX_TEMPLATE_H_
#define WRIT_BROKER_SANDBOX_SANDBOX_TEMPLATE_H_

#include <memory>
#include <optional>
#include <string>

#include "broker/base/error.h"
#include "broker/sandbox/launch.h"
#include "broker/sandbox/sandbox_pool.h"
#include "broker/sandbox/spawner.h"
#include "broker/sandbox/template_plan.h"

namespace writ {

// One sandbox that waits for its order: init's number, which is a child of ours, its socket and its network.
struct MadeSandbox {
  pid_t pid = 0;
  UniqueFd control;
  UniqueFd network;                  // invalid: it has none of its own
  std::optional<LaunchError> error;  // then there is no sandbox
};

class SandboxTemplate {
 public:
  // Opens what the recipe grants, builds the view, starts the process and waits until it is ready. Errors: those of
  // prepare_sandbox(); the profile needs a broker while the tool runs; the host allows no such template.
  [[nodiscard]] static tl::expected<std::unique_ptr<SandboxTemplate>, LaunchError> create(const BrokerStart& broker,
                                                                                          Spawner& spawner,
                                                                                          const SandboxRecipe& recipe);
  SandboxTemplate(const SandboxTemplate&) = delete;
  SandboxTemplate& operator=(const SandboxTemplate&) = delete;

  // Asks for a sandbox, in `network` if nothing ever happened in it. Never blocks. Errors: the process is gone, or has
  // too much to do (EAGAIN).
  [[nodiscard]] Status request(UniqueFd network);

  // What came of the oldest request; nothing where no answer is there yet, or the process is gone (is_gone()). Blocks
  // only if `wait` says so.
  enum class Wait : std::uint8_t { kNo, kYes };
  [[nodiscard]] std::optional<MadeSandbox> receive(Wait wait);

  // Requests without an answer.
  [[nodiscard]] std::size_t outstanding() const { return networks_.size(); }
  [[nodiscard]] bool is_gone() const { return gone_; }
  [[nodiscard]] int descriptor() const { return process_.descriptor(); }

  // Is the host, as far as the view depends on it, what it was when the view was made?
  [[nodiscard]] bool is_current(const Profile& profile) const;

  [[nodiscard]] const PreparedLaunch& prepared() const { return prepared_; }
  // For choose_tool(): the template's own content is borrowed for one order.
  [[nodiscard]] PreparedLaunch& order_in_progress() { return prepared_; }

 private:
  SandboxTemplate(SandboxProcess process, PreparedLaunch prepared, std::string witness)
      : process_(std::move(process)), prepared_(std::move(prepared)), witness_(std::move(witness)) {}

  SandboxProcess process_;
  PreparedLaunch prepared_;
  std::string witness_;
  std::deque<UniqueFd> networks_;  // of the requests without an answer
  bool gone_ = false;
};

// Sends the order of `content` to the sandbox behind `control`, in one message where it fits. Never blocks. Errors: as
// write_order(); EPIPE: the sandbox has ended.
[[nodiscard]] Status send_order_to(int control, const PlanContent& content);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_SANDBOX_TEMPLATE_H_
