#include "launcher/run_command.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <memory>
#include <optional>

#include "broker/base/escape.h"
#include "broker/kernel/broker_confinement.h"
#include "broker/kernel/capabilities.h"
#include "broker/kernel/landlock.h"
#include "broker/policy/listener_filter.h"
#include "broker/sandbox/launch.h"
#include "launcher/broker_socket.h"
#include "launcher/denial_report.h"
#include "launcher/message.h"
#include "launcher/report_file.h"
#include "launcher/run_audit.h"
#include "launcher/run_calls.h"
#include "launcher/run_report.h"
#include "launcher/run_session.h"
#include "launcher/run_setup.h"
#include "launcher/run_streams.h"
#include "launcher/seccomp_source.h"

namespace writ {
namespace {

LaunchError writ_error(Error error) { return {kExitWritFailed, std::move(error)}; }

class Run {
 public:
  Run(const RunOptions& options, BrokerStart broker, const CeilingFile& ceiling, RunCompanion* companion)
      : options_(options), broker_(std::move(broker)), ceiling_(ceiling), companion_(companion) {}

  int run();

 private:
  using Step = tl::expected<void, LaunchError>;

  Step prepare();
  Step open_report();
  Status take_socket();
  Step read_policy();
  Step choose_init();
  Step map_identity();
  Step make_own_directories();
  void watch_empty_secret_places();
  LaunchRequest launch_request();
  Step start_guard();
  Step open_audit();
  Step make_filter();
  Step make_ready();
  void drop_what_was_handed_over();
  Step confine();
  Step start();
  int dry_run();
  void supervise();
  void finish_guard();
  void finish_audit();
  void record_failed_launch(const LaunchError& error);
  void let_go();
  int report();
  [[nodiscard]] bool is_orphan() const;
  void warn();
  void explain_end() const;
  void list_denials() const;
  void say_how_to_see_denials() const;
  RunFacts facts() const;

  const RunOptions& options_;
  BrokerStart broker_;
  const CeilingFile& ceiling_;
  RunCompanion* companion_;  // borrowed, or null
  std::optional<RunSetup> setup_;
  std::optional<RunStreams> streams_;
  std::optional<RunLimits> limits_;  // after setup_
  std::optional<PreparedLaunch> prepared_;
  std::optional<PersistenceGuard> guard_;
  std::unique_ptr<RunAudit> audit_;  // before those that tell it something
  std::optional<RunCalls> calls_;    // after prepared_, whose programs it borrows
  std::optional<GuardReport> guard_report_;
  std::optional<UniqueFd> signals_;
  std::optional<UniqueFd> tool_;
  UniqueFd ownership_namespace_;
  UniqueFd broker_socket_;  // for the tool
  std::optional<ReportFile> report_file_;
  RunOutcome outcome_;
  std::optional<BrokerConfinement> confinement_;
  int landlock_abi_ = 0;
  std::size_t dropped_sequences_ = 0;
};

#define WRIT_STEP(expression)                                                       \
  do {                                                                              \
    if (auto writ_step = (expression); !writ_step)                                  \
      return tl::unexpected<LaunchError>(writ_error(std::move(writ_step.error()))); \
  } while (false)

Run::Step Run::open_report() {
  if (options_.report.empty() || options_.mode == RunMode::kDryRun) return {};
  auto file = ReportFile::open(options_.report);
  if (!file) return tl::unexpected<LaunchError>(writ_error(std::move(file.error())));
  report_file_.emplace(std::move(*file));
  return {};
}

Run::Step Run::read_policy() {
  auto person = identify_person(broker_.uid, broker_.gid);
  if (!person) return tl::unexpected<LaunchError>(writ_error(std::move(person.error())));
  auto setup = set_up_run(options_, std::move(*person), ceiling_);
  if (!setup) return tl::unexpected<LaunchError>(writ_error(std::move(setup.error())));
  setup_ = std::move(*setup);
  if (companion_ != nullptr) WRIT_STEP(companion_->adjust(*setup_));
  auto audit = RunAudit::plan(options_, *setup_);
  if (!audit) return tl::unexpected<LaunchError>(writ_error(std::move(audit.error())));
  audit_ = std::move(*audit);
  calls_.emplace(options_, *setup_, *audit_, companion_);
  WRIT_STEP(calls_->start_command_launcher());
  return {};
}

// Init guessed that the sandbox has a network of its own; a profile that wants the host's gets another init.
Run::Step Run::choose_init() {
  if (setup_->profile.network == NetworkMode::kHost) {
    broker_.init.reset();
    broker_.init.emplace(start_init(broker_, NetworkStart::kInherited));
  }
  // Nobody of the same user reads our memory or descriptors from here on (prctl(2), ptrace access mode). Not earlier:
  // an init forked from us would inherit it and could not write its own identity map.
  (void)::prctl(PR_SET_DUMPABLE, 0);
  if (!*broker_.init) return tl::unexpected<LaunchError>(writ_error(std::move(broker_.init->error())));
  return map_identity();
}

// As root the broker gives init the identity that the workspace asks for. A host without user namespaces has none to
// map; whether that is the end, init and the profile say.
Run::Step Run::map_identity() {
  if (broker_.uid != 0) return {};
  WRIT_STEP(require_launcher_capabilities());
  SandboxProcess& init = **broker_.init;
  const Status mapped = init.map_identity(setup_->identity.init_map);
  const bool optional = setup_->profile.requirement(Layer::kUserNamespace) == Requirement::kPrefer;
  if (!mapped && optional) return {};
  if (!mapped) return tl::unexpected<LaunchError>(writ_error(Error(mapped.error())));
  if (setup_->identity.translation == OwnershipTranslation::kNone) return {};
  auto opened = init.user_namespace();
  if (!opened) return tl::unexpected<LaunchError>(writ_error(std::move(opened.error())));
  ownership_namespace_ = std::move(*opened);
  return {};
}

// Writ's own files are authority over later runs (policy_places.h hides and protects them). Where they lie in a tree
// the tool may write, they must exist to be hidden, or the tool could make them first.
Run::Step Run::make_own_directories() {
  const Person& person = setup_->person;
  for (const std::string& home : {person.state_home, person.cache_home, person.configuration_home}) {
    const std::string directory = home + "/writ";
    for (const PathGrant& grant : setup_->profile.filesystem.grants) {
      if (grant.access != PathAccess::kWrite || !directory.starts_with(grant.path + "/")) continue;
      for (std::size_t slash = grant.path.size(); slash != std::string::npos; slash = directory.find('/', slash + 1))
        (void)::mkdir(directory.substr(0, slash).c_str(), 0700);
      if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
        return tl::unexpected<LaunchError>(
            writ_error({"cannot make " + quote_bytes(directory) + " in order to hide it from the tool", errno, ""}));
    }
  }
  return {};
}

// A secret's place that is empty could be filled: ~/.ssh/authorized_keys, where the home is the workspace. Such names
// are treated like persistence files: what appears there is taken away again.
void Run::watch_empty_secret_places() {
  FilesystemPolicy& filesystem = setup_->profile.filesystem;
  for (const std::string& hidden : filesystem.hide)
    for (const PathGrant& grant : filesystem.grants)
      if (grant.access == PathAccess::kWrite && hidden.starts_with(grant.path + "/") &&
          ::faccessat(AT_FDCWD, hidden.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        filesystem.protect.push_back(hidden.substr(grant.path.size() + 1));
}

Status Run::take_socket() {
  WRIT_ASSIGN(broker_socket_, take_broker_socket());
  return {};
}

Run::Step Run::prepare() {
  if (auto done = open_report(); !done) return done;
  if (auto done = read_policy(); !done) return done;
  if (auto done = choose_init(); !done) return done;
  if (auto done = make_own_directories(); !done) return done;
  watch_empty_secret_places();
  if (options_.broker_socket != 0) WRIT_STEP(take_socket());
  const StreamGiver giver = options_.is_nested() ? StreamGiver::kTool : StreamGiver::kPerson;
  auto streams = RunStreams::arrange(setup_->profile, broker_, setup_->identity, giver);
  if (!streams) return tl::unexpected<LaunchError>(writ_error(std::move(streams.error())));
  streams_ = std::move(*streams);
  limits_.emplace(setup_->profile);
  auto prepared = prepare_launch(broker_, launch_request());
  if (!prepared) return tl::unexpected<LaunchError>(std::move(prepared.error()));
  prepared_ = std::move(*prepared);
  limits_->adjust(*prepared_);
  if (companion_ != nullptr) WRIT_STEP(companion_->prepared(*prepared_));
  return {};
}

LaunchRequest Run::launch_request() {
  LaunchRequest request;
  request.profile = &setup_->profile;
  request.identity = setup_->identity;
  request.working_directory = setup_->start_directory;
  request.workspace = setup_->workspace_object;
  request.home = setup_->person.home;
  request.user_name = setup_->tool_user_name;
  request.tool.argv = options_.command;
  request.tool.environment = setup_->environment;
  request.tool.descriptors = streams_->descriptors();
  if (broker_socket_.valid())
    give_broker_socket(broker_socket_.get(), request.tool.descriptors, request.tool.environment);
  request.terminal_number = streams_->terminal_number();
  request.devpts = streams_->take_devpts();
  request.ownership_namespace = ownership_namespace_.valid() ? ownership_namespace_.get() : -1;
  request.policy_notice = setup_->policy_notice;
  request.landlock_abi = landlock_abi_;
  request.floor = streams_->landlock_floor();
  if (options_.is_nested() && !options_.under_rules) request.program_under_rules = ProgramUnderRules::kNo;
  const bool dry = options_.mode == RunMode::kDryRun;
  request.control_group = dry ? limits_->look_for_group() : limits_->make_group((*broker_.init)->init_pid());
  if (companion_ != nullptr) request.strongest_writing = Writing::kNative;
  if (companion_ == nullptr && !setup_->profile.filesystem.asked.empty()) request.late_grants = LateGrants::kPossible;
  if (may_hold_host_sockets(options_, setup_->profile)) request.tcp = LandlockTcp::kDenied;
  return request;
}

Run::Step Run::make_filter() {
  auto filter = make_seccomp_program(setup_->profile, setup_->person.cache_home);
  if (!filter) return tl::unexpected<LaunchError>(writ_error(std::move(filter.error())));
  const bool asks = companion_ == nullptr && !setup_->profile.commands.empty();
  prepared_->content.filter = asks ? allow_command_call(*filter) : std::move(*filter);
  return {};
}

Run::Step Run::start_guard() {
  if (prepared_->view.guarded.empty()) return {};
  GuardOptions options;
  options.quarantine_root = setup_->person.state_home + "/writ/quarantine";
  options.run_id = std::to_string(::time(nullptr)) + "-" + std::to_string(::getpid());
  // Where nothing can appear there is nothing to wait for; changes are looked for at the end.
  const auto& guarded = prepared_->view.guarded;
  if (std::all_of(guarded.begin(), guarded.end(), [](const GuardedTree& tree) { return tree.protect.empty(); }))
    options.watching = Watching::kSweepOnly;
  options.inside_tree = QuarantineInsideTree::kHiddenInView;  // make_own_directories() sees to it
  auto guard = PersistenceGuard::create(std::move(prepared_->view.guarded), std::move(options));
  if (!guard) return tl::unexpected<LaunchError>(writ_error(std::move(guard.error())));
  guard_.emplace(std::move(*guard));
  return {};
}

// Where records are required, they are there before the program is. Otherwise nobody waits for them.
Run::Step Run::open_audit() {
  if (audit_->was_opened()) return {};
  WRIT_STEP(audit_->open());
  return {};
}

// Everything that must be there before the program is executed.
Run::Step Run::make_ready() {
  if (auto done = start_guard(); !done) return done;
  auto signals = take_over_signals();
  if (!signals) return tl::unexpected<LaunchError>(writ_error(std::move(signals.error())));
  signals_ = std::move(*signals);
  if (auto done = make_filter(); !done) return done;
  WRIT_STEP(calls_->prepare(*prepared_, streams_->relay()));
  return audit_->opens_before_launch() ? open_audit() : Step();
}

// The view lives in the sandbox now. Dropping our descriptors of it is what makes its mounts vanish with the sandbox.
void Run::drop_what_was_handed_over() {
  prepared_->view.root.reset();
  prepared_->program.executable.reset();
  prepared_->landlock_ruleset.reset();
  broker_socket_.reset();
  streams_->tool_started(tool_->get());
}

// From here on this process serves, and nothing else.
Run::Step Run::confine() {
  const bool looks = !prepared_->content.listener_filter.empty() || limits_->reads_processes();
  auto confined = confine_broker(calls_->needs(looks ? Listening::kYes : Listening::kNo));
  if (!confined) return tl::unexpected<LaunchError>(writ_error(std::move(confined.error())));
  confinement_ = std::move(*confined);
  return {};
}

Run::Step Run::start() {
  if (auto begun = begin_start(**broker_.init, *prepared_); !begun) return begun;
  if (auto done = make_ready(); !done) return done;  // while init assembles the sandbox
  if (auto sent = send_order(**broker_.init, *prepared_); !sent) return sent;
  // The time until the program is executed is nobody else's. Who opens doors for the tool does that first.
  prepared_->view.scratch.reset();
  const bool opens = calls_->opens_doors();
  calls_->compile();
  if (auto done = open_audit(); !done) return done;
  if (!opens)
    if (auto done = confine(); !done) return done;
  auto tool = await_start(**broker_.init, *prepared_);
  if (!tool) return tl::unexpected<LaunchError>(std::move(tool.error()));
  tool_ = std::move(*tool);
  audit_->launched(*prepared_);
  WRIT_STEP(calls_->serve(*prepared_, **broker_.init, landlock_abi_));
  limits_->started((*broker_.init)->init_pid());
  drop_what_was_handed_over();
  // What making the view needed is not needed any more.
  return opens ? confine() : Step();
}

RunFacts Run::facts() const {
  RunFacts facts;
  facts.options = &options_;
  facts.setup = setup_ ? &*setup_ : nullptr;
  facts.prepared = prepared_ ? &*prepared_ : nullptr;
  facts.outcome = &outcome_;
  if (calls_) {
    facts.network_denials = calls_->network_denials();
    facts.commands = calls_->commands();
    facts.denials = calls_->denials();
    facts.mediated_calls = calls_->mediated_calls();
    facts.approvals = calls_->approvals();
    facts.revoked = calls_->revoked_trees();
  }
  facts.guard = guard_report_ ? &*guard_report_ : nullptr;
  facts.landlock_abi = landlock_abi_;
  facts.limits = limits_ ? &*limits_ : nullptr;
  facts.confinement = confinement_ ? &*confinement_ : nullptr;
  if (audit_) facts.audit = audit_->report();
  facts.dropped_sequences = dropped_sequences_;
  return facts;
}

void Run::warn() {
  if (options_.verbosity == Verbosity::kQuiet) return;
  for (const std::string& line : run_warnings(facts())) print_message("warning: " + line);
}

// What a person cannot see from the tool's own output.
void Run::explain_end() const {
  const bool by_writ = outcome_.kind == OutcomeKind::kTimedOut || outcome_.kind == OutcomeKind::kSandboxDied ||
                       outcome_.kind == OutcomeKind::kAuditFailed;
  if (options_.verbosity != Verbosity::kNormal) return;
  if (by_writ) print_message(outcome_.reason);
  for (const LimitRecord& record : limits_->records())
    if (record.hit && !by_writ) print_message(record.describe());
}

void Run::list_denials() const {
  // With --trace each was shown already as it happened.
  const bool silent = options_.verbosity == Verbosity::kQuiet || options_.trace == Trace::kDecisions;
  if (silent || calls_->denials() == nullptr) return;
  for (const std::string& line : denial_lines(*calls_->denials())) print_message(line);
}

// What was never granted is simply not there for the tool, and nobody sees that it was missed. Only for a person: a
// program that reads our standard error wants no advice.
void Run::say_how_to_see_denials() const {
  const bool failed = outcome_.kind == OutcomeKind::kExited && outcome_.exit_status != 0;
  const bool told = options_.explain == Explain::kDenials || options_.verbosity == Verbosity::kQuiet;
  if (!failed || told || options_.is_nested() || companion_ != nullptr || ::isatty(STDERR_FILENO) != 1) return;
  print_message("the program failed; `writ run --explain …` lists what it looked for and was not granted");
}

int Run::dry_run() {
  RunFacts all = facts();
  all.outcome = nullptr;
  std::cout << (options_.json ? run_report_json(all).to_text(2) + "\n" : run_plan_text(all)) << std::flush;
  return std::cout ? 0 : kExitWritFailed;
}

void Run::finish_guard() {
  if (!guard_) return;
  auto finished = guard_->finish();
  if (finished)
    guard_report_ = std::move(*finished);
  else
    print_message("warning: " + finished.error().describe());
}

void Run::supervise() {
  SessionServices services;
  services.guard = guard_ ? &*guard_ : nullptr;
  services.giver = options_.is_nested() ? StreamGiver::kTool : StreamGiver::kPerson;
  services.limits = &*limits_;
  services.freezer = limits_->freezer();
  calls_->add_to(services);
  RunSession session(**broker_.init, *streams_, services, setup_->profile.limits, signals_->get());
  outcome_ = session.run();
  limits_->finish(*streams_, outcome_);
  if (streams_->relay() != nullptr) dropped_sequences_ = streams_->relay()->dropped_sequences();
  finish_guard();
}

// A run that must be recorded and is not has failed, whatever the tool said.
void Run::finish_audit() {
  audit_->ended(outcome_);
  const Status finished = audit_->finish();
  if (finished) return;
  if (outcome_.kind != OutcomeKind::kAuditFailed) print_message(finished.error().describe());
  outcome_.kind = OutcomeKind::kAuditFailed;
  outcome_.exit_status = kExitWritFailed;
  outcome_.reason = finished.error().describe();
}

// What was asked for and came to nothing is recorded as well, once it is known where.
void Run::record_failed_launch(const LaunchError& error) {
  if (!audit_) return;
  if (!audit_->was_opened() && !audit_->open()) return;
  audit_->not_launched(error);
  audit_->ended(outcome_);
  (void)audit_->finish();
}

// Nothing of the tool runs any more, only the sandbox's namespaces are still being dismantled. Meanwhile everything of
// ours is given back; that the sandbox is gone is waited for at the very end.
void Run::let_go() {
  calls_.reset();
  prepared_.reset();
  guard_.reset();
  report_file_.reset();
  tool_.reset();
  signals_.reset();
  ownership_namespace_.reset();
  if (!audit_->is_finished()) finish_audit();
  audit_.reset();
  (*broker_.init)->wait();
}

int Run::report() {
  if (!report_file_) return outcome_.exit_status;
  RunFacts all = facts();
  const Status written = report_file_->write(run_report_json(all).to_text(2) + "\n");
  if (written) return outcome_.exit_status;
  print_message(written.error().describe());
  return kExitWritFailed;
}

// A command of another run's tool ends with that run, also when it is killed: our own end is what kills our sandbox.
bool Run::is_orphan() const {
  const pid_t parent = options_.is_nested()          ? options_.nesting.supervisor
                       : options_.broker_socket != 0 ? options_.broker_socket
                                                     : options_.supervisor;
  if (parent == 0) return false;
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);  // again: becoming a user namespace's owner may have cleared it
  return ::getppid() != parent;
}

int Run::run() {
  if (is_orphan()) return kExitWritFailed;
  (void)::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit of the person's shell shall be an error message, not our death
  landlock_abi_ = landlock_abi();
  Step done = prepare();
  if (done && options_.mode == RunMode::kDryRun) done = make_filter();
  if (done && options_.mode == RunMode::kDryRun) return dry_run();
  if (done) done = start();
  if (!done) {
    outcome_.kind = OutcomeKind::kNotStarted;
    outcome_.exit_status = done.error().exit_status;
    outcome_.reason = done.error().error.describe();
    streams_.reset();  // gives the terminal back before we write to it
    print_message(outcome_.reason);
    record_failed_launch(done.error());
    return report();
  }
  supervise();
  streams_.reset();
  explain_end();
  list_denials();
  warn();
  say_how_to_see_denials();
  if (companion_ != nullptr) outcome_.exit_status = companion_->finished(outcome_);
  // Where nobody is told what became of the log, it is finished while the kernel dismantles the sandbox.
  if (audit_->is_required() || report_file_) finish_audit();
  const int status = report();
  let_go();
  return status;
}

}  // namespace

int run_run_command(const RunOptions& options, BrokerStart broker, const CeilingFile& ceiling,
                    RunCompanion* companion) {
  return Run(options, std::move(broker), ceiling, companion).run();
}

}  // namespace writ
