// RunMediation: what one run's broker does about calls with paths: the policy compiled for deciding, the mediators of
// changes and of looks, what waits for an answer, and the list of what was denied.
//
// Ownership: owns all of it; the loop and the sandbox are borrowed. Destroy it after the sandbox has ended. Threads:
// one.
#ifndef WRIT_LAUNCHER_RUN_MEDIATION_H_
#define WRIT_LAUNCHER_RUN_MEDIATION_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/kernel/capabilities.h"
#include "broker/mediation/asking_decider.h"
#include "broker/mediation/denial_log.h"
#include "broker/mediation/look_mediator.h"
#include "broker/mediation/notification_loop.h"
#include "broker/mediation/policy_decider.h"
#include "broker/mediation/tracing_decider.h"
#include "broker/mediation/write_mediator.h"
#include "broker/policy/listener_filter.h"
#include "broker/sandbox/launch.h"
#include "launcher/run_setup.h"
#include "launcher/tree_revocations.h"

namespace writ {

class RunMediation final : public AnswerTaker {
 public:
  // Takes the mediated and the asked trees out of `prepared`. Root's broker drops its groups. Call before the order is
  // given, when the profile is final; then compile(). `setup` is borrowed.
  [[nodiscard]] static Result<std::unique_ptr<RunMediation>> prepare(const RunSetup& setup, PreparedLaunch& prepared,
                                                                     Explaining explaining);

  // The work that can be done while the program is being started already: it cannot fail, and only the first call of
  // the tool needs what it makes.
  void compile();

  // The calls that shall wait.
  [[nodiscard]] std::vector<TrappedCall> traps() const;

  // Registers for them. Trees that are allowed for the run are attached by `sandbox`.
  void attach_to(NotificationLoop& loop, SandboxProcess& sandbox);

  // Who asks when a rule says so; its answers come to take_answer(). Before compile().
  void set_questioner(Questioner& questioner) { questioner_ = &questioner; }
  void take_answer(std::uint64_t id, Approval approval, const std::string& reason) override;

  // What init says about a tree that was to be attached or detached.
  void tree_changed(const InitReport& report);

  // What was allowed in this run about `path` and everything beneath it is not any more: the next call is refused, and
  // a tree that joined the view is taken out of it. Returns how many trees that were.
  std::size_t revoke(std::string_view path, HolderFate fate);
  // Ends whoever still holds something of the trees at or below `path` that were taken out before; the observer gets
  // them again.
  void end_holders_below(std::string_view path);
  // Gets every tree that was taken out, as soon as that is done.
  void on_revoked(std::function<void(const RevokedTree&)> observer) { on_revoked_ = std::move(observer); }
  [[nodiscard]] const std::vector<RevokedTree>* revoked_trees() const {
    return revocations_ ? &revocations_->trees() : nullptr;
  }

  // Tells of every decision as it is made. Before compile().
  // An empty `allowed` is not told, and spares what telling costs.
  void trace(TracingDecider::Observer allowed, std::function<void(const DeniedAccess&)> denied);
  // Tells of every tree that joins the view, before it does. False: it does not.
  void set_join_observer(std::function<bool(const std::string& path)> observer) { on_join_ = std::move(observer); }

  // What the broker may keep while it performs the calls.
  [[nodiscard]] BrokerStage needs() const { return needs_; }

  [[nodiscard]] DenialLog& denials() { return denials_; }
  [[nodiscard]] const DenialLog& denials() const { return denials_; }

 private:
  explicit RunMediation(const RunSetup& setup) : setup_(setup) {}
  [[nodiscard]] bool has_changes() const { return !mediated_.empty() || changes_; }
  [[nodiscard]] bool has_looks() const { return !asked_.empty() || explaining_ == Explaining::kYes || looks_; }
  [[nodiscard]] Decider& asked_decider();
  void tree_attached(const InitReport& report);
  void compile_changes();
  void compile_looks();

  const RunSetup& setup_;
  std::vector<MediatedTree> mediated_;  // until compile()
  std::vector<AskedTree> asked_;        // until compile()
  std::vector<ViewEntry> entries_;
  Explaining explaining_ = Explaining::kNo;
  std::optional<AccessPolicy> policy_;    // every rule as it was written
  std::optional<AccessPolicy> enforced_;  // what the view was made from; a change needs the word of both
  std::optional<PolicyDecider> policy_decider_;
  std::optional<AskingDecider> decider_;
  TracingDecider::Observer observer_;  // empty: nothing is traced
  std::optional<TracingDecider> tracing_;
  std::function<bool(const std::string& path)> on_join_;  // empty: nobody is told
  Questioner* questioner_ = nullptr;
  DenialLog denials_;
  ActingIdentity acting_;
  std::unique_ptr<WriteMediator> changes_;  // null: the tool writes by itself
  std::unique_ptr<LookMediator> looks_;     // null: nothing is asked about
  NotificationLoop* loop_ = nullptr;
  SandboxProcess* sandbox_ = nullptr;
  std::optional<TreeRevocations> revocations_;  // from attach_to() on
  std::function<void(const RevokedTree&)> on_revoked_;
  BrokerStage needs_ = BrokerStage::kSupervising;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_RUN_MEDIATION_H_
