#include "broker/sandbox/launch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "broker/base/escape.h"
#include "broker/grant/tree_grant.h"
#include "broker/kernel/descriptor_table.h"
#include "broker/kernel/landlock.h"
#include "broker/policy/bpf_interpreter.h"
#include "broker/policy/syscall_numbers.h"
#include "broker/policy/syscall_table.h"
#include "broker/sandbox/host_path.h"
#include "broker/sandbox/setup_step.h"

namespace writ {
namespace {

using Failure = tl::unexpected<LaunchError>;

Failure launch_failure(Error error, int exit_status = kExitWritFailed) {
  return Failure(LaunchError{exit_status, std::move(error)});
}

LayerStatus& layer_status(LayerStatuses& layers, Layer layer) { return layers[static_cast<std::size_t>(layer)]; }

// RLIMIT_CORE 1 and not 0: with 0 a piped core handler still runs, with 1 neither file nor handler does (core(5)).
constexpr std::uint64_t kNoCoreDumps = 1;

std::vector<ProcessLimit> process_limits(const LimitPolicy& limits) {
  std::vector<ProcessLimit> list{
      {RLIMIT_CORE, kNoCoreDumps}, {RLIMIT_NPROC, limits.processes}, {RLIMIT_NOFILE, limits.open_files}};
  if (limits.cpu_seconds) list.push_back({RLIMIT_CPU, *limits.cpu_seconds});
  if (limits.address_space) list.push_back({RLIMIT_AS, *limits.address_space});
  if (limits.file_size) list.push_back({RLIMIT_FSIZE, *limits.file_size});
  return list;
}

// Marks `layer` as missing; an error when the profile requires it.
Status lose_layer(const Profile& profile, LayerStatuses& layers, Layer layer, const Error& reason) {
  if (profile.requirement(layer) == Requirement::kRequire)
    return tl::unexpected<Error>(
        Error{"cannot put the required layer " + std::string(layer_name(layer)) + " in place: " + reason.what,
              reason.system_errno, reason.hint.empty() ? "`writ doctor` says what this host lacks" : reason.hint});
  layer_status(layers, layer) = {LayerState::kDegraded, reason.describe()};
  return {};
}

std::string search_path_of(const ToolRequest& tool) {
  constexpr std::string_view kPath = "PATH=";
  std::string path;
  for (const std::string& variable : tool.environment)
    if (variable.starts_with(kPath)) path = variable.substr(kPath.size());
  return path.empty() ? "/usr/local/bin:/usr/bin:/bin" : path;
}

class LaunchPreparation {
 public:
  LaunchPreparation(const BrokerStart& broker, LaunchRequest request)
      : broker_(broker), request_(std::move(request)), profile_(*request_.profile) {}

  tl::expected<PreparedLaunch, LaunchError> run();

 private:
  Status choose_layers();
  Status make_view();
  Status require_no_hidden_paths();
  Status require_no_denied_paths() const;
  Status make_landlock();
  Status add_grant_rules(LandlockPlan& plan, std::vector<OpenedTree>& opened);
  void add_rules_around(const std::string& path, LandlockPlan& plan, std::vector<OpenedTree>& opened);
  bool hides_below(const std::string& path) const;
  [[nodiscard]] CommandView command_view() const;
  Status require_layers_of_commands();
  void fill_content();
  bool active(Layer layer) { return layer_status(prepared_.layers, layer).state == LayerState::kActive; }

  const BrokerStart& broker_;
  LaunchRequest request_;
  const Profile& profile_;
  PreparedLaunch prepared_;
};

Status LaunchPreparation::choose_layers() {
  if (profile_.network == NetworkMode::kHost)
    layer_status(prepared_.layers, Layer::kNetworkNamespace).state = LayerState::kNotWanted;
  if (!wants_control_group(profile_.limits))
    layer_status(prepared_.layers, Layer::kControlGroup).state = LayerState::kNotWanted;
  else if (!request_.control_group)
    WRIT_TRY(lose_layer(profile_, prepared_.layers, Layer::kControlGroup, request_.control_group.error()));
  if (!broker_.mount_authority) {
    WRIT_TRY(lose_layer(profile_, prepared_.layers, Layer::kView, broker_.mount_authority.error()));
  }
  if (!active(Layer::kView)) {
    // The broker cannot pivot; whether init could is not asked, because the Landlock rules are made for one of the two.
    WRIT_TRY(lose_layer(profile_, prepared_.layers, Layer::kLockedView, Error{"there is no view to lock", 0, ""}));
  }
  if (request_.landlock_abi == 0)
    WRIT_TRY(lose_layer(profile_, prepared_.layers, Layer::kLandlock, Error{"this kernel has no Landlock", 0, ""}));
  return {};
}

// Deny rules need mounts of their own: without a view they would be weaker than written.
Status LaunchPreparation::require_no_denied_paths() const {
  const FilesystemPolicy& filesystem = profile_.filesystem;
  for (const auto* denied : {&filesystem.deny_all, &filesystem.deny_write, &filesystem.deny_execute})
    for (const PathPattern& pattern : *denied)
      for (const PathGrant& grant : filesystem.grants)
        if (path_lies_in(pattern.path, grant.path) || path_lies_in(grant.path, pattern.path))
          return fail("without the view the rule against " + quote_bytes(pattern.text()) + " cannot be held inside " +
                          quote_bytes(grant.path),
                      "grant smaller trees instead, or run where user namespaces are available");
  return {};
}

// Without a view nothing can be hidden inside a tree that may be written: Landlock rules only add. (In a tree for
// reading the rules go around it, see add_rules_around.)
Status LaunchPreparation::require_no_hidden_paths() {
  WRIT_TRY(require_no_denied_paths());
  for (const std::string& hidden : profile_.filesystem.hide) {
    if (::access(hidden.c_str(), R_OK) != 0) continue;
    for (const PathGrant& grant : profile_.filesystem.grants)
      if (grant.access == PathAccess::kWrite && grant.path != hidden && hidden.starts_with(grant.path + "/"))
        return fail("without the view " + quote_bytes(hidden) + " cannot be hidden inside " + quote_bytes(grant.path),
                    "grant smaller trees, or run where user namespaces are available");
  }
  return {};
}

Status LaunchPreparation::make_view() {
  if (!active(Layer::kView)) {
    WRIT_TRY(require_no_hidden_paths());
    prepared_.view.root.reset(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    for (const PathGrant& grant : profile_.filesystem.grants) {
      if (!grant.source.empty())
        return fail("without the view " + quote_bytes(grant.source) + " cannot appear at " + quote_bytes(grant.path),
                    "run where user namespaces are available");
      prepared_.view.entries.push_back({grant.path, grant.access == PathAccess::kWrite ? "write" : "read"});
    }
    return {};
  }
  if (request_.assembly == ViewAssembly::kAttached) WRIT_TRY(own_mount_namespace(broker_));
  auto make_options = [&] {
    UniqueFd devpts(request_.devpts.valid() ? ::fcntl(request_.devpts.get(), F_DUPFD_CLOEXEC, 3) : -1);
    return ViewOptions{request_.home,
                       request_.user_name,
                       request_.identity,
                       request_.ownership_namespace,
                       request_.workspace,
                       std::move(devpts),
                       request_.strongest_writing,
                       request_.policy_notice,
                       request_.assembly,
                       request_.areas,
                       command_view()};
  };
  auto view = build_view(profile_, make_options());
  // Kernels before 6.15 attach nothing to a detached tree: EINVAL (move_mount(2)).
  if (!view && view.error().system_errno == EINVAL && request_.assembly == ViewAssembly::kAutomatic) {
    request_.assembly = ViewAssembly::kAttached;
    WRIT_TRY(own_mount_namespace(broker_));
    view = build_view(profile_, make_options());
  }
  WRIT_ASSIGN(prepared_.view, std::move(view));
  return {};
}

bool LaunchPreparation::hides_below(const std::string& path) const {
  return std::any_of(profile_.filesystem.hide.begin(), profile_.filesystem.hide.end(), [&](const std::string& hidden) {
    return hidden.starts_with(path + "/") && ::faccessat(AT_FDCWD, hidden.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  });
}

// Gives reading of `path`, entry by entry where something below it is hidden. What appears there later is not granted.
void LaunchPreparation::add_rules_around(const std::string& path, LandlockPlan& plan, std::vector<OpenedTree>& opened) {
  if (hides_below(path)) {
    std::error_code problem;
    for (const auto& entry : std::filesystem::directory_iterator(path, problem)) {
      const auto& hidden = profile_.filesystem.hide;
      if (std::find(hidden.begin(), hidden.end(), entry.path().native()) == hidden.end())
        add_rules_around(entry.path().native(), plan, opened);
    }
    return;
  }
  auto tree = open_host_tree(path);
  if (!tree) return;  // a dangling link, a socket, a device: nothing to read there
  plan.rules.push_back({tree->object.get(), landlock_read_rights()});
  opened.push_back(std::move(*tree));
}

// The harmless devices that a view has too.
void add_device_rules(LandlockPlan& plan, std::vector<OpenedTree>& opened) {
  for (const char* device : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}) {
    OpenedTree node;
    node.object.reset(::open(device, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!node.object.valid()) continue;
    plan.rules.push_back({node.object.get(), ~std::uint64_t{0}});
    opened.push_back(std::move(node));
  }
}

Status LaunchPreparation::add_grant_rules(LandlockPlan& plan, std::vector<OpenedTree>& opened) {
  add_device_rules(plan, opened);
  for (const PathGrant& grant : profile_.filesystem.grants) {
    auto tree = open_host_tree(grant.path);
    if (!tree && grant.presence == Presence::kOptional) continue;
    if (!tree) return tl::unexpected<Error>(std::move(tree.error()));
    if (grant.access == PathAccess::kRead) {
      add_rules_around(grant.path, plan, opened);
      continue;
    }
    plan.rules.push_back({tree->object.get(), ~std::uint64_t{0}});
    opened.push_back(std::move(*tree));
  }
  return {};
}

// With a view one rule on its root is the floor: it also covers trees that are attached later. Without a view Landlock
// alone stands between the tool and the host, so it handles everything and has a rule for each grant.
Status LaunchPreparation::make_landlock() {
  if (!active(Layer::kLandlock)) return {};
  LandlockPlan plan;
  std::vector<OpenedTree> opened;
  const bool view = active(Layer::kView);
  const bool everything = !view || profile_.syscalls.base != SyscallBase::kStandard;
  plan.coverage = everything ? LandlockCoverage::kEverything : request_.floor;
  prepared_.floor = plan.coverage;
  const bool no_network = profile_.network == NetworkMode::kNone;
  const bool may_lose_network = profile_.requirement(Layer::kNetworkNamespace) == Requirement::kPrefer;
  plan.tcp = no_network && may_lose_network ? LandlockTcp::kDenied : request_.tcp;
  if (view)
    plan.rules.push_back({prepared_.view.root.get(), ~std::uint64_t{0}});
  else
    WRIT_TRY(add_grant_rules(plan, opened));
  auto ruleset = create_landlock_ruleset(plan, request_.landlock_abi);
  if (!ruleset) return lose_layer(profile_, prepared_.layers, Layer::kLandlock, ruleset.error());
  prepared_.landlock_ruleset = std::move(*ruleset);
  return {};
}

CommandView LaunchPreparation::command_view() const {
  const bool exempt = request_.program_under_rules == ProgramUnderRules::kNo;
  return {search_path_of(request_.tool), exempt ? request_.tool.argv.front() : std::string()};
}

// A rule about a command holds because the program is not in the view, and because the broker can look at who asks,
// which it may in a user namespace of its own making.
Status LaunchPreparation::require_layers_of_commands() {
  if (profile_.commands.empty()) return {};
  for (const Layer layer : {Layer::kView, Layer::kUserNamespace}) {
    const bool preferred = profile_.requirement(layer) == Requirement::kPrefer;
    if (!active(layer) || preferred)
      return fail("rules about commands need the layer " + std::string(layer_name(layer)) +
                      (preferred ? ", which must be required, not preferred" : ", which is missing"),
                  "`writ doctor` says what this host lacks");
  }
  return {};
}

void LaunchPreparation::fill_content() {
  PlanContent& content = prepared_.content;
  for (const LayerName& entry : kLayerNames) {
    if (active(entry.layer)) content.layers |= layer_bit(entry.layer);
    if (profile_.requirement(entry.layer) == Requirement::kRequire) content.required_layers |= layer_bit(entry.layer);
  }
  content.identity = request_.identity.init_map;
  content.tool_uid = request_.identity.map.inside_uid;
  content.tool_gid = request_.identity.map.inside_gid;
  content.host_name = profile_.process.hostname;
  content.working_directory = request_.working_directory;
  content.view_root = active(Layer::kView) ? prepared_.view.root.get() : -1;
  content.late_grants = active(Layer::kView) ? request_.late_grants : LateGrants::kNever;
  content.landlock_ruleset = prepared_.landlock_ruleset.valid() ? prepared_.landlock_ruleset.get() : -1;
  content.terminal_number = request_.terminal_number;
  if (profile_.syscalls.base == SyscallBase::kBrokerOnly)
    content.program_number = static_cast<int>(kFirstProgramDescriptor);
  content.descriptors = request_.tool.descriptors;
  content.limits = process_limits(profile_.limits);
  content.listener_filter = std::move(request_.listener_filter);
}

tl::expected<PreparedLaunch, LaunchError> LaunchPreparation::run() {
  // Each grant is held as a descriptor or two. The tool's own limit is another one (process_limits()).
  constexpr std::size_t kUsualGrants = 200;
  if (profile_.filesystem.grants.size() > kUsualGrants)
    make_room_for_descriptors(static_cast<int>(3 * profile_.filesystem.grants.size() + kUsualGrants));
  for (Status (LaunchPreparation::*step)() :
       {&LaunchPreparation::choose_layers, &LaunchPreparation::require_layers_of_commands,
        &LaunchPreparation::make_view, &LaunchPreparation::make_landlock})
    if (Status done = (this->*step)(); !done) return launch_failure(std::move(done.error()));
  fill_content();
  return std::move(prepared_);
}

void note_lost_layers(LayerStatuses& layers, const InitReport& report) {
  for (std::size_t i = 0; i < kLayerCount; ++i)
    if ((report.degraded_layers & layer_bit(static_cast<Layer>(i))) != 0)
      layers[i] = {LayerState::kDegraded, std::strerror(report.layer_errors[i])};
}

bool traps_execveat(const BpfProgram& filter) {
  seccomp_data call{};
  call.nr = SYS_execveat;
  call.arch = kNativeAuditArch;
  const auto verdict = interpret(filter, call);
  return verdict && *verdict == SECCOMP_RET_USER_NOTIF;
}

// A filter that traps execveat traps our own as well, the one that starts the tool. CONTINUE is harmless for exactly
// that one: until it is made only our code runs in the tool's process, so nobody can change its arguments. (The other
// calls of that code cannot be trapped: listener_filter.h.)
Status let_first_exec_continue(SeccompListener& listener, int control) {
  for (;;) {
    std::array<pollfd, 2> ready{{{listener.descriptor(), POLLIN, 0}, {control, POLLIN, 0}}};
    if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) return fail_errno(errno, "cannot wait for init");
    if (ready[1].revents != 0) return {};  // init says that it failed
    if (ready[0].revents == 0) continue;
    WRIT_ASSIGN(const std::optional<Notification> call, listener.receive());
    if (!call) continue;
    if (call->call.nr != SYS_execveat) return fail("the tool's process made a call before it was started");
    WRIT_TRY(listener.answer_continue(call->id));
    return {};
  }
}

// Receives the listener that comes before the start; a sandbox without a listener filter sends none.
Status receive_listener(SandboxProcess& sandbox, PreparedLaunch& prepared, std::optional<InitMessage>& message) {
  if (!message || message->report.event != InitEvent::kListener) return {};
  if (!message->descriptor.valid()) return fail("init sent no listener");
  WRIT_ASSIGN(prepared.listener, SeccompListener::adopt(std::move(message->descriptor)));
  if (traps_execveat(prepared.content.listener_filter))
    WRIT_TRY(let_first_exec_continue(*prepared.listener, sandbox.descriptor()));
  message = sandbox.receive();
  return {};
}

}  // namespace

LaunchError describe_failure(const InitReport& report, const std::string& program) {
  const SetupStepText& text = setup_step_text(report.step);
  LaunchError failure{kExitWritFailed, {"cannot " + std::string(text.action), report.error, std::string(text.hint)}};
  if (report.step == SetupStep::kExec) {
    failure.exit_status = report.error == ENOENT ? 127 : 126;
    failure.error.what = "cannot execute " + quote_bytes(program);
    if (report.error == ENOENT) failure.error.hint = "its dynamic loader is missing in the view";
  }
  // seccomp_unotify(2): one listener for each process.
  if (report.step == SetupStep::kListener && report.error == EBUSY)
    failure.error.hint = "Writ runs under another program's listener already; use a profile with 'writing: native'";
  return failure;
}

tl::expected<PreparedLaunch, LaunchError> prepare_sandbox(const BrokerStart& broker, LaunchRequest request) {
  return LaunchPreparation(broker, std::move(request)).run();
}

tl::expected<void, LaunchError> choose_tool(PreparedLaunch& prepared, ToolRequest tool) {
  auto program =
      resolve_program({prepared.view.root.get(), tool.argv, search_path_of(tool), prepared.content.working_directory});
  if (!program) return launch_failure(std::move(program.error().error), static_cast<int>(program.error().problem));
  prepared.program = std::move(*program);
  PlanContent& content = prepared.content;
  content.program = prepared.program.executable.get();
  content.program_path = prepared.program.executable_path;
  content.arguments = prepared.program.arguments;
  content.environment = std::move(tool.environment);
  content.descriptors = std::move(tool.descriptors);
  return {};
}

tl::expected<PreparedLaunch, LaunchError> prepare_launch(const BrokerStart& broker, LaunchRequest request) {
  ToolRequest tool = request.tool;
  auto prepared = prepare_sandbox(broker, std::move(request));
  if (!prepared) return prepared;
  if (auto chosen = choose_tool(*prepared, std::move(tool)); !chosen) return Failure(std::move(chosen.error()));
  return prepared;
}

tl::expected<void, LaunchError> begin_start(SandboxProcess& sandbox, const PreparedLaunch& prepared) {
  auto plan = write_plan(prepared.content);
  if (!plan) return launch_failure(std::move(plan.error()));
  if (Status sent = sandbox.send(InitCommand::kPlan, plan->memory.get(), plan->descriptors); !sent)
    return launch_failure(std::move(sent.error()));
  return {};
}

tl::expected<void, LaunchError> send_order(SandboxProcess& sandbox, const PreparedLaunch& prepared) {
  auto order = write_order(prepared.content);
  if (!order) return launch_failure(std::move(order.error()));
  if (Status sent = sandbox.send(InitCommand::kOrder, order->memory.get(), order->descriptors); !sent)
    return launch_failure(std::move(sent.error()));
  return {};
}

tl::expected<UniqueFd, LaunchError> await_start(SandboxProcess& sandbox, PreparedLaunch& prepared) {
  auto message = sandbox.receive();
  if (Status received = receive_listener(sandbox, prepared, message); !received)
    return launch_failure(std::move(received.error()));
  if (!message) return launch_failure({"the sandbox's init died while it set up the sandbox", 0, ""});
  if (message->report.event != InitEvent::kStarted)
    return Failure(describe_failure(message->report, prepared.program.path));
  note_lost_layers(prepared.layers, message->report);
  if (prepared.listener.has_value() == prepared.content.listener_filter.empty())
    return launch_failure({"the sandbox started without the listener that was asked for", 0, ""});
  return std::move(message->descriptor);
}

tl::expected<UniqueFd, LaunchError> finish_start(SandboxProcess& sandbox, PreparedLaunch& prepared) {
  if (auto sent = send_order(sandbox, prepared); !sent) return Failure(std::move(sent.error()));
  return await_start(sandbox, prepared);
}

}  // namespace writ
