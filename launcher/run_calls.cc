#include "launcher/run_calls.h"

#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "broker/base/escape.h"
#include "broker/kernel/landlock.h"
#include "broker/network/network_traps.h"
#include "broker/policy/listener_filter.h"
#include "launcher/denial_report.h"
#include "launcher/message.h"
#include "launcher/run_confinement.h"

namespace writ {
namespace {

bool asks_about_paths(const Profile& profile) {
  return std::any_of(profile.rules.begin(), profile.rules.end(), [](const Rule& rule) {
    return rule.effect == Effect::kAsk && std::holds_alternative<PathPattern>(rule.resource);
  });
}

bool asks_about_commands(const Profile& profile) {
  return std::any_of(profile.commands.begin(), profile.commands.end(),
                     [](const CommandRule& rule) { return rule.effect == Effect::kAsk; });
}

}  // namespace

bool may_hold_host_sockets(const RunOptions& options, const Profile& profile) {
  // With the network of the host they are nothing that the tool could not make itself.
  const bool handed_over = options.broker_socket != 0 && !options.subject.empty();
  return has_address_grants(profile) || (handed_over && profile.network == NetworkMode::kNone);
}

Status RunCalls::start_command_launcher() {
  if (setup_.profile.commands.empty() || options_.mode == RunMode::kDryRun) return {};
  WRIT_ASSIGN(CommandLauncher launcher, CommandLauncher::start());
  command_launcher_.emplace(std::move(launcher));
  return {};
}

// One listener for everything that waits for us; an empty program where nothing does.
Result<BpfProgram> RunCalls::make_listener_filter() const {
  std::vector<TrappedCall> calls;
  if (!setup_.profile.commands.empty()) calls.push_back({kCommandCall, TrapScope::kAlways, {}});
  if (may_hold_host_sockets(options_, setup_.profile))
    for (TrappedCall& trap : network_traps()) calls.push_back(std::move(trap));
  if (mediation_)
    for (TrappedCall& trap : mediation_->traps()) calls.push_back(std::move(trap));
  if (calls.empty()) return BpfProgram();
  return compile_listener_filter(calls);
}

Status RunCalls::prepare_mediation(PreparedLaunch& prepared) {
  const Explaining explaining = options_.explain == Explain::kDenials ? Explaining::kYes : Explaining::kNo;
  WRIT_ASSIGN(mediation_, RunMediation::prepare(setup_, prepared, explaining));
  mediation_->on_revoked([this](const RevokedTree& tree) { tell_revoked(tree); });
  observe_paths();
  return {};
}

// What is allowed is told of only where somebody wants to know: that takes the short way out of use.
void RunCalls::observe_paths() {
  const bool traced = options_.trace == Trace::kDecisions;
  TracingDecider::Observer allowed;
  if (traced || audit_.records_everything())
    allowed = [this, traced](const AccessRequest& request, Verdict verdict) {
      if (traced) print_message(decision_trace_line(request, verdict));
      return !audit_.records_everything() || audit_.decided(request, verdict);
    };
  mediation_->trace(std::move(allowed), [this, traced](const DeniedAccess& denied) {
    if (traced) print_message(denial_trace_line(denied));
    audit_.denied(denied);
  });
  mediation_->set_join_observer([this](const std::string& path) { return audit_.granted_tree(path); });
}

void RunCalls::observe_addresses() {
  network_->set_observers(
      [this](const NetworkDenial& denial) { (void)audit_.decided_address(denial, Effect::kDeny); },
      [this](const NetworkDenial& granted) { return audit_.decided_address(granted, Effect::kAllow); });
}

void RunCalls::observe_commands() {
  commands_->set_observer([this](const CommandRecord& record, Effect outcome, const std::string& caller) {
    return audit_.decided_command(record, outcome, caller);
  });
}

// Only where a call can wait for an answer.
Status RunCalls::prepare_questions(TerminalRelay* relay) {
  const bool paths = mediation_ && asks_about_paths(setup_.policy);
  if (!paths && !has_address_questions(setup_.profile) && !asks_about_commands(setup_.profile)) return {};
  hand_over_.emplace(relay);
  WRIT_ASSIGN(approvals_, RunApprovals::open(options_, setup_, &*hand_over_));
  questioner_.emplace(*approvals_, audit_);
  if (mediation_) mediation_->set_questioner(*questioner_);
  if (setup_.authority)
    approvals_->set_authority(*setup_.authority, [this](const WithdrawnGrant& grant) { take_back(grant); });
  return {};
}

// The tool does not notice by itself, and the person wants to know what that came to.
void RunCalls::take_back(const WithdrawnGrant& grant) {
  if (!mediation_) return;
  if (grant.news == WithdrawnGrant::News::kHoldersToBeEnded) return mediation_->end_holders_below(grant.path);
  const std::size_t taken = mediation_->revoke(grant.path, grant.fate);
  if (options_.verbosity == Verbosity::kNormal)
    print_message("revoked: " + quote_bytes(grant.path) + ": " + grant.reason);
  // What was handed over one by one is no tree, and no kernel takes it back.
  if (taken == 0)
    (void)setup_.authority->report(grant.path, handed_over_json(grant.path).to_text(), HolderFate::kKilled);
}

void RunCalls::tell_revoked(const RevokedTree& tree) {
  if (options_.verbosity == Verbosity::kNormal) print_message("revoked: " + revocation_text(tree));
  if (setup_.authority && tree.done)
    (void)setup_.authority->report(tree.path, revocation_json(tree).to_text(), tree.fate);
}

Status RunCalls::prepare(PreparedLaunch& prepared, TerminalRelay* relay) {
  if (companion_ != nullptr) {
    WRIT_ASSIGN(prepared.content.listener_filter, companion_->listener_filter());
    return {};
  }
  const bool explained = options_.explain == Explain::kDenials;
  if (!prepared.view.mediated.empty() || !prepared.view.asked.empty() || explained)
    WRIT_TRY(prepare_mediation(prepared));
  WRIT_TRY(prepare_questions(relay));
  WRIT_ASSIGN(prepared.content.listener_filter, make_listener_filter());
  return {};
}

Status RunCalls::serve(PreparedLaunch& prepared, SandboxProcess& sandbox, int landlock_abi) {
  if (!prepared.listener) return {};
  loop_.emplace(std::move(*prepared.listener));
  if (companion_ != nullptr) {
    companion_->started(*loop_, sandbox.init_pid());
    return {};
  }
  if (mediation_) mediation_->attach_to(*loop_, sandbox);
  if (may_hold_host_sockets(options_, setup_.profile)) {
    const bool landlock = prepared.layers[static_cast<std::size_t>(Layer::kLandlock)].state == LayerState::kActive;
    const bool refuses_tcp = landlock && landlock_abi >= kLandlockTcpAbi;
    WRIT_ASSIGN(network_,
                NetworkDoor::open(setup_.profile, *loop_, refuses_tcp ? TcpFloor::kLandlock : TcpFloor::kNone));
    if (questioner_) network_->calls().set_questioner(*questioner_);
    observe_addresses();
  }
  if (!command_launcher_) return {};
  WRIT_ASSIGN(NestedRunPlan plan, plan_nested_runs(options_, setup_, prepared.view));
  commands_.emplace(*loop_, std::move(*command_launcher_), prepared.view.commands, std::move(plan));
  if (questioner_) commands_->set_questioner(*questioner_, setup_.profile.sources);
  observe_commands();
  return {};
}

bool RunCalls::opens_doors() const {
  return companion_ != nullptr || command_launcher_.has_value() || may_hold_host_sockets(options_, setup_.profile);
}

BrokerNeeds RunCalls::needs(Listening listener) const {
  BrokerNeeds needs;
  needs.stage = ::geteuid() == 0 ? BrokerStage::kSupervisingAsRoot : BrokerStage::kSupervising;
  if (mediation_) needs.stage = mediation_->needs();
  if (needs.stage == BrokerStage::kMediatingAsRoot) needs.calls.files = BrokerFiles::kToolsToo;
  if (may_hold_host_sockets(options_, setup_.profile)) needs.calls.sockets = BrokerSockets::kInternet;
  needs.landlock = listener == Listening::kYes ? BrokerLandlock::kReadsTools : BrokerLandlock::kPossible;
  if (listener == Listening::kNo)
    needs.writable = places_written_later(options_, setup_, audit_.was_opened() ? audit_.report().path : "");
  return needs;
}

void RunCalls::add_to(SessionServices& services) {
  services.calls = loop_ ? &*loop_ : nullptr;
  services.commands = commands_ ? &*commands_ : nullptr;
  services.sockets = network_ ? &network_->calls() : nullptr;
  services.approvals = approvals_.get();
  services.audit = &audit_;
  if (mediation_) services.on_tree = [this](const InitReport& report) { mediation_->tree_changed(report); };
}

const NotificationCounts* RunCalls::mediated_calls() const { return mediation_ && loop_ ? &loop_->counts() : nullptr; }

}  // namespace writ
