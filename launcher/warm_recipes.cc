#include "launcher/warm_recipes.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "broker/base/escape.h"
#include "broker/grant/stream_grant.h"
#include "broker/kernel/landlock.h"
#include "broker/policy/environment.h"
#include "broker/policy/profile_values.h"
#include "launcher/client_view.h"
#include "launcher/recipe_witness.h"
#include "launcher/seccomp_source.h"

namespace writ {
namespace {

constexpr int kSignalledBase = 128;

// What needs somebody who waits for the tool, or reports on it.
bool wants_own_broker(const RunOptions& options) {
  return !options.report.empty() || !options.audit.empty() || !options.subject.empty() || options.approve != "ask" ||
         options.trace != Trace::kOff || options.explain != Explain::kOff || options.mode != RunMode::kRun ||
         options.is_nested() || options.broker_socket != 0 || options.via != RunVia::kOwn || !options.limits.empty();
}

bool wants_own_broker(const RunSetup& setup) {
  const LimitPolicy& limits = setup.profile.limits;
  const bool watched = limits.memory || limits.swap || limits.cpus || limits.cpu_weight || limits.total_cpu_time ||
                       limits.output_size || limits.write_size;
  return watched || setup.authority != nullptr || setup.profile.audit == AuditSetting::kRequired ||
         setup.profile.network != NetworkMode::kNone || !setup.policy_notice.empty() || !setup.warnings.empty() ||
         !setup.attenuations.empty();
}

// What `writ run` would have to say to the person: a layer that is missing, a place that could not be had.
bool has_something_to_say(const WarmLaunches& launches) {
  const LayerStatuses& layers = launches.layers();
  const bool degraded = std::any_of(layers.begin(), layers.end(),
                                    [](const LayerStatus& layer) { return layer.state == LayerState::kDegraded; });
  return degraded || !launches.view().warnings.empty();
}

// The words that decide what a sandbox is: all but the command, and what changes from launch to launch.
std::string key_of(const RunOptions& options, const LaunchForm& form) {
  std::string key = form.directory_path;
  const auto add = [&key](std::string_view text) { key.append(1, '\0').append(text); };
  add(options.profile);
  add(options.workspace);
  add(options.start_directory);
  add(options.network);
  for (const auto* list : {&options.read, &options.write, &options.manifests, &options.preferred_layers}) {
    for (const std::string& text : *list) add(text);
    add("\n");
  }
  for (const std::string& variable : form.environment)
    for (const std::string_view name : {"HOME=", "XDG_CONFIG_HOME=", "XDG_STATE_HOME=", "XDG_CACHE_HOME="})
      if (variable.starts_with(name)) add(variable);
  return key;
}

std::optional<RunOptions> options_of(const LaunchForm& form) {
  if (form.words.empty() || form.words.front() != "run") return std::nullopt;
  auto parsed = parse_run_options(split_at_separator(std::span(form.words).subspan(1)));
  if (!parsed) return std::nullopt;
  return std::move(*parsed);
}

// Streams that a tool may have as they are. Everything else is arranged by `writ run` (run_streams.h).
bool can_be_passed_on(const std::array<int, 3>& streams) {
  return std::all_of(streams.begin(), streams.end(), [](int stream) {
    if (stream < 0) return true;
    if (::isatty(stream) == 1) return false;
    const auto kind = classify_stream(stream);
    return kind && *kind == StreamKind::kPlain;
  });
}

Result<std::vector<WarmDescriptor>> descriptors_of(const std::array<int, 3>& streams) {
  std::vector<WarmDescriptor> descriptors;
  for (int number = 0; number < 3; ++number) {
    const int stream = streams[static_cast<std::size_t>(number)];
    UniqueFd copy(stream >= 0 ? ::fcntl(stream, F_DUPFD_CLOEXEC, 3) : ::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!copy.valid()) return fail_errno(errno, "cannot pass a standard stream on");
    descriptors.push_back({number, std::move(copy)});
  }
  return descriptors;
}

std::string signal_text(int signal) {
  std::string text(::strsignal(signal));
  return text.append(" (signal ").append(std::to_string(signal)).append(")");
}

SandboxEnd end_of(const WarmEvent& event) {
  SandboxEnd end;
  if (event.kind == WarmEventKind::kFailed) {
    end.exit_status = event.error.exit_status;
    end.reason = event.error.error.describe();
    end.message = end.reason;
  } else if (WIFSIGNALED(event.status)) {
    end.exit_status = kSignalledBase + WTERMSIG(event.status);
    end.reason = "ended by " + signal_text(WTERMSIG(event.status));
  } else {
    end.exit_status = WEXITSTATUS(event.status);
    end.reason = std::string("exit status ").append(std::to_string(end.exit_status));
  }
  return end;
}

}  // namespace

WarmRecipes::WarmRecipes(Parts parts, std::size_t ready) : parts_(parts), ready_(ready) {}

WarmRecipes::~WarmRecipes() {
  for (const auto& recipe : recipes_) forget(*recipe);
}

// The log is complete when a recipe goes.
void WarmRecipes::forget(Recipe& recipe) {
  if (!recipe.launches) return;
  parts_.loop.forget(recipe.launches->poll_descriptor());
  recipe.launches.reset();
  (void)recipe.audit->finish();
}

void WarmRecipes::describe(const LaunchForm& form, SandboxRecord& record) const {
  const auto options = options_of(form);
  if (!options) return;
  record.profile = escape_bytes(options->profile);
  record.workspace = escape_bytes(options->workspace.empty() ? form.directory_path : options->workspace);
}

// An error: what is wrong will be found again, and said, by a broker of its own.
Status WarmRecipes::fill_recipe(Recipe& recipe) {
  WRIT_ASSIGN(Person person, identify_person(parts_.broker.uid, parts_.broker.gid));
  WRIT_ASSIGN(RunSetup setup, set_up_run(recipe.options, std::move(person), parts_.ceiling));
  recipe.setup.emplace(std::move(setup));
  if (wants_own_broker(*recipe.setup)) return fail("such a run needs a broker of its own");
  WRIT_ASSIGN(recipe.audit, RunAudit::plan(recipe.options, *recipe.setup));
  SandboxRecipe sandbox;
  sandbox.profile = recipe.setup->profile;
  sandbox.identity = recipe.setup->identity;
  sandbox.working_directory = recipe.setup->start_directory;
  sandbox.home = recipe.setup->person.home;
  sandbox.user_name = recipe.setup->tool_user_name;
  sandbox.landlock_abi = landlock_abi();
  WRIT_ASSIGN(sandbox.filter, make_seccomp_program(sandbox.profile, recipe.setup->person.cache_home));
  WarmOptions options;
  options.ready = ready_;
  WRIT_ASSIGN(recipe.launches, WarmLaunches::create(parts_.broker, parts_.spawner, std::move(sandbox), options));
  // Protected names in writable trees are watched by whoever launches.
  if (!recipe.launches->view().guarded.empty()) return fail("such a run needs somebody who watches its trees");
  if (has_something_to_say(*recipe.launches)) return fail("such a run needs somebody who says what is missing");
  WRIT_TRY(recipe.audit->open());
  return watch_recipe(recipe);
}

Status WarmRecipes::watch_recipe(Recipe& recipe) {
  Recipe* borrowed = &recipe;
  return parts_.loop.watch(recipe.launches->poll_descriptor(), EPOLLIN,
                           [this, borrowed](std::uint32_t) { handle_events(*borrowed); });
}

// Recipes that nothing runs by; a person has few kinds of launches at a time.
void WarmRecipes::make_room() {
  for (auto entry = recipes_.end(); recipes_.size() >= kRecipeLimit && entry != recipes_.begin();) {
    --entry;
    Recipe& recipe = **entry;
    if (!recipe.numbers.empty()) continue;
    forget(recipe);
    entry = recipes_.erase(entry);
  }
}

WarmRecipes::Recipe* WarmRecipes::recipe_for(RunOptions options, const LaunchForm& form) {
  auto client = ClientView::enter(form.directory_path, form.directory.get(), form.environment);
  if (!client) return nullptr;
  const auto person = identify_person(parts_.broker.uid, parts_.broker.gid);
  if (!person) return nullptr;
  const std::string key = key_of(options, form);
  const std::string witness = witness_recipe_inputs(options, *person);
  for (auto entry = recipes_.begin(); entry != recipes_.end(); ++entry) {
    if ((*entry)->key != key || (*entry)->witness != witness) continue;
    recipes_.splice(recipes_.begin(), recipes_, entry);
    return recipes_.front().get();
  }
  make_room();
  auto recipe = std::make_unique<Recipe>();
  recipe->key = key;
  recipe->witness = witness;
  recipe->options = std::move(options);
  recipe->options.timeout.clear();
  recipe->options.environment.clear();
  recipe->options.command = {"writ", "broker"};
  if (!fill_recipe(*recipe)) recipe->launches.reset();  // remembered: it will be the same next time
  recipes_.push_front(std::move(recipe));
  return recipes_.front().get();
}

namespace {

// The tool's environment, of this client and with what its command line adds.
Result<std::vector<std::string>> environment_of(const RunSetup& setup, const RunOptions& options,
                                                const LaunchForm& form) {
  EnvironmentPolicy policy = setup.profile.environment;
  std::vector<std::pair<std::string, std::string>> extra;
  if (setup.person.uid == 0) extra = {{"USER", setup.tool_user_name}, {"LOGNAME", setup.tool_user_name}};
  add_typed_environment(policy, options.environment);
  return build_environment(policy, form.environment, extra);
}

}  // namespace

Result<WarmAnswer> WarmRecipes::launch(SandboxNumber number, const LaunchForm& form,
                                       const std::array<int, 3>& streams) {
  auto options = options_of(form);
  if (!options || wants_own_broker(*options) || !can_be_passed_on(streams)) return WarmAnswer::kNotWarm;
  Recipe* recipe = recipe_for(*options, form);
  if (recipe == nullptr || !recipe->launches) return WarmAnswer::kNotWarm;
  // A bound may forbid what is typed; only a whole set-up knows.
  if (!options->environment.empty() && !recipe->setup->bounds.empty()) return WarmAnswer::kNotWarm;
  std::optional<std::chrono::milliseconds> wall_time = recipe->setup->profile.limits.wall_time;
  if (!options->timeout.empty()) {
    const auto typed = parse_duration(options->timeout);
    if (!typed || typed->count() == 0 || !recipe->setup->bounds.empty()) return WarmAnswer::kNotWarm;
    wall_time = *typed;
  }
  WRIT_ASSIGN(std::vector<std::string> environment, environment_of(*recipe->setup, *options, form));
  WRIT_ASSIGN(std::vector<WarmDescriptor> descriptors, descriptors_of(streams));
  WRIT_TRY(start(*recipe, number, {options->command, std::move(environment), std::move(descriptors)}, wall_time));
  return WarmAnswer::kTaken;
}

Status WarmRecipes::start(Recipe& recipe, SandboxNumber number, WarmTool tool,
                          std::optional<std::chrono::milliseconds> wall_time) {
  Running running;
  running.recipe = &recipe;
  running.since = Clock::now();
  running.record = recipe.audit->record(AuditRecord(AuditEvent::kStart, kSubjectPerson)
                                            .set(AuditField::kArgv, tool.argv)
                                            .set(AuditField::kProfile, recipe.setup->profile.name)
                                            .set(AuditField::kWorkspace, recipe.setup->workspace));
  WRIT_ASSIGN(running.launch, recipe.launches->launch(std::move(tool)));
  recipe.numbers[static_cast<std::uint64_t>(running.launch)] = number;
  running_[number] = running;
  if (wall_time) due_.emplace(Clock::now() + *wall_time, Due{number, false});
  return {};
}

void WarmRecipes::handle_events(Recipe& recipe) {
  for (const WarmEvent& event : recipe.launches->handle_events()) handle_event(recipe, event);
}

void WarmRecipes::handle_event(Recipe& recipe, const WarmEvent& event) {
  const auto found = recipe.numbers.find(static_cast<std::uint64_t>(event.id));
  if (found == recipe.numbers.end()) return;
  const SandboxNumber number = found->second;
  if (event.kind == WarmEventKind::kStarted)
    return parts_.listener.warm_started(number, recipe.launches->init_pid(event.id));
  if (event.kind == WarmEventKind::kStopped) {
    // It has no terminal and no shell that would continue it (run_session.cc).
    if (event.status != SIGSTOP) recipe.launches->signal(event.id, SIGCONT);
    return;
  }
  if (event.kind == WarmEventKind::kPaused || event.kind == WarmEventKind::kResumed) {
    const bool paused = event.kind == WarmEventKind::kPaused;
    if (event.status == 0)
      parts_.listener.warm_changed(number, paused ? SandboxState::kPaused : SandboxState::kRunning);
    return;
  }
  recipe.numbers.erase(found);
  auto running = running_.extract(number);
  SandboxEnd end = end_of(event);
  if (!running.empty() && running.mapped().timed_out) {
    end.exit_status = kExitTimedOut;
    end.reason = "the time limit was reached";
    end.message = end.reason;
  }
  if (!running.empty()) record_end(running.mapped(), event, end);
  parts_.listener.warm_ended(number, std::move(end));
}

void WarmRecipes::record_end(const Running& running, const WarmEvent& event, const SandboxEnd& end) {
  RunAudit& audit = *running.recipe->audit;
  const auto microseconds = [](const timeval& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000u + static_cast<std::uint64_t>(time.tv_usec);
  };
  const auto wall = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - running.since);
  const bool started = event.kind != WarmEventKind::kFailed;
  const std::string_view outcome = !started                    ? "not_started"
                                   : running.timed_out         ? "timed_out"
                                   : WIFSIGNALED(event.status) ? "signalled"
                                                               : "exited";
  (void)audit.record(AuditRecord(AuditEvent::kExit, kSubjectWrit, running.record)
                         .set(AuditField::kOutcome, outcome)
                         .set(AuditField::kReason, end.reason)
                         .set(AuditField::kStatus, static_cast<std::uint64_t>(end.exit_status))
                         .set(AuditField::kWallTime, static_cast<std::uint64_t>(wall.count()))
                         .set(AuditField::kUserTime, microseconds(event.usage.ru_utime))
                         .set(AuditField::kSystemTime, microseconds(event.usage.ru_stime)));
}

void WarmRecipes::signal(SandboxNumber number, int signal) {
  const auto found = running_.find(number);
  if (found != running_.end()) found->second.recipe->launches->signal(found->second.launch, signal);
}

void WarmRecipes::pause(SandboxNumber number) {
  const auto found = running_.find(number);
  if (found != running_.end()) found->second.recipe->launches->pause(found->second.launch);
}

void WarmRecipes::resume(SandboxNumber number) {
  const auto found = running_.find(number);
  if (found != running_.end()) found->second.recipe->launches->resume(found->second.launch);
}

void WarmRecipes::kill(SandboxNumber number) {
  const auto found = running_.find(number);
  if (found != running_.end()) found->second.recipe->launches->kill(found->second.launch);
}

void WarmRecipes::serve_due() {
  while (!due_.empty() && due_.begin()->first <= Clock::now()) {
    const Due due = due_.begin()->second;
    due_.erase(due_.begin());
    const auto found = running_.find(due.number);
    if (found == running_.end()) continue;
    Running& running = found->second;
    running.timed_out = true;
    if (due.kills) {
      running.recipe->launches->kill(running.launch);
      continue;
    }
    running.recipe->launches->signal(running.launch, SIGTERM);
    due_.emplace(Clock::now() + running.recipe->setup->profile.limits.kill_grace, Due{due.number, true});
  }
}

void WarmRecipes::tick() {
  serve_due();
  for (const auto& recipe : recipes_) {
    if (!recipe->launches) continue;
    recipe->audit->write_when_due();
    recipe->launches->prepare();
  }
}

std::optional<std::chrono::milliseconds> WarmRecipes::timeout() const {
  std::optional<std::chrono::milliseconds> next;
  const auto at_most = [&next](std::chrono::milliseconds wait) {
    if (!next || wait < *next) next = wait;
  };
  if (!due_.empty())
    at_most(std::max(std::chrono::ceil<std::chrono::milliseconds>(due_.begin()->first - Clock::now()),
                     std::chrono::milliseconds(0)));
  for (const auto& recipe : recipes_)
    if (recipe->launches)
      if (const auto wait = recipe->audit->poll_timeout()) at_most(*wait);
  return next;
}

}  // namespace writ
