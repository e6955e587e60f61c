// ToolHost: everything behind the calls of one `writ tool call`, `serve` or `run`: the broker with its spawner, the
// policy, the capabilities, whoever answers questions, the log, and the session that the calls belong to.
//
// Ownership: owns all of it. Threads: one. Make it before anything secret is read: parts of it are processes that are
// forked from here.
#ifndef WRIT_LAUNCHER_TOOL_HOST_H_
#define WRIT_LAUNCHER_TOOL_HOST_H_

#include <memory>
#include <optional>
#include <string>

#include "broker/base/error.h"
#include "broker/policy/access_policy.h"
#include "broker/primitives/tool_session.h"
#include "broker/sandbox/spawner.h"
#include "launcher/audited_questioner.h"
#include "launcher/run_approvals.h"
#include "launcher/run_audit.h"
#include "launcher/tool_options.h"

namespace writ {

class ToolHost {
 public:
  // Errors: everything that keeps a session from being had; nothing of it is left then.
  [[nodiscard]] static Result<std::unique_ptr<ToolHost>> create(const ToolOptions& options, const CeilingFile& ceiling);
  ToolHost(const ToolHost&) = delete;
  ToolHost& operator=(const ToolHost&) = delete;
  ~ToolHost();

  [[nodiscard]] ToolSession& session() { return *session_; }
  [[nodiscard]] CommandStarter& starter() { return *starter_; }
  // Whose end (a pidfd, borrowed) ends what a request waits for.
  void set_cancel(int descriptor) {
    cancel_ = descriptor;
    session_->set_cancel(descriptor);
  }
  void write_when_due() { audit_->write_when_due(); }
  // For moments in which nobody waits: begins to make one tool ready while there are fewer than `count`, and writes
  // what is to be written. True: there is more to do. Errors: no sandbox can be made.
  [[nodiscard]] Result<bool> idle(std::size_t count);
  // The last call: the log is complete. Errors: records that are required are not in it.
  [[nodiscard]] Status finish(int exit_status);

 private:
  class CapabilityObserver;
  explicit ToolHost(const ToolOptions& options);
  [[nodiscard]] Status start_processes();
  [[nodiscard]] Status read_policy(const CeilingFile& ceiling);
  [[nodiscard]] Status open_capabilities();
  [[nodiscard]] Status open_approvals();
  [[nodiscard]] Result<Workspace> open_workspace();
  [[nodiscard]] Result<CommandSandbox> command_sandbox() const;
  [[nodiscard]] Status make_tools();
  [[nodiscard]] Status make_session();
  [[nodiscard]] Status confine();
  [[nodiscard]] PersonsAnswer ask(QuestionDraft draft);

  const ToolOptions& options_;
  RunOptions run_options_;  // as `writ run` would have them
  BrokerStart broker_;
  std::unique_ptr<LaunchedCommandStarter> starter_;
  std::optional<Spawner> spawner_;
  std::optional<RunSetup> setup_;
  UniqueFd ownership_namespace_;
  std::optional<AccessPolicy> policy_;
  std::optional<AccessPolicy> bounds_;  // nothing: there are none
  std::unique_ptr<RunAudit> audit_;
  std::unique_ptr<CapabilityObserver> observer_;
  std::unique_ptr<DurableAuthority> capabilities_;
  std::unique_ptr<RunApprovals> approvals_;
  std::optional<AuditedQuestioner> questioner_;
  std::uint64_t questions_ = 0;
  int cancel_ = -1;
  std::unique_ptr<WarmTools> tools_;
  std::unique_ptr<ToolSession> session_;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_TOOL_HOST_H_
