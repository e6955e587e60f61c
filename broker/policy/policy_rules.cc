#include "broker/policy/policy_rules.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "broker/policy/ip_address.h"
#include "broker/policy/secrets.h"

namespace writ {
namespace {

constexpr Rights kReadRights{Right::kRead, Right::kList, Right::kExecute};
constexpr Rights kChangeable{Right::kWrite, Right::kExecute};
constexpr Rights kExecuteRight{Right::kExecute};
constexpr Rights kDeviceRights{Right::kRead, Right::kWrite};
constexpr Rights kLookRights{Right::kRead, Right::kList};
constexpr Rights kScratchRights{Right::kRead, Right::kWrite, Right::kList};

// What every view has without a grant (broker/sandbox/view.cc).
struct BuiltInPlace {
  std::string_view path;
  PathScope scope;
  Rights rights;
  std::string_view reason;
};

constexpr std::string_view kDeviceReason = "one of the few devices that every sandbox has";
constexpr std::string_view kEmptyReason = "a directory of the view itself: it shows only what was granted";

constexpr auto kBuiltInPlaces = std::to_array<BuiltInPlace>({
    {"/", PathScope::kExact, kLookRights, kEmptyReason},
    {"/run", PathScope::kExact, kLookRights, kEmptyReason},
    {"/var", PathScope::kExact, kLookRights, kEmptyReason},
    {"/dev", PathScope::kExact, kLookRights, kEmptyReason},
    {"/dev/shm", PathScope::kSubtree, kScratchRights, "the sandbox's own shared memory"},
    {"/dev/pts", PathScope::kSubtree, kScratchRights, "the sandbox's own terminals"},
    {"/dev/ptmx", PathScope::kExact, kDeviceRights, "the sandbox's own terminals"},
    {"/dev/null", PathScope::kExact, kDeviceRights, kDeviceReason},
    {"/dev/zero", PathScope::kExact, kDeviceRights, kDeviceReason},
    {"/dev/full", PathScope::kExact, kDeviceRights, kDeviceReason},
    {"/dev/random", PathScope::kExact, kDeviceRights, kDeviceReason},
    {"/dev/urandom", PathScope::kExact, kDeviceRights, kDeviceReason},
    {"/dev/tty", PathScope::kExact, kDeviceRights, kDeviceReason},
    {"/dev/fd", PathScope::kSubtree, kScratchRights, "the descriptors that the program holds already"},
    {"/dev/stdin", PathScope::kExact, kDeviceRights, "the descriptors that the program holds already"},
    {"/dev/stdout", PathScope::kExact, kDeviceRights, "the descriptors that the program holds already"},
    {"/dev/stderr", PathScope::kExact, kDeviceRights, "the descriptors that the program holds already"},
    {"/proc", PathScope::kSubtree, kReadRights, "the sandbox's own processes, read-only"},
});

constexpr std::string_view kScratchReason = "private to the sandbox and gone afterwards";

class RuleCollector {
 public:
  explicit RuleCollector(const Profile& profile) : profile_(profile) {}

  std::vector<PolicyRule> collect() {
    rules_.reserve(filesystem().grants.size() + filesystem().hide.size() + profile_.rules.size() + 96);
    for (const PathGrant& grant : filesystem().grants) add_grant(grant);
    add_written();
    add_protected();
    add_hidden();
    add_places();
    add_network();
    return std::move(rules_);
  }

 private:
  [[nodiscard]] const FilesystemPolicy& filesystem() const { return profile_.filesystem; }

  void add(RuleKind kind, Rule rule) { rules_.push_back({std::move(rule), kind}); }

  void add_grant(const PathGrant& grant) {
    const bool optional = grant.presence == Presence::kOptional;
    add(RuleKind::kGrant, {Effect::kAllow,
                           grant_rights(grant, filesystem()),
                           PathPattern{grant.path, grant.scope},
                           {},
                           grant.origin,
                           optional});
  }

  void add_written() {
    for (const Rule& rule : profile_.rules) add(RuleKind::kWritten, rule);
    add_denied(filesystem().deny_all, kPathRights);
    add_denied(filesystem().deny_write, {Right::kWrite});
    add_denied(filesystem().deny_execute, kExecuteRight);
  }

  void add_denied(const std::vector<PathPattern>& patterns, Rights rights) {
    for (const PathPattern& pattern : patterns) add(RuleKind::kWritten, {Effect::kDeny, rights, pattern, {}, {}});
  }

  void add_shield(RuleKind kind, Rights stops, std::string path, std::string_view reason, RuleOrigin origin = {}) {
    add(kind, {Effect::kDeny, stops, PathPattern{std::move(path), PathScope::kSubtree}, std::string(reason), origin});
  }

  void add_protected() {
    for (const std::string& root : writable_roots(rules_))
      for (const std::string& name : filesystem().protect)
        add_shield(RuleKind::kProtected, {Right::kWrite}, path_in(root, name),
                   "something outside of the sandbox runs it or takes orders from it");
    for (const PathGrant& grant : filesystem().grants) add_lesser(grant);
    for (const PathShield& shield : filesystem().shields)
      add_shield(RuleKind::kProtected, shield.stops, shield.path, "granted for less than the tree around it",
                 shield.origin);
  }

  // A tree inside of another one is a mount of its own in the view: it gives what it says and no more.
  void add_lesser(const PathGrant& grant) {
    const Rights lacking = without(kChangeable, grant_rights(grant, filesystem()));
    const Rights stopped = meet(lacking, given_from_above(rules_, grant.path));
    if (!stopped.empty())
      add_shield(RuleKind::kProtected, stopped, grant.path, "granted for less than the tree around it", grant.origin);
  }

  void add_hidden() {
    for (const std::string& path : filesystem().hide) {
      const std::string_view reason = secret_reason(path);
      if (reason.empty())
        add_shield(RuleKind::kHidden, kPathRights, path, "the profile hides it");
      else
        add_shield(RuleKind::kSecret, kPathRights, path, reason);
    }
  }

  void add_built_in(std::string_view path, PathScope scope, Rights rights, std::string_view reason) {
    add(RuleKind::kBuiltIn, {Effect::kAllow, rights, PathPattern{std::string(path), scope}, std::string(reason), {}});
  }

  [[nodiscard]] bool home_is_private() const {
    if (profile_.home.empty() || profile_.home == "/") return false;
    return std::none_of(rules_.begin(), rules_.end(), [&](const PolicyRule& entry) {
      const auto* pattern = std::get_if<PathPattern>(&entry.rule.resource);
      return pattern != nullptr && entry.rule.effect == Effect::kAllow && pattern->matches(profile_.home);
    });
  }

  void add_places() {
    Rights scratch = kScratchRights;
    if (filesystem().scratch_execution == Execution::kAllowed) scratch = join(scratch, kExecuteRight);
    const bool home_is_own = home_is_private();
    for (const BuiltInPlace& place : kBuiltInPlaces) add_built_in(place.path, place.scope, place.rights, place.reason);
    add_built_in("/tmp", PathScope::kSubtree, scratch, kScratchReason);
    add_built_in("/var/tmp", PathScope::kSubtree, scratch, kScratchReason);
    if (home_is_own) add_built_in(profile_.home, PathScope::kSubtree, scratch, kScratchReason);
  }

  void add_address(AddressPattern pattern, std::string_view reason) {
    add(RuleKind::kBuiltIn, {Effect::kAllow, kAddressRights, std::move(pattern), std::string(reason), {}});
  }

  void add_network() {
    if (profile_.network == NetworkMode::kHost) {
      add_address({"*", std::nullopt, 0, std::nullopt}, "the profile gives the host's network");
      return;
    }
    constexpr std::string_view kReason = "the sandbox's own loopback";
    for (const char* block : {"127.0.0.0/8:*", "[::1]:*", "0.0.0.0:*", "[::]:*", "localhost:*"})
      add_address(*AddressPattern::parse(block), kReason);
  }

  const Profile& profile_;
  std::vector<PolicyRule> rules_;
};

}  // namespace

std::vector<PolicyRule> policy_rules(const Profile& profile) { return RuleCollector(profile).collect(); }

Rights grant_rights(const PathGrant& grant, const FilesystemPolicy& filesystem) {
  const bool writable = grant.access == PathAccess::kWrite;
  const bool keeps_execution = !writable || filesystem.writable_execution == Execution::kAllowed;
  Rights rights = writable ? kPathRights : kReadRights;
  if (grant.execution == Execution::kDenied || !keeps_execution) rights = without(rights, kExecuteRight);
  return rights;
}

Rights given_from_above(const std::vector<PolicyRule>& rules, std::string_view path) {
  Rights given;
  for (const PolicyRule& entry : rules) {
    const auto* pattern = std::get_if<PathPattern>(&entry.rule.resource);
    const bool gives = pattern != nullptr && entry.rule.effect != Effect::kDeny && entry.kind != RuleKind::kBuiltIn;
    if (gives && pattern->path != path && pattern->matches(path)) given = join(given, entry.rule.rights);
  }
  return given;
}

bool lies_strictly_in(std::string_view path, std::string_view parent) {
  if (parent == "/") return path.size() > 1;
  return path.size() > parent.size() && path.starts_with(parent) && path[parent.size()] == '/';
}

std::string path_in(std::string_view root, std::string_view relative) {
  return std::string(root == "/" ? std::string_view{} : root).append("/").append(relative);
}

std::vector<std::string> writable_roots(const std::vector<PolicyRule>& rules) {
  std::vector<std::string> roots;
  for (const PolicyRule& entry : rules) {
    const auto* pattern = std::get_if<PathPattern>(&entry.rule.resource);
    if (pattern == nullptr || entry.kind == RuleKind::kBuiltIn || entry.rule.effect == Effect::kDeny) continue;
    if (pattern->scope == PathScope::kExact || !entry.rule.rights.has(Right::kWrite)) continue;
    if (std::find(roots.begin(), roots.end(), pattern->path) == roots.end()) roots.push_back(pattern->path);
  }
  return roots;
}

}  // namespace writ
