#include "launcher/run_mediation.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "broker/mediation/look_calls.h"
#include "broker/mediation/mediated_calls.h"
#include "broker/mediation/protected_links.h"

namespace writ {

Result<std::unique_ptr<RunMediation>> RunMediation::prepare(const RunSetup& setup, PreparedLaunch& prepared,
                                                            Explaining explaining) {
  std::unique_ptr<RunMediation> mediation(new RunMediation(setup));
  const IdentityMap& map = setup.identity.map;
  // Uid 0 for a tool means a user namespace whose root is an ordinary user outside, and so is the broker then
  // (identity.h); it gives its capabilities up.
  if (::geteuid() == 0 && map.outside_uid != 0) {
    WRIT_ASSIGN(mediation->acting_, ActingIdentity::as({map.outside_uid, map.outside_gid}));
    mediation->needs_ = BrokerStage::kMediatingAsRoot;
  }
  mediation->mediated_ = std::exchange(prepared.view.mediated, {});
  mediation->asked_ = std::exchange(prepared.view.asked, {});
  mediation->entries_ = prepared.view.entries;
  mediation->explaining_ = explaining;
  return mediation;
}

void RunMediation::compile() {
  policy_.emplace(AccessPolicy::compile(setup_.policy));
  enforced_.emplace(AccessPolicy::compile(setup_.profile));
  policy_decider_.emplace(*policy_, *enforced_, setup_.profile.sources);
  decider_.emplace(*policy_decider_);
  if (questioner_ != nullptr) decider_->set_questioner(*questioner_, *this);
  if (has_changes()) compile_changes();
  if (has_looks()) compile_looks();
}

void RunMediation::trace(TracingDecider::Observer allowed, std::function<void(const DeniedAccess&)> denied) {
  observer_ = std::move(allowed);
  denials_.set_observer(std::move(denied));
}

Decider& RunMediation::asked_decider() {
  if (!observer_) return *decider_;
  if (!tracing_) tracing_.emplace(*decider_, observer_);
  return *tracing_;
}

void RunMediation::compile_changes() {
  MediationParts parts;
  std::vector<std::string> aliases;
  for (const MediatedTree& tree : mediated_) {
    for (const std::string& name : tree.unchangeable) {
      std::string path = tree.path + "/" + name;
      // What the policy speaks of itself it decides itself; this is about its other names.
      if (policy_->decide_path({Right::kWrite}, path).effect == Effect::kAllow) aliases.push_back(std::move(path));
    }
    for (std::string& target : protected_link_targets(tree.path, setup_.profile.filesystem.protect))
      aliases.push_back(std::move(target));
  }
  // A link to all of a tree does not close it.
  std::erase_if(aliases, [&](const std::string& alias) {
    return std::any_of(mediated_.begin(), mediated_.end(), [&](const MediatedTree& tree) {
      return tree.path == alias || tree.path.starts_with(alias + "/");
    });
  });
  parts.trees = MediatedTrees(std::move(mediated_), entries_);
  parts.shields = WriteShields(*enforced_, parts.trees.covered_places(), std::move(aliases));
  parts.identity = setup_.identity.map;
  parts.acting = acting_;
  changes_ = std::make_unique<WriteMediator>(std::move(parts), asked_decider(), denials_);
}

void RunMediation::compile_looks() {
  LookParts parts;
  parts.explaining = explaining_;
  parts.places = AskedTrees(std::move(asked_));
  parts.acting = acting_;
  parts.changes = changes_.get();
  parts.join = [this](std::size_t place, const AskedTree& tree) -> Status {
    const int mount = tree.attached.valid() ? tree.attached.get() : tree.mount.get();
    if (on_join_ && !on_join_(tree.path)) return fail("it could not be recorded");
    return sandbox_->attach_tree(AttachId{place}, tree.path, mount);
  };
  parts.leave = [this](std::size_t place, const AskedTree& tree) {
    revocations_->take_back(AttachId{place}, tree.path);
  };
  looks_ = std::make_unique<LookMediator>(std::move(parts), asked_decider(), denials_);
}

std::vector<TrappedCall> RunMediation::traps() const {
  if (!has_looks()) return has_changes() ? mediated_traps() : std::vector<TrappedCall>();
  return look_traps(has_changes() ? TrapReach::kChangesToo : TrapReach::kLooks);
}

void RunMediation::attach_to(NotificationLoop& loop, SandboxProcess& sandbox) {
  loop_ = &loop;
  sandbox_ = &sandbox;
  revocations_.emplace(sandbox);
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
    // A place that is allowed for the run joins the view instead of being remembered.
    decider_->settle(id, looks_->asks_about_one_object(id) ? approval : Approval::kCall);
    answer = looks_->resume(id, approval, reason);
  } else if (changes_ && changes_->is_waiting(id)) {
    decider_->settle(id, approval);
    answer = changes_->resume(id, approval, reason);
  }
  if (!std::holds_alternative<AnswerLater>(answer)) loop_->answer_later(id, std::move(answer));
}

std::size_t RunMediation::revoke(std::string_view path, HolderFate fate) {
  decider_->forget(path);
  if (!looks_ || !revocations_) return 0;
  // Other processes of the sandbox are looked at as who Writ is, not as the tool.
  ActingIdentity::step_back();
  revocations_->set_fate(fate);
  return looks_->revoke(path);
}

void RunMediation::end_holders_below(std::string_view path) {
  if (!revocations_) return;
  ActingIdentity::step_back();
  for (const RevokedTree* tree : revocations_->end_holders_below(path))
    if (on_revoked_) on_revoked_(*tree);
}

void RunMediation::tree_changed(const InitReport& report) {
  if (!looks_) return;
  if (report.event == InitEvent::kAttached) return tree_attached(report);
  ActingIdentity::step_back();
  const RevokedTree* revoked = revocations_->detached(report);
  if (revoked != nullptr && on_revoked_) on_revoked_(*revoked);
}

void RunMediation::tree_attached(const InitReport& report) {
  for (const auto& ended = looks_->joined(static_cast<std::size_t>(report.tree), report.error);
       const std::uint64_t id : ended.calls) {
    if (ended.error != 0)
      loop_->answer_later(id, AnswerErrno{ended.error});
    else
      loop_->answer_later(id, AnswerContinue{"the place has joined the view, and the view bounds it"});
  }
}

}  // namespace writ
