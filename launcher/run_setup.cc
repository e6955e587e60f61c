#include "launcher/run_setup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "broker/base/escape.h"
#include "broker/base/name_suggestion.h"
#include "broker/kernel/features.h"
#include "broker/network/network_door.h"
#include "broker/policy/environment.h"
#include "broker/policy/isolation_rules.h"
#include "broker/policy/profile_loader.h"
#include "broker/policy/profile_schema.h"
#include "broker/policy/profile_values.h"
#include "broker/policy/syscall_table.h"
#include "launcher/placed_grant.h"
#include "launcher/policy_notice.h"
#include "launcher/profile_reading.h"
#include "launcher/profile_store.h"

extern char** environ;

namespace writ {
namespace {

struct Workspace {
  std::string path;
  std::uint32_t owner_uid;
  std::uint32_t owner_gid;
  HostObject object;
};

Result<Workspace> find_workspace(const RunOptions& options, const Person& person) {
  WRIT_ASSIGN(std::string path, options.workspace.empty() ? normalize_absolute_path(person.current_directory)
                                                          : typed_path(options.workspace, person));
  if (path == "/")
    return fail("the workspace cannot be the whole file system", "cd into a project, or name one with --workspace");
  struct stat status {};
  // The current directory itself, not what its name may mean by now.
  const char* looked_at = options.workspace.empty() ? "." : path.c_str();
  if (::stat(looked_at, &status) != 0) return fail_errno(errno, "cannot use the workspace " + quote_bytes(path));
  if (!S_ISDIR(status.st_mode)) return fail("the workspace " + quote_bytes(path) + " is not a directory");
  // The outer run decided on a directory; its commands work in that one or not at all.
  const Nesting& nesting = options.nesting;
  if (options.is_nested() && (nesting.workspace_device != status.st_dev || nesting.workspace_inode != status.st_ino))
    return fail("the workspace " + quote_bytes(path) + " was replaced since the outer run began");
  HostObject object{path, status.st_dev, status.st_ino};
  return Workspace{std::move(path), status.st_uid, status.st_gid, std::move(object)};
}

Result<ToolIdentity> identity_of_tool(const Person& person, const Workspace& workspace) {
  if (person.uid == 0)
    if (const NamespaceIds ids = read_namespace_ids(); ids.level == UserNamespaceLevel::kContained)
      return choose_contained_identity(ids, workspace.owner_uid, workspace.owner_gid);
  return choose_identity(person.uid, person.gid, workspace.owner_uid, workspace.owner_gid);
}

Status add_grants(Profile& profile, const std::vector<std::string>& typed, PathAccess access, const Person& person) {
  for (const std::string& text : typed) {
    WRIT_ASSIGN(std::string path, typed_path(text, person));
    if (path == "/") return fail("cannot grant the whole file system", "grant the trees that are needed");
    bool known = false;
    for (PathGrant& grant : profile.filesystem.grants) {
      if (grant.path != path) continue;
      known = true;
      if (access == PathAccess::kWrite) grant.access = access;
      grant.presence = Presence::kRequired;
      grant.named_exactly = true;
    }
    if (!known) profile.filesystem.grants.push_back({std::move(path), access, Presence::kRequired, true});
  }
  return {};
}

Status prefer_layers(Profile& profile, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const std::optional<Layer> layer = layer_from_name(name);
    if (!layer) {
      std::vector<std::string_view> known;
      known.reserve(kLayerCount);
      for (const LayerName& entry : kLayerNames) known.push_back(entry.name);
      return fail("--prefer: there is no layer " + quote_bytes(name) + did_you_mean(name, known));
    }
    if (*layer == Layer::kSeccomp) return fail("--prefer: seccomp cannot be left out: nothing else stops system calls");
    profile.isolation[static_cast<std::size_t>(*layer)] = Requirement::kPrefer;
  }
  if (const auto conflict = find_isolation_conflict(profile))
    return fail("--prefer " + std::string(layer_name(conflict->layer)) + ": " + std::string(conflict->reason));
  return {};
}

}  // namespace

void add_typed_environment(EnvironmentPolicy& environment, const std::vector<std::string>& typed) {
  for (const std::string& variable : typed) {
    const std::size_t equals = variable.find('=');
    if (equals == std::string::npos) {
      environment.pass.push_back(variable);
      continue;
    }
    const std::string name = variable.substr(0, equals);
    std::erase_if(environment.set, [&](const auto& setting) { return setting.first == name; });
    environment.set.emplace_back(name, variable.substr(equals + 1));
  }
}

namespace {

// Where the tool starts, in the view: relative to the workspace. That it is there is seen when the tool goes there.
Result<std::string> find_start_directory(const RunOptions& options, const std::string& workspace) {
  if (options.start_directory.empty()) return workspace;
  const std::filesystem::path absolute = std::filesystem::path(workspace) / options.start_directory;
  return normalize_absolute_path(absolute.lexically_normal().native());
}

// What an outer run protects stays as it is for its commands, too, whatever their profile says.
void protect_for_outer_run(Profile& profile, const std::vector<std::string>& paths) {
  for (const std::string& path : paths)
    for (const PathGrant& grant : profile.filesystem.grants)
      if (grant.access == PathAccess::kWrite && path.starts_with(grant.path + "/"))
        profile.filesystem.protect.push_back(path.substr(grant.path.size() + 1));
}

// A command's profile is loaded when the command is run. That there is one is found out now, not in the middle of work.
Status find_command_profiles(const Profile& profile, const Person& person) {
  const ProfileStore store(person.configuration_home);
  for (const CommandRule& rule : profile.commands) {
    if (rule.profile.empty()) continue;
    auto found = store.find(rule.profile);
    if (!found) return fail("the rule '" + rule.text() + "': " + found.error().describe());
  }
  return {};
}

// A layer that may be missing is looked for beforehand, because what replaces it must be in the filter from the start:
// without an own network no sockets, without an own IPC namespace no System V objects.
void replace_missing_layers(Profile& profile) {
  const auto may_miss = [&](Layer layer) { return profile.requirement(layer) == Requirement::kPrefer; };
  if (!may_miss(Layer::kNetworkNamespace) && !may_miss(Layer::kIpcNamespace)) return;
  const Features features = probe_features();
  std::vector<std::string>& deny = profile.syscalls.deny;
  if (profile.network == NetworkMode::kNone && !features.usable(Layer::kNetworkNamespace)) deny.emplace_back("socket");
  if (!features.usable(Layer::kIpcNamespace))
    for (const std::string_view name : ipc_namespace_syscalls()) deny.emplace_back(name);
}

Status apply_options(Profile& profile, const RunOptions& options, const Person& person) {
  WRIT_TRY(add_grants(profile, options.read, PathAccess::kRead, person));
  WRIT_TRY(add_grants(profile, options.write, PathAccess::kWrite, person));
  WRIT_TRY(prefer_layers(profile, options.preferred_layers));
  add_typed_environment(profile.environment, options.environment);  // before the bounds, which hold for it as well
  protect_for_outer_run(profile, options.protect);
  WRIT_TRY(find_command_profiles(profile, person));
  for (const std::string& limit : options.limits) WRIT_TRY(apply_limit(limit, profile.limits));
  if (!options.timeout.empty()) {
    auto duration = parse_duration(options.timeout);
    if (!duration) return fail("--timeout: " + duration.error().what, duration.error().hint);
    if (duration->count() == 0)
      return fail("--timeout: a limit of no time at all makes no sense", "leave it out for no limit");
    profile.limits.wall_time = *duration;
  }
  if (options.network.empty()) return {};
  if (options.network != "none" && options.network != "host")
    return fail("--network: " + quote_bytes(options.network) + " is neither none nor host");
  profile.network = options.network == "host" ? NetworkMode::kHost : NetworkMode::kNone;
  return {};
}

Result<std::vector<std::string>> make_environment(const Profile& profile, const RunSetup& setup) {
  std::vector<std::pair<std::string, std::string>> extra;
  // Root's name would be a lie for a tool that is somebody else.
  if (setup.person.uid == 0) {
    extra.emplace_back("USER", setup.tool_user_name);
    extra.emplace_back("LOGNAME", setup.tool_user_name);
  }
  std::vector<std::string> host;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) host.emplace_back(*entry);
  auto environment = build_environment(profile.environment, host, extra);
  // What the tool does not get does not stay in our memory either (broker_confinement.h forgets the original).
  for (std::string& variable : host) ::explicit_bzero(variable.data(), variable.size());
  return environment;
}

}  // namespace

namespace {

// Protection inside of a writable tree is made of mounts, and a mount goes away when another sandbox replaces what it
// is mounted on (rename(2) over it): the tool could ask for a command that does, and write afterwards. So the nested
// runs get the same places as mounts of their own, which they can neither change nor replace. Names that do not exist
// yet are among them: what one of two runs in the same directory takes away, the other must not make.
constexpr std::array<std::string_view, 5> kCovers = {"protected", "hidden", "command", "denied", "not executable"};

std::vector<std::string> protected_places(const Profile& profile, const View& view) {
  std::vector<std::string> places;
  for (const PathGrant& grant : profile.filesystem.grants) {
    if (grant.access != PathAccess::kWrite) continue;
    for (const std::string& name : profile.filesystem.protect) places.push_back(grant.path + "/" + name);
    for (const ViewEntry& entry : view.entries) {
      const bool covers = std::find(kCovers.begin(), kCovers.end(), entry.kind) != kCovers.end();
      if (covers && entry.path.starts_with(grant.path + "/")) places.push_back(entry.path);
    }
  }
  for (const auto* denied : {&profile.filesystem.deny_all, &profile.filesystem.deny_write})
    for (const PathPattern& pattern : *denied) places.push_back(pattern.path);
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  return places;
}

}  // namespace

Result<NestedRunPlan> plan_nested_runs(const RunOptions& options, const RunSetup& setup, const View& view) {
  NestedRunPlan plan;
  plan.profile = options.profile;
  if (names_profile_file(options.profile)) {
    WRIT_ASSIGN(plan.profile, typed_path(options.profile, setup.person));
  }
  plan.workspace = setup.workspace;
  plan.nesting = {options.nesting.depth + 1, setup.workspace_object.device, setup.workspace_object.inode, ::getpid()};
  // Nothing that widens: what a command may is what its own profile says.
  for (const std::string& place : protected_places(setup.profile, view)) plan.inherited.push_back("--protect=" + place);
  for (const std::string& manifest : options.manifests) {
    WRIT_ASSIGN(const std::string path, typed_path(manifest, setup.person));
    plan.inherited.push_back("--manifest=" + path);
  }
  if (!options.audit.empty()) {
    const bool names_none = options.audit == "none";
    WRIT_ASSIGN(const std::string audit,
                names_none ? Result<std::string>("none") : typed_path(options.audit, setup.person));
    plan.inherited.push_back("--audit=" + audit);
  }
  if (options.network == "none") plan.inherited.emplace_back("--network=none");
  if (options.verbosity == Verbosity::kQuiet) plan.inherited.emplace_back("--quiet");
  return plan;
}

Result<std::string> workspace_path(const RunOptions& options, const Person& person) {
  WRIT_ASSIGN(Workspace workspace, find_workspace(options, person));
  return std::move(workspace.path);
}

Result<RunPolicy> read_run_policy(const RunOptions& options, const Person& person, const std::string& workspace,
                                  const CeilingFile& ceiling) {
  RunPolicy policy;
  const ProfileStore store(person.configuration_home);
  WRIT_ASSIGN(const ProfileSource source, store.find_typed(options.profile));
  WRIT_ASSIGN(policy.own, load_profile(source, profile_context(store, person, workspace)));
  WRIT_TRY(apply_options(policy.own, options, person));
  WRIT_ASSIGN(policy.bounds, read_bounds(options.manifests, ceiling, {store, person, workspace}));
  WRIT_ASSIGN(policy.places, find_policy_places(options, person));
  return policy;
}

namespace {

// Before the bounds are applied, so that they hold for what a capability allows as well.
Result<std::unique_ptr<RunAuthority>> add_capabilities(Profile& own, const RunOptions& options, const Person& person,
                                                       const std::string& workspace) {
  if (options.subject.empty()) return nullptr;
  WRIT_ASSIGN(auto authority, RunAuthority::open(options.subject, person.state_home, workspace));
  WRIT_ASSIGN(std::vector<Rule> rules, authority->rules(own));
  for (Rule& rule : rules) own.rules.push_back(std::move(rule));
  return authority;
}

void take_effective(RunSetup& setup, EffectiveProfile effective) {
  setup.attenuations = std::move(effective.attenuations);
  setup.warnings = std::move(effective.warnings);
  if (setup.authority)
    for (std::string& line : setup.authority->warnings()) setup.warnings.push_back(std::move(line));
  setup.policy_notice = policy_notice(effective.policy);
  setup.profile = std::move(effective.enforced);
  setup.policy = std::move(effective.policy);
}

}  // namespace

Result<RunSetup> set_up_run(const RunOptions& options, Person person, const CeilingFile& ceiling) {
  WRIT_ASSIGN(const Workspace workspace, find_workspace(options, person));
  WRIT_ASSIGN(RunPolicy policy, read_run_policy(options, person, workspace.path, ceiling));
  RunSetup setup;
  WRIT_ASSIGN(setup.authority, add_capabilities(policy.own, options, person, workspace.path));
  WRIT_ASSIGN(EffectiveProfile effective,
              make_effective_profile(std::move(policy.own), policy.bounds, policy.places, EffectivePurpose::kLaunch));
  replace_missing_layers(effective.enforced);
  WRIT_ASSIGN(setup.identity, identity_of_tool(person, workspace));
  setup.tool_user_name = person.uid == 0 ? "writ" : person.name;
  setup.workspace = workspace.path;
  WRIT_ASSIGN(setup.start_directory, find_start_directory(options, workspace.path));
  setup.workspace_object = workspace.object;
  setup.person = std::move(person);
  setup.bounds = std::move(policy.bounds);
  take_effective(setup, std::move(effective));
  WRIT_TRY(add_placed_grants(setup, options.placed));
  WRIT_TRY(check_address_rules(setup.profile));
  WRIT_ASSIGN(setup.environment, make_environment(setup.profile, setup));
  return setup;
}

}  // namespace writ
