#include "broker/policy/rule_lowering.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "broker/base/escape.h"
#include "broker/policy/path_index.h"
#include "broker/policy/policy_rules.h"

namespace writ {
namespace {

constexpr std::array<std::string_view, 15> kMechanismTexts = {
    "a read-only mount in the view",
    "a writable mount in the view",
    "not in the view: for the tool it does not exist",
    "covered by something empty",
    "a read-only mount over it; where nothing is yet, the broker writes the tree and refuses it",
    "a read-only mount over it; a new one is put into quarantine",
    "a mount from which nothing is executed",
    "a network of its own, with nothing but its own loopback",
    "run by the broker in a sandbox of its own",
    "not in force yet: denied instead",
    "the host's network, which nothing filters",
    "connected or bound by the broker on the host, which hands the socket over",
    "asked: the call waits while somebody decides",
    "written by the broker, call by call",
    "refused by the broker, which writes the tree",
};

constexpr Rights kLookRights{Right::kRead, Right::kList};

// A name that no rule has: what a tree gives beneath its root.
constexpr std::string_view kSomethingInside = "\x7F";

bool is_grant_like(const PolicyRule& entry) {
  return (entry.kind == RuleKind::kGrant || entry.kind == RuleKind::kWritten) && entry.rule.effect == Effect::kAllow;
}

class Lowerer {
 public:
  explicit Lowerer(const Profile& profile) : rules_(policy_rules(profile)), index_(rules_), result_{profile, {}, {}} {}

  Result<Lowering> lower() {
    WRIT_TRY(check_rules());
    fold_grants();
    fold_denials();
    fold_shields();
    std::erase_if(result_.profile.rules,
                  [](const Rule& rule) { return std::holds_alternative<PathPattern>(rule.resource); });
    for (std::size_t i = 0; i < rules_.size(); ++i) result_.enforced.push_back({i, mechanism_of(rules_[i])});
    return std::move(result_);
  }

 private:
  FilesystemPolicy& filesystem() { return result_.profile.filesystem; }

  [[nodiscard]] tl::unexpected<Error> refuse(const Rule& rule, std::string_view reason, std::string hint = {}) const {
    std::string where;
    const std::vector<std::string>& sources = result_.profile.sources;
    if (rule.origin.line != 0 && rule.origin.source < sources.size())
      where = escape_bytes(sources[rule.origin.source]) + ":" + std::to_string(rule.origin.line) + ":" +
              std::to_string(rule.origin.column) + ": ";
    return fail(where + "the rule '" + rule.text() + "' " + std::string(reason), std::move(hint));
  }

  // What would be weaker than written is refused.
  Status check_rules() const {
    for (const Rule& rule : result_.profile.rules) {
      if (const auto* pattern = std::get_if<PathPattern>(&rule.resource))
        WRIT_TRY(check_path_rule(rule, *pattern));
      else
        WRIT_TRY(check_address_rule(rule));
    }
    return {};
  }

  Status check_path_rule(const Rule& rule, const PathPattern& pattern) const {
    const bool is_kernel = PathPattern{"/proc", PathScope::kSubtree}.matches(pattern.path) ||
                           PathPattern{"/dev", PathScope::kSubtree}.matches(pattern.path);
    if (rule.effect != Effect::kAllow && is_kernel)
      return refuse(rule, "cannot be held: the sandbox has a /proc and a /dev of its own", "remove the rule");
    const bool half_looks = rule.rights.has(Right::kRead) != rule.rights.has(Right::kList);
    if (rule.effect == Effect::kAllow && half_looks && rule.rights.has(Right::kRead))
      return refuse(rule, "would be weaker than written: a tree that can be read can be listed", "add the right list");
    return {};
  }

  Status check_address_rule(const Rule& rule) const {
    if (rule.effect == Effect::kAllow || result_.profile.network == NetworkMode::kNone) return {};
    return refuse(rule, "cannot be held: with 'network: host' nothing stands between the tool and the network",
                  "set 'network: none'");
  }

  // What the allow rules give to everything in `pattern`, shields respected and denials not.
  [[nodiscard]] Rights allowed_in(const PathPattern& pattern) const {
    PathFindings findings;
    const bool is_tree = pattern.scope == PathScope::kSubtree;
    if (!index_.find(is_tree ? path_in(pattern.path, kSomethingInside) : pattern.path, kPathRights, findings))
      return {};
    Rights rights;
    for (std::size_t right = 0; right < kPathRightCount; ++right)
      if (findings.by_effect[static_cast<std::size_t>(Effect::kAllow)][right] != kNoRule)
        rights = join(rights, {static_cast<Right>(right)});
    return rights;
  }

  PathGrant* grant_at(std::string_view path) {
    std::vector<PathGrant>& grants = filesystem().grants;
    const auto found =
        std::find_if(grants.begin(), grants.end(), [&](const auto& grant) { return grant.path == path; });
    return found == grants.end() ? nullptr : &*found;
  }

  static void give(PathGrant& grant, Rights rights) {
    grant.access = rights.has(Right::kWrite) ? PathAccess::kWrite : PathAccess::kRead;
    grant.execution = rights.has(Right::kExecute) ? Execution::kAllowed : Execution::kDenied;
  }

  // A mount inside of another one hides it: so it gets what all rules together give there.
  void fold_grants() {
    for (const Rule& rule : result_.profile.rules) {
      const auto* pattern = std::get_if<PathPattern>(&rule.resource);
      if (pattern == nullptr || rule.effect != Effect::kAllow) continue;
      if (!allowed_in(*pattern).covers(kLookRights)) {
        warn(rule, "it does not include read, and the view cannot give it without");
        continue;
      }
      PathGrant& grant = grant_for(rule, *pattern);
      give(grant, allowed_in({grant.path, grant.scope}));
      if (!grant_rights(grant, filesystem()).covers(rule.rights))
        warn(rule, "the tree at its place gives only " + rights_text(grant_rights(grant, filesystem())));
    }
  }

  // The grant at the place of `rule`, which may be there already: of a tree and one object in it the tree remains.
  PathGrant& grant_for(const Rule& rule, const PathPattern& pattern) {
    PathGrant* grant = grant_at(pattern.path);
    if (grant == nullptr) {
      grant = &filesystem().grants.emplace_back(
          PathGrant{pattern.path, PathAccess::kRead, Presence::kOptional, true, Execution::kAllowed, rule.origin});
      grant->scope = pattern.scope;
    }
    if (pattern.scope == PathScope::kSubtree) grant->scope = PathScope::kSubtree;
    if (!rule.optional) grant->presence = Presence::kRequired;
    return *grant;
  }

  void warn(const Rule& rule, const std::string& reason) {
    result_.warnings.push_back("not in force: '" + rule.text() + "': " + reason);
  }

  // deny; and ask, which is denied as far as the view goes: what somebody allows comes through the broker.
  void fold_denials() {
    for (const Rule& rule : result_.profile.rules) {
      const auto* pattern = std::get_if<PathPattern>(&rule.resource);
      if (pattern == nullptr) {
        warn_address(rule);
        continue;
      }
      if (rule.effect == Effect::kAllow) continue;
      if (rule.effect == Effect::kAsk) fold_question(rule, *pattern);
      deny(*pattern, rule.rights);
    }
  }

  void fold_question(const Rule& rule, const PathPattern& pattern) {
    if (is_looked_at(rule)) filesystem().asked.push_back({pattern, rule.rights, rule.origin});
    if (!is_asked(rule, pattern)) {
      warn(rule,
           "nobody is asked about it, so it is denied: reading is asked about everywhere, writing in trees that "
           "the broker writes ('writing: mediated')");
    }
  }

  static bool is_looked_at(const Rule& rule) { return rule.rights.has(Right::kRead) || rule.rights.has(Right::kList); }

  // Whether every right of an ask rule is asked about.
  [[nodiscard]] bool is_asked(const Rule& rule, const PathPattern& pattern) const {
    if (is_looked_at(rule)) return !rule.rights.has(Right::kWrite);
    if (!rule.rights.has(Right::kWrite)) return false;
    const FilesystemPolicy& filesystem = result_.profile.filesystem;
    return filesystem.writing == Writing::kMediated &&
           std::any_of(filesystem.grants.begin(), filesystem.grants.end(), [&](const PathGrant& grant) {
             return grant.access == PathAccess::kWrite && PathPattern{grant.path, grant.scope}.matches(pattern.path);
           });
  }

  void warn_address(const Rule& rule) {
    if (result_.profile.network != NetworkMode::kNone || rule.effect == Effect::kDeny) return;
    if (std::get<AddressPattern>(rule.resource).needs_lookup())
      warn(rule, "names of hosts are not looked up yet, so it is denied");
  }

  void deny(const PathPattern& pattern, Rights rights) {
    const bool hides = rights.has(Right::kRead) || rights.has(Right::kList);
    if (hides) {
      add_denied(filesystem().deny_all, pattern);
      return;
    }
    if (rights.has(Right::kWrite)) add_denied(filesystem().deny_write, pattern);
    if (rights.has(Right::kExecute)) add_denied(filesystem().deny_execute, pattern);
  }

  static void add_denied(std::vector<PathPattern>& list, const PathPattern& pattern) {
    const bool known = std::any_of(list.begin(), list.end(), [&](const PathPattern& other) {
      return other.path == pattern.path && other.scope == pattern.scope;
    });
    if (!known) list.push_back(pattern);
  }

  // A shield becomes a denial where nothing at it or beneath it gives more; otherwise a mount of its own.
  void fold_shields() {
    for (const PathShield& shield : filesystem().shields) {
      const PathPattern place{shield.path, PathScope::kSubtree};
      const std::vector<PathGrant>& grants = filesystem().grants;
      const bool gives_below = std::any_of(grants.begin(), grants.end(), [&](const PathGrant& grant) {
        return place.matches(grant.path) && !meet(grant_rights(grant, filesystem()), shield.stops).empty();
      });
      if (!gives_below) {
        deny(place, shield.stops);
      } else if (grant_at(shield.path) == nullptr) {
        PathGrant grant{shield.path, PathAccess::kRead, Presence::kOptional, true};
        give(grant, allowed_in(place));
        filesystem().grants.push_back(std::move(grant));
      }
    }
    filesystem().shields.clear();
  }

  [[nodiscard]] bool is_reached(const PathPattern& pattern) const {
    const std::vector<PathGrant>& grants = result_.profile.filesystem.grants;
    return std::any_of(grants.begin(), grants.end(), [&](const PathGrant& grant) {
      return pattern.matches(grant.path) || PathPattern{grant.path, grant.scope}.matches(pattern.path);
    });
  }

  // As far as a profile tells: the view decides for each tree whether there is something to refuse (view_writing.h).
  [[nodiscard]] bool is_mediated() const {
    const FilesystemPolicy& filesystem = result_.profile.filesystem;
    return filesystem.writing == Writing::kMediated &&
           (!filesystem.protect.empty() || !filesystem.deny_write.empty() || !filesystem.deny_all.empty());
  }

  [[nodiscard]] Mechanism mechanism_of(const PolicyRule& entry) const {
    if (const auto* pattern = std::get_if<PathPattern>(&entry.rule.resource))
      return is_grant_like(entry) || entry.kind == RuleKind::kBuiltIn ? mechanism_of_allow(entry, *pattern)
                                                                      : mechanism_of_denial(entry, *pattern);
    if (result_.profile.network == NetworkMode::kHost) return Mechanism::kHostNetwork;
    if (entry.kind != RuleKind::kWritten || entry.rule.effect == Effect::kDeny) return Mechanism::kNetworkNamespace;
    if (std::get<AddressPattern>(entry.rule.resource).needs_lookup()) return Mechanism::kNotInForce;
    return entry.rule.effect == Effect::kAsk ? Mechanism::kAsked : Mechanism::kOnBehalf;
  }

  [[nodiscard]] Mechanism mechanism_of_allow(const PolicyRule& entry, const PathPattern& pattern) const {
    if (entry.kind == RuleKind::kWritten && !allowed_in(pattern).covers(kLookRights)) return Mechanism::kNotInForce;
    if (!entry.rule.rights.has(Right::kWrite)) return Mechanism::kReadOnlyMount;
    return entry.kind != RuleKind::kBuiltIn && is_mediated() ? Mechanism::kWrittenByBroker : Mechanism::kWritableMount;
  }

  [[nodiscard]] Mechanism mechanism_of_denial(const PolicyRule& entry, const PathPattern& pattern) const {
    if (entry.rule.effect == Effect::kAsk)
      return is_asked(entry.rule, pattern) ? Mechanism::kAsked : Mechanism::kNotInForce;
    if (!is_reached(pattern)) return Mechanism::kNotInView;
    if (entry.rule.rights.has(Right::kRead) || entry.rule.rights.has(Right::kList)) return Mechanism::kCovered;
    if (!entry.rule.rights.has(Right::kWrite)) return Mechanism::kNoExecuteMount;
    if (is_mediated()) return Mechanism::kRefusedByBroker;
    return entry.kind == RuleKind::kProtected ? Mechanism::kQuarantine : Mechanism::kReadOnlyCover;
  }

  const std::vector<PolicyRule> rules_;
  const PathIndex index_;
  Lowering result_;
};

}  // namespace

std::string_view mechanism_text(Mechanism mechanism) { return kMechanismTexts[static_cast<std::size_t>(mechanism)]; }

Mechanism mechanism_of(const CommandRule& rule) {
  return rule.effect == Effect::kAsk ? Mechanism::kAsked : Mechanism::kSeparateSandbox;
}

Result<Lowering> lower_rules(const Profile& profile) { return Lowerer(profile).lower(); }

}  // namespace writ
