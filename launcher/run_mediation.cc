#include "launcher/run_mediation.h"

#include <unistd.h>

#include <utility>

#include "broker/mediation/look_calls.h"
#include "broker/mediation/mediated_calls.h"
#include "broker/mediation/protected_links.h"

namespace writ {

Result<std::unique_ptr<RunMediation>> RunMediation::prepare(const RunSetup& setup, PreparedLaunch& prepared,
                                                            Explaining explaining) {
  std::unique_ptr<RunMediation> mediation(new RunMediation(setup, AccessPolicy::compile(setup.profile)));
  const IdentityMap& map = setup.identity.map;
  // Uid 0 for a tool means a user namespace whose root is an ordinary user outside, and so is the broker then
  // (identity.h); it gives its capabilities up.
  if (::geteuid() == 0 && map.outside_uid != 0) {
    WRIT_ASSIGN(mediation->acting_, ActingIdentity::as({map.outside_uid, map.outside_gid}));
    mediation->needs_ = BrokerStage::kMediatingAsRoot;
  }
  if (!prepared.view.mediated.empty()) WRIT_TRY(mediation->prepare_changes(setup, prepared));
  if (!prepared.view.asked.empty() || explaining == Explaining::kYes) mediation->prepare_looks(prepared, explaining);
  return mediation;
}

RunMediation::RunMediation(const RunSetup& setup, AccessPolicy enforced)
    : policy_(AccessPolicy::compile(setup.policy)),
      enforced_(std::move(enforced)),
      policy_decider_(policy_, enforced_, setup.profile.sources),
      decider_(policy_decider_) {}

Status RunMediation::prepare_changes(const RunSetup& setup, PreparedLaunch& prepared) {
  MediationParts parts;
  std::vector<std::string> aliases;
  for (const MediatedTree& tree : prepared.view.mediated) {
    for (const std::string& name : tree.unchangeable) {
      std::string path = tree.path + "/" + name;
      // What the policy speaks of itself it decides itself; this is about its other names.
      if (policy_.decide_path({Right::kWrite}, path).effect == Effect::kAllow) aliases.push_back(std::move(path));
    }
    for (std::string& target : protected_link_targets(tree.path, setup.profile.filesystem.protect))
      aliases.push_back(std::move(target));
  }
  parts.trees = MediatedTrees(std::exchange(prepared.view.mediated, {}), prepared.view.entries);
  parts.shields = WriteShields(enforced_, parts.trees.covered_places(), std::move(aliases));
  parts.identity = setup.identity.map;
  parts.acting = acting_;
  changes_ = std::make_unique<WriteMediator>(std::move(parts), decider_, denials_);
  return {};
}

void RunMediation::prepare_looks(PreparedLaunch& prepared, Explaining explaining) {
  LookParts parts;
  parts.explaining = explaining;
  parts.places = AskedTrees(std::exchange(prepared.view.asked, {}));
  parts.acting = acting_;
  parts.changes = changes_.get();
  parts.join = [this](std::size_t place, const AskedTree& tree) {
    return sandbox_->attach_tree(AttachId{place}, tree.path, tree.mount.get());
  };
  looks_ = std::make_unique<LookMediator>(std::move(parts), decider_, denials_);
}

std::vector<TrappedCall> RunMediation::traps() const {
  if (!looks_) return mediated_traps();
  return look_traps(changes_ ? TrapReach::kChangesToo : TrapReach::kLooks);
}

void RunMediation::attach_to(NotificationLoop& loop, SandboxProcess& sandbox) {
  loop_ = &loop;
  sandbox_ = &sandbox;
  const auto number_of = [](const SyscallNumbers& call) {
    return kNativeAuditArch == AUDIT_ARCH_X86_64 ? call.x86_64 : call.aarch64;
  };
  if (changes_)
    for (const MediatedCall& row : mediated_calls())
      if (const auto number = number_of(row.call); number != kNotThere)
        loop.add_handler(static_cast<std::uint32_t>(number), *changes_);
  // After those: a call of both kinds is looked at first.
  if (looks_)
    for (const LookCall& row : look_calls())
      if (const auto number = number_of(row.call); number != kNotThere)
        loop.add_handler(static_cast<std::uint32_t>(number), *looks_);
}

void RunMediation::take_answer(std::uint64_t id, Approval approval, const std::string& reason) {
  Answer answer = AnswerLater{};
  if (looks_ && looks_->is_waiting(id)) {
    decider_.settle(id, Approval::kCall);  // what is allowed for the run joins the view instead
    answer = looks_->resume(id, approval, reason);
  } else if (changes_ && changes_->is_waiting(id)) {
    decider_.settle(id, approval);
    answer = changes_->resume(id, approval, reason);
  }
  if (!std::holds_alternative<AnswerLater>(answer)) loop_->answer_later(id, std::move(answer));
}

void RunMediation::tree_attached(const InitReport& report) {
  if (!looks_ || report.event != InitEvent::kAttached) return;
  for (const auto& ended = looks_->joined(static_cast<std::size_t>(report.tree), report.error);
       const std::uint64_t id : ended.calls) {
    if (ended.error != 0)
      loop_->answer_later(id, AnswerErrno{ended.error});
    else
      loop_->answer_later(id, AnswerContinue{"the place has joined the view, and the view bounds it"});
  }
}

}  // namespace writ
