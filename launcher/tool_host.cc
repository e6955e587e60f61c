#include "launcher/tool_host.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "broker/approval/approve_option.h"
#include "broker/base/escape.h"
#include "broker/kernel/broker_confinement.h"
#include "broker/kernel/capabilities.h"
#include "broker/kernel/landlock.h"
#include "broker/mediation/protected_links.h"
#include "broker/policy/policy_meet.h"
#include "broker/sandbox/tool_process.h"
#include "broker/store/store.h"
#include "launcher/approval_queue.h"
#include "launcher/caps_audit.h"
#include "launcher/message.h"
#include "launcher/profile_reading.h"
#include "launcher/profile_store.h"
#include "launcher/tool_manifests.h"

namespace writ {
namespace {

constexpr std::size_t kReadyInits = 2;

// Takes one answer.
class OneAnswer final : public AnswerTaker {
 public:
  void take_answer(std::uint64_t, Approval approval, const std::string& reason) override {
    answer_ = PersonsAnswer{approval, reason};
  }
  [[nodiscard]] const std::optional<PersonsAnswer>& answer() const { return answer_; }

 private:
  std::optional<PersonsAnswer> answer_;
};

// How long questions wait: what `queue:DURATION` says holds for those that tools put there themselves too.
std::chrono::milliseconds waiting_time(const std::string& approve) {
  const auto choice = parse_approve_option(approve);
  const AskQueue* queue = choice ? std::get_if<AskQueue>(&*choice) : nullptr;
  return (queue != nullptr ? *queue : AskQueue()).time_out;
}

// The descriptors of a tool are put in order by way of numbers beyond that of its program. The soft limit is raised for
// that where it is made (tool_process.cc); the hard one nobody here can raise.
Status check_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return fail_errno(errno, "cannot read the limit of open files");
  if (limit.rlim_max >= kOpenFilesForStart) return {};
  return fail(std::string("the hard limit of open files is ").append(std::to_string(limit.rlim_max)) +
                  ", and sandboxes need " + std::to_string(kOpenFilesForStart),
              "`ulimit -Hn` shows it; it is set in limits.conf(5) or by the service manager");
}

// What all of them allow.
std::optional<AccessPolicy> bounds_together(std::span<const Bound> bounds) {
  if (bounds.empty()) return std::nullopt;
  Profile together = bounds.front().profile;
  for (const Bound& bound : bounds.subspan(1)) together = meet(together, bound.profile, bound.name).profile;
  return AccessPolicy::compile(together);
}

// What is not there, or is something else, a tool deals with; what it was not allowed is worth knowing.
void print_refusal(std::string_view name, const Refusal& refusal) {
  if (refusal.failure.code != PrimitiveCode::kDenied) return;
  std::string line = std::string(name) + ": " + std::string(primitive_code_name(refusal.failure.code));
  if (!refusal.failure.detail.empty()) line += ": " + refusal.failure.detail;
  print_message(escape_bytes(line) + " (record " + refusal.correlation + ")");
}

}  // namespace

// What the session does to capabilities is recorded before it counts.
class ToolHost::CapabilityObserver final : public AuthorityObserver {
 public:
  explicit CapabilityObserver(AuditSink& audit) : audit_(audit) {}
  Status record(const AuthorityEvent& event) override {
    with_capability_record(event, [&](const AuditRecord& record) { (void)audit_.record(record); });
    if (audit_.settle()) return {};
    return fail("the audit log cannot be written");
  }

 private:
  AuditSink& audit_;
};

ToolHost::ToolHost(const ToolOptions& options)
    : options_(options), run_options_(options.grants), broker_(start_broker(NetworkStart::kOwn)) {}

ToolHost::~ToolHost() = default;

// Forks: everything here comes before policy and capabilities are read.
Status ToolHost::start_processes() {
  WRIT_TRY(check_file_limit());
  (void)::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  std::signal(SIGPIPE, SIG_IGN);  // a command that does not read what it is sent is no reason to die
  if (!broker_.mount_authority)
    return tl::unexpected<Error>(Error{"tools need a view of their own: " + broker_.mount_authority.error().what,
                                       broker_.mount_authority.error().system_errno,
                                       "`writ doctor` says what this host lacks"});
  if (broker_.uid == 0) WRIT_TRY(require_launcher_capabilities());
  WRIT_ASSIGN(CommandLauncher launcher, CommandLauncher::start());
  starter_ = std::make_unique<LaunchedCommandStarter>(std::move(launcher));
  WRIT_ASSIGN(Spawner spawner, Spawner::start(broker_, NetworkStart::kOwn, kReadyInits));
  spawner_.emplace(std::move(spawner));
  std::signal(SIGXFSZ, SIG_IGN);  // a limit of the person's shell shall be an error of a call, not our death
  // Nobody of the same user reads our memory from here on.
  (void)::prctl(PR_SET_DUMPABLE, 0);
  return {};
}

Status ToolHost::read_policy(const CeilingFile& ceiling) {
  WRIT_ASSIGN(Person person, identify_person(broker_.uid, broker_.gid));
  run_options_.command = {"writ", "tool"};
  run_options_.command.insert(run_options_.command.end(), options_.words.begin(), options_.words.end());
  // What the capabilities of the subject give is asked for with each request, not made a part of the policy.
  RunOptions without_subject = run_options_;
  without_subject.subject.clear();
  // A link to the workspace would be another name of everything in it.
  WRIT_ASSIGN(const std::string typed, workspace_path(without_subject, person));
  char* real = ::realpath(typed.c_str(), nullptr);
  if (real == nullptr) return fail_errno(errno, "cannot use the workspace " + quote_bytes(typed));
  without_subject.workspace = real;
  std::free(real);  // NOLINT: realpath(3) allocates it
  WRIT_ASSIGN(RunSetup setup, set_up_run(without_subject, std::move(person), ceiling));
  setup_.emplace(std::move(setup));
  policy_.emplace(AccessPolicy::compile(setup_->policy));
  bounds_ = bounds_together(setup_->bounds);
  return {};
}

Status ToolHost::open_capabilities() {
  WRIT_ASSIGN(audit_, RunAudit::plan(run_options_, *setup_));
  WRIT_TRY(audit_->open());
  if (options_.grants.subject.empty()) return {};
  observer_ = std::make_unique<CapabilityObserver>(*audit_);
  WRIT_ASSIGN(Store store, Store::open(store_directory(setup_->person)));
  AuthorityOptions authority;
  authority.observer = observer_.get();
  WRIT_ASSIGN(capabilities_, DurableAuthority::open(std::move(store), std::move(authority)));
  return {};
}

Status ToolHost::open_approvals() {
  WRIT_ASSIGN(approvals_, RunApprovals::open(run_options_, *setup_, nullptr));
  questioner_.emplace(*approvals_, *audit_);
  return {};
}

PersonsAnswer ToolHost::ask(QuestionDraft draft) {
  OneAnswer taker;
  questioner_->ask(++questions_, std::move(draft), taker);
  bool withdrawn = false;
  while (!taker.answer()) {
    std::vector<pollfd> entries{{withdrawn ? -1 : cancel_, POLLIN, 0}};
    approvals_->add_poll_entries(entries);
    const auto timeout = approvals_->poll_timeout();
    const std::int64_t wait = timeout ? std::min<std::int64_t>(timeout->count(), 60'000) : 60'000;
    const bool woken = ::poll(entries.data(), entries.size(), static_cast<int>(wait)) > 0;
    if (woken && entries.front().revents != 0) {
      questioner_->withdraw(questions_);
      withdrawn = true;
    }
    approvals_->serve();
    audit_->write_when_due();
  }
  return *taker.answer();
}

// As root the files are touched as the tool's identity, through mounts that translate ownership where that is needed.
Result<Workspace> ToolHost::open_workspace() {
  WorkspaceOptions options;
  options.path = setup_->workspace;
  // What lies above a protected name, and where links from one lead, is not for tools to change either.
  options.shields =
      WriteShields(*policy_, {}, protected_link_targets(setup_->workspace, setup_->profile.filesystem.protect));
  const ToolIdentity& identity = setup_->identity;
  if (broker_.uid == 0) {
    options.identity = FileIdentity{identity.map.outside_uid, identity.map.outside_gid};
    if (identity.translation == OwnershipTranslation::kRootToTool) {
      if (!*broker_.init) return tl::unexpected<Error>(std::move(broker_.init->error()));
      WRIT_TRY((*broker_.init)->map_identity(identity.init_map));
      WRIT_ASSIGN(ownership_namespace_, (*broker_.init)->user_namespace());
      options.ownership_namespace = ownership_namespace_.get();
    }
  }
  WRIT_ASSIGN(Workspace workspace, Workspace::open(options));
  broker_.init.reset();  // it has lent its namespace, and no sandbox will be made of it
  return workspace;
}

// Commands of tools run as nested runs: bound to this workspace, with nobody to ask, and ending with us.
Result<CommandSandbox> ToolHost::command_sandbox() const {
  CommandSandbox sandbox;
  sandbox.profile = options_.command_profile.empty() ? run_options_.profile : options_.command_profile;
  if (names_profile_file(sandbox.profile)) {
    WRIT_ASSIGN(sandbox.profile, typed_path(sandbox.profile, setup_->person));
  }
  sandbox.workspace = setup_->workspace;
  const Nesting nesting{run_options_.nesting.depth + 1, setup_->workspace_object.device, setup_->workspace_object.inode,
                        ::getpid()};
  sandbox.options = {"--nested=" + nesting.text(), "--under-rules"};
  return sandbox;
}

Status ToolHost::make_tools() {
  WarmToolOptions options;
  WRIT_ASSIGN(options.program, find_tool_program());
  options.identity = setup_->identity;
  options.user_name = setup_->tool_user_name;
  options.isolation = setup_->profile.isolation;
  options.landlock_abi = landlock_abi();
  WRIT_ASSIGN(tools_, WarmTools::create(broker_, *spawner_, std::move(options)));
  return {};
}

Status ToolHost::make_session() {
  WRIT_ASSIGN(Workspace workspace, open_workspace());
  const bool one_call = !options_.words.empty();
  WRIT_ASSIGN(ToolTable table, one_call ? shipped_tool(options_.words.front()) : shipped_tools(options_.visible));
  WRIT_ASSIGN(const CommandSandbox jit_sandbox, command_sandbox());
  ToolSessionOptions options{{},          std::move(workspace), starter_.get(),  jit_sandbox,
                             jit_sandbox, tools_.get(),         std::move(table)};
  if (!run_options_.subject.empty()) {
    options.command_sandbox.options.push_back("--subject=" + run_options_.subject);
    auto subject = Subject::parse(run_options_.subject);
    if (!subject) return fail("--subject: " + subject.error().what, subject.error().hint);
    options.authority.subject = std::move(*subject);
  }
  for (const std::string& manifest : run_options_.manifests) {
    WRIT_ASSIGN(const std::string path, typed_path(manifest, setup_->person));
    options.command_sandbox.options.push_back("--manifest=" + path);
  }
  options.authority.policy = &*policy_;
  options.authority.bounds = bounds_ ? &*bounds_ : nullptr;
  options.authority.workspace = setup_->workspace;
  options.authority.capabilities = capabilities_.get();
  options.authority.audit = audit_.get();
  options.authority.ask = [this](QuestionDraft draft) { return ask(std::move(draft)); };
  options.is_reserved = is_shipped_tool;
  options.store_directory = store_directory(setup_->person);
  options.places = broad_places(setup_->person, setup_->workspace);
  options.human_reach =
      run_options_.approve == "deny" ? HumanContext::Reachable::kNobody : HumanContext::Reachable::kQueue;
  options.human_time_limit = waiting_time(run_options_.approve);
  if (run_options_.verbosity == Verbosity::kNormal) {
    options.announce = [](const std::string& line) { print_message(line); };
    options.on_refusal = print_refusal;
  }
  session_ = std::make_unique<ToolSession>(std::move(options));
  return {};
}

// Every process that starts something is there. What comes now are bytes of tools, and of whoever calls them.
Status ToolHost::confine() {
  BrokerNeeds needs;
  needs.stage = ::geteuid() == 0 ? BrokerStage::kServingToolsAsRoot : BrokerStage::kServingTools;
  needs.calls = {BrokerSandboxes::kMore, BrokerSockets::kInternet, BrokerFiles::kToolsToo};
  needs.landlock = BrokerLandlock::kMakesMounts;
  WRIT_TRY(confine_broker(needs));
  return {};
}

Result<std::unique_ptr<ToolHost>> ToolHost::create(const ToolOptions& options, const CeilingFile& ceiling) {
  std::unique_ptr<ToolHost> host(new ToolHost(options));
  WRIT_TRY(host->start_processes());
  WRIT_TRY(host->read_policy(ceiling));
  WRIT_TRY(host->make_tools());
  WRIT_TRY(host->open_capabilities());
  WRIT_TRY(host->open_approvals());
  WRIT_TRY(host->make_session());
  WRIT_TRY(host->confine());
  return host;
}

Result<bool> ToolHost::idle(std::size_t count) {
  audit_->write_when_due();
  auto prepared = tools_->prepare(count);
  if (!prepared) return tl::unexpected<Error>(std::move(prepared.error().error));
  return *prepared;
}

Status ToolHost::finish(int exit_status) {
  RunOutcome outcome;
  outcome.kind = OutcomeKind::kExited;
  outcome.exit_status = exit_status;
  audit_->ended(outcome);
  return audit_->finish();
}

}  // namespace writ
