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
#include "broker/kernel/capabilities.h"
#include "broker/kernel/landlock.h"
#include "broker/mediation/command_service.h"
#include "broker/mediation/mediated_calls.h"
#include "broker/policy/listener_filter.h"
#include "broker/sandbox/launch.h"
#include "launcher/denial_report.h"
#include "launcher/message.h"
#include "launcher/report_file.h"
#include "launcher/run_mediation.h"
#include "launcher/run_report.h"
#include "launcher/run_session.h"
#include "launcher/run_setup.h"
#include "launcher/run_streams.h"

namespace writ {
namespace {

LaunchError writ_error(Error error) { return {kExitWritFailed, std::move(error)}; }

class Run {
 public:
  Run(const RunOptions& options, BrokerStart broker) : options_(options), broker_(std::move(broker)) {}

  int run();

 private:
  using Step = tl::expected<void, LaunchError>;

  Step prepare();
  Step open_report();
  Step read_policy();
  Step start_command_launcher();
  Step choose_init();
  Step map_identity();
  Step hide_own_files();
  void watch_empty_secret_places();
  Step prepare_listener();
  Step prepare_mediation();
  Step start_guard();
  Step start();
  Step serve_calls();
  int dry_run();
  void supervise();
  void finish_guard();
  int report();
  [[nodiscard]] bool is_orphan() const;
  void warn();
  void explain_end() const;
  void list_denials() const;
  RunFacts facts() const;

  const RunOptions& options_;
  BrokerStart broker_;
  std::optional<RunSetup> setup_;
  std::optional<RunStreams> streams_;
  std::optional<PreparedLaunch> prepared_;
  std::optional<NotificationLoop> loop_;  // before those that answer through it
  std::unique_ptr<RunMediation> mediation_;
  std::optional<PersistenceGuard> guard_;
  std::optional<CommandLauncher> command_launcher_;
  std::optional<CommandService> commands_;  // after prepared_, whose programs it borrows
  std::optional<GuardReport> guard_report_;
  std::optional<UniqueFd> signals_;
  std::optional<UniqueFd> tool_;
  UniqueFd ownership_namespace_;
  std::optional<ReportFile> report_file_;
  RunOutcome outcome_;
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
  auto setup = set_up_run(options_, std::move(*person));
  if (!setup) return tl::unexpected<LaunchError>(writ_error(std::move(setup.error())));
  setup_ = std::move(*setup);
  return {};
}

// Before we become non-dumpable and give our capabilities up: a nested run needs what we have now.
Run::Step Run::start_command_launcher() {
  if (setup_->profile.commands.empty() || options_.mode == RunMode::kDryRun) return {};
  auto launcher = CommandLauncher::start();
  if (!launcher) return tl::unexpected<LaunchError>(writ_error(std::move(launcher.error())));
  command_launcher_.emplace(std::move(*launcher));
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

// Writ's own files are authority over later runs. Where they lie in a tree the tool may write, they must exist to be
// hidden, or the tool could make them first.
Run::Step Run::hide_own_files() {
  const Person& person = setup_->person;
  for (const std::string& home : {person.state_home, person.cache_home, person.configuration_home}) {
    const std::string directory = home + "/writ";
    setup_->profile.filesystem.hide.push_back(directory);
    for (const PathGrant& grant : setup_->profile.filesystem.grants) {
      if (grant.access != PathAccess::kWrite || !directory.starts_with(grant.path + "/")) continue;
      for (std::size_t slash = grant.path.size(); slash != std::string::npos; slash = directory.find('/', slash + 1))
        (void)::mkdir(directory.substr(0, slash).c_str(), 0700);
      // Protected as well as hidden: that pins the directories above, which could be moved away otherwise.
      setup_->profile.filesystem.protect.push_back(directory.substr(grant.path.size() + 1));
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

Run::Step Run::prepare() {
  if (auto done = open_report(); !done) return done;
  if (auto done = read_policy(); !done) return done;
  if (auto done = start_command_launcher(); !done) return done;
  if (auto done = choose_init(); !done) return done;
  if (auto done = hide_own_files(); !done) return done;
  watch_empty_secret_places();
  const StreamGiver giver = options_.is_nested() ? StreamGiver::kTool : StreamGiver::kPerson;
  auto streams = RunStreams::arrange(setup_->profile, broker_, setup_->identity, giver);
  if (!streams) return tl::unexpected<LaunchError>(writ_error(std::move(streams.error())));
  streams_ = std::move(*streams);
  LaunchRequest request;
  request.profile = &setup_->profile;
  request.identity = setup_->identity;
  request.working_directory = setup_->start_directory;
  request.workspace = setup_->workspace_object;
  request.home = setup_->person.home;
  request.user_name = setup_->tool_user_name;
  request.argv = options_.command;
  request.environment = setup_->environment;
  request.descriptors = streams_->descriptors();
  request.terminal_number = streams_->terminal_number();
  request.devpts = streams_->take_devpts();
  request.ownership_namespace = ownership_namespace_.valid() ? ownership_namespace_.get() : -1;
  request.filter = setup_->filter;
  request.landlock_abi = landlock_abi_;
  if (options_.is_nested()) request.program_under_rules = ProgramUnderRules::kNo;
  if (!setup_->profile.commands.empty()) request.filter = allow_command_call(request.filter);
  auto prepared = prepare_launch(broker_, std::move(request));
  if (!prepared) return tl::unexpected<LaunchError>(std::move(prepared.error()));
  prepared_ = std::move(*prepared);
  if (auto done = prepare_listener(); !done) return done;
  return prepare_mediation();
}

// One listener for everything that waits for us.
Run::Step Run::prepare_listener() {
  std::vector<TrappedCall> calls;
  if (!setup_->profile.commands.empty()) calls.push_back({kCommandCall, TrapScope::kAlways, {}});
  if (!prepared_->view.mediated.empty())
    for (TrappedCall& call : mediated_traps()) calls.push_back(std::move(call));
  if (calls.empty()) return {};
  auto listener = compile_listener_filter(calls);
  if (!listener) return tl::unexpected<LaunchError>(writ_error(std::move(listener.error())));
  prepared_->content.listener_filter = std::move(*listener);
  return {};
}

Run::Step Run::prepare_mediation() {
  if (prepared_->view.mediated.empty()) return {};
  auto mediation = RunMediation::prepare(setup_->profile, setup_->identity, *prepared_);
  if (!mediation) return tl::unexpected<LaunchError>(writ_error(std::move(mediation.error())));
  mediation_ = std::move(*mediation);
  if (options_.trace == Trace::kDenials)
    mediation_->denials().set_observer([](const Denial& denial) { print_message(denial_trace_line(denial)); });
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
  options.inside_tree = QuarantineInsideTree::kHiddenInView;  // hide_own_files() sees to it
  auto guard = PersistenceGuard::create(std::move(prepared_->view.guarded), std::move(options));
  if (!guard) return tl::unexpected<LaunchError>(writ_error(std::move(guard.error())));
  guard_.emplace(std::move(*guard));
  return {};
}

Run::Step Run::start() {
  if (auto done = start_guard(); !done) return done;
  auto signals = take_over_signals();
  if (!signals) return tl::unexpected<LaunchError>(writ_error(std::move(signals.error())));
  signals_ = std::move(*signals);
  auto tool = start_prepared(**broker_.init, *prepared_);
  if (!tool) return tl::unexpected<LaunchError>(std::move(tool.error()));
  tool_ = std::move(*tool);
  if (auto done = serve_calls(); !done) return done;
  // The view lives in the sandbox now. Dropping our descriptors of it is what makes its mounts vanish with the sandbox.
  prepared_->view.root.reset();
  prepared_->program.executable.reset();
  prepared_->landlock_ruleset.reset();
  streams_->tool_started(tool_->get());
  // What making the view needed is not needed any more.
  const BrokerStage as_root = mediation_ ? BrokerStage::kMediatingAsRoot : BrokerStage::kSupervisingAsRoot;
  WRIT_STEP(limit_broker_capabilities(broker_.uid == 0 ? as_root : BrokerStage::kSupervising));
  return {};
}

Run::Step Run::serve_calls() {
  if (!prepared_->listener) return {};
  loop_.emplace(std::move(*prepared_->listener));
  if (mediation_) mediation_->attach_to(*loop_);
  if (!command_launcher_) return {};
  auto plan = plan_nested_runs(options_, *setup_, prepared_->view);
  if (!plan) return tl::unexpected<LaunchError>(writ_error(std::move(plan.error())));
  commands_.emplace(*loop_, std::move(*command_launcher_), prepared_->view.commands, std::move(*plan));
  return {};
}

RunFacts Run::facts() const {
  RunFacts facts;
  facts.options = &options_;
  facts.setup = setup_ ? &*setup_ : nullptr;
  facts.prepared = prepared_ ? &*prepared_ : nullptr;
  facts.outcome = &outcome_;
  facts.commands = commands_ ? &*commands_ : nullptr;
  facts.guard = guard_report_ ? &*guard_report_ : nullptr;
  facts.denials = mediation_ ? &mediation_->denials() : nullptr;
  facts.notifications = mediation_ && loop_ ? &loop_->counts() : nullptr;
  facts.landlock_abi = landlock_abi_;
  facts.dropped_sequences = dropped_sequences_;
  return facts;
}

void Run::warn() {
  if (options_.verbosity == Verbosity::kQuiet) return;
  for (const std::string& line : run_warnings(facts())) print_message("warning: " + line);
}

// What a person cannot see from the tool's own output.
void Run::explain_end() const {
  const bool by_writ = outcome_.kind == OutcomeKind::kTimedOut || outcome_.kind == OutcomeKind::kSandboxDied;
  if (by_writ && options_.verbosity == Verbosity::kNormal) print_message(outcome_.reason);
}

void Run::list_denials() const {
  // Each was shown already as it happened.
  if (!mediation_ || options_.verbosity == Verbosity::kQuiet || options_.trace == Trace::kDenials) return;
  for (const std::string& line : denial_lines(mediation_->denials())) print_message(line);
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
  SessionServices services{guard_ ? &*guard_ : nullptr, commands_ ? &*commands_ : nullptr,
                           options_.is_nested() ? StreamGiver::kTool : StreamGiver::kPerson};
  RunSession session(**broker_.init, *streams_, services, setup_->profile.limits, signals_->get());
  if (loop_) session.serve(*loop_);
  outcome_ = session.run();
  if (streams_->relay() != nullptr) dropped_sequences_ = streams_->relay()->dropped_sequences();
  finish_guard();
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
  if (!options_.is_nested()) return false;
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);  // again: becoming a user namespace's owner may have cleared it
  return ::getppid() != options_.nesting.supervisor;
}

int Run::run() {
  if (is_orphan()) return kExitWritFailed;
  (void)::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit of the person's shell shall be an error message, not our death
  landlock_abi_ = landlock_abi();
  Step done = prepare();
  if (done && options_.mode == RunMode::kDryRun) return dry_run();
  if (done) done = start();
  if (!done) {
    outcome_.kind = OutcomeKind::kNotStarted;
    outcome_.exit_status = done.error().exit_status;
    outcome_.reason = done.error().error.describe();
    streams_.reset();  // gives the terminal back before we write to it
    print_message(outcome_.reason);
    return report();
  }
  supervise();
  streams_.reset();
  explain_end();
  list_denials();
  warn();
  return report();
}

}  // namespace

int run_run_command(const RunOptions& options, BrokerStart broker) { return Run(options, std::move(broker)).run(); }

}  // namespace writ
