// The part of meet() about paths: pairwise intersection of what both sides allow, union of what either one stops.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/escape.h"
#include "broker/policy/meet_parts.h"

namespace writ {
namespace {

constexpr Rights kLookRights{Right::kRead, Right::kList};

const PathPattern* given_pattern(const PolicyRule& entry) {
  const bool gives = !is_shield(entry.kind) && entry.kind != RuleKind::kBuiltIn && entry.rule.effect != Effect::kDeny;
  return gives ? std::get_if<PathPattern>(&entry.rule.resource) : nullptr;
}

// The deeper one of two patterns of which one contains the other.
const PathPattern* intersection(const PathPattern& a, const PathPattern& b) {
  if (a.path == b.path) return a.scope == PathScope::kExact ? &a : &b;
  if (a.matches(b.path)) return &b;
  return b.matches(a.path) ? &a : nullptr;
}

// What shields take from a rule of `from` on the way down to `to`.
class Shields {
 public:
  explicit Shields(const std::vector<PolicyRule>& rules) {
    for (const PolicyRule& entry : rules)
      if (is_shield(entry.kind)) by_path_[std::get<PathPattern>(entry.rule.resource).path] = stops_with(entry);
  }

  [[nodiscard]] Rights stopped(std::string_view from, std::string_view to) const {
    Rights stopped;
    for (std::string_view at = to; lies_strictly_in(at, from);
         at = at.substr(0, std::max<std::size_t>(at.rfind('/'), 1))) {
      const auto found = by_path_.find(at);
      if (found != by_path_.end()) stopped = join(stopped, found->second);
    }
    return stopped;
  }

 private:
  [[nodiscard]] Rights stops_with(const PolicyRule& entry) const {
    const auto found = by_path_.find(std::get<PathPattern>(entry.rule.resource).path);
    return found == by_path_.end() ? entry.rule.rights : join(found->second, entry.rule.rights);
  }

  std::map<std::string, Rights, std::less<>> by_path_;
};

// Collects the result; what speaks of the same place with the same effect becomes one entry.
class PathMeet {
 public:
  PathMeet(const MeetInput& input, MetProfile& result)
      : input_(input), result_(result), profile_shields_(input.profile.rules), bound_shields_(input.bound.rules) {}

  void run() {
    unite_lists();
    for (const PolicyRule& entry : input_.profile.rules)
      if (const PathPattern* pattern = given_pattern(entry)) meet_entry(entry, *pattern);
    clear_lists();
    for (auto& [path, grant] : grants_) add_grant(std::move(grant));
    add_denials(input_.profile.rules);
    add_denials(input_.bound.rules);
    keep_protection();
  }

 private:
  struct GrantDraft {
    PathGrant grant;
    Rights rights;
  };

  FilesystemPolicy& filesystem() { return result_.profile.filesystem; }
  [[nodiscard]] const FilesystemPolicy& bound() const { return input_.bound.profile.filesystem; }

  void unite_lists() {
    unite(filesystem().hide, bound().hide);
    unite(filesystem().report_changes, bound().report_changes);
  }

  // Everything that these lists said is among the rules of the sides.
  void clear_lists() {
    filesystem().grants.clear();
    filesystem().shields.clear();
    for (auto* denied : {&filesystem().deny_all, &filesystem().deny_write, &filesystem().deny_execute}) denied->clear();
  }

  void meet_entry(const PolicyRule& entry, const PathPattern& pattern) {
    Rights kept;
    bool is_asked = false;
    for (const PolicyRule& other : input_.bound.rules) {
      const PathPattern* bounding = given_pattern(other);
      const PathPattern* common = bounding == nullptr ? nullptr : intersection(pattern, *bounding);
      if (common == nullptr) continue;
      Rights rights = meet(entry.rule.rights, other.rule.rights);
      rights = without(rights, profile_shields_.stopped(pattern.path, common->path));
      rights = without(rights, bound_shields_.stopped(bounding->path, common->path));
      if (rights.empty()) continue;
      if (common->path == pattern.path) kept = join(kept, rights);
      is_asked = is_asked || other.rule.effect > entry.rule.effect;
      add(entry, other, *common, rights);
    }
    attenuate(entry, pattern, kept);
    if (is_asked) result_.attenuations.push_back({entry.rule.text(), input_.bound_name + " asks first"});
  }

  void add(const PolicyRule& entry, const PolicyRule& other, const PathPattern& pattern, Rights rights) {
    const Effect effect = std::max(entry.rule.effect, other.rule.effect);
    const PolicyRule& deeper = std::get<PathPattern>(other.rule.resource).path == pattern.path &&
                                       std::get<PathPattern>(entry.rule.resource).path != pattern.path
                                   ? other
                                   : entry;
    const bool is_grant = effect == Effect::kAllow && deeper.kind == RuleKind::kGrant;
    if (is_grant && pattern.scope == PathScope::kSubtree)
      join_grant(deeper, pattern, rights, &deeper == &entry ? Presence::kRequired : Presence::kOptional);
    else
      join_rule(effect, deeper, pattern, rights);
  }

  // What only the bound names need not exist.
  void join_grant(const PolicyRule& deeper, const PathPattern& pattern, Rights rights, Presence presence) {
    GrantDraft& draft = grants_[pattern.path];
    const bool required = presence == Presence::kRequired && !deeper.rule.optional;
    if (draft.rights.empty())
      draft.grant = {pattern.path, PathAccess::kRead, Presence::kOptional, is_named(pattern.path)};
    if (draft.rights.empty() || required) draft.grant.origin = deeper.rule.origin;
    if (required) draft.grant.presence = Presence::kRequired;
    draft.rights = join(draft.rights, rights);
  }

  [[nodiscard]] bool is_named(std::string_view path) const {
    const std::vector<PathGrant>& grants = input_.profile.profile.filesystem.grants;
    return std::any_of(grants.begin(), grants.end(),
                       [&](const PathGrant& grant) { return grant.named_exactly && grant.path == path; });
  }

  void join_rule(Effect effect, const PolicyRule& deeper, const PathPattern& pattern, Rights rights) {
    for (Rule& rule : result_.profile.rules) {
      const auto* known = std::get_if<PathPattern>(&rule.resource);
      if (rule.effect != effect || known == nullptr || known->path != pattern.path || known->scope != pattern.scope)
        continue;
      rule.rights = join(rule.rights, rights);
      return;
    }
    result_.profile.rules.push_back(
        {effect, rights, pattern, deeper.rule.reason, deeper.rule.origin, deeper.rule.optional});
  }

  // A grant where a grant can say it, a rule for what it cannot.
  void add_grant(GrantDraft draft) {
    const bool looks = draft.rights.covers(kLookRights);
    Rights said;
    if (looks) {
      PathGrant& grant = draft.grant;
      if (draft.rights.has(Right::kWrite)) grant.access = PathAccess::kWrite;
      if (!draft.rights.has(Right::kExecute)) grant.execution = Execution::kDenied;
      said = grant_rights(grant, filesystem());
      filesystem().grants.push_back(grant);
    }
    const Rights unsaid = without(draft.rights, said);
    if (unsaid.empty()) return;
    const PathPattern pattern{draft.grant.path, PathScope::kSubtree};
    result_.profile.rules.push_back({Effect::kAllow, unsaid, pattern, {}, draft.grant.origin, true});
  }

  void add_denials(const std::vector<PolicyRule>& rules) {
    for (const PolicyRule& entry : rules) {
      const auto* pattern = std::get_if<PathPattern>(&entry.rule.resource);
      if (pattern == nullptr || entry.kind != RuleKind::kWritten || entry.rule.effect != Effect::kDeny) continue;
      const auto& known = result_.profile.rules;
      const bool is_known = std::any_of(known.begin(), known.end(), [&](const Rule& rule) {
        const auto* other = std::get_if<PathPattern>(&rule.resource);
        return rule.effect == Effect::kDeny && other != nullptr && other->path == pattern->path &&
               other->scope == pattern->scope && rule.rights.covers(entry.rule.rights);
      });
      if (!is_known) result_.profile.rules.push_back(entry.rule);
    }
  }

  // Names stay relative where that protects the same places; shields say the rest.
  void keep_protection() {
    std::vector<std::string>& protect = filesystem().protect;
    const std::vector<PolicyRule> given = policy_rules(result_.profile);
    const std::vector<std::string> roots = writable_roots(given);
    protect.clear();
    for (const MeetSide* side : {&input_.profile, &input_.bound})
      if (has_all(writable_roots(side->rules), roots)) unite(protect, side->profile.filesystem.protect);
    std::vector<std::string> places;
    for (const std::string& root : roots)
      for (const std::string& name : protect) places.push_back(path_in(root, name));
    std::sort(places.begin(), places.end());
    for (const MeetSide* side : {&input_.profile, &input_.bound}) keep_shields(*side, given, places);
  }

  static bool has_all(const std::vector<std::string>& list, const std::vector<std::string>& wanted) {
    return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& entry) {
      return std::find(list.begin(), list.end(), entry) != list.end();
    });
  }

  void keep_shields(const MeetSide& side, const std::vector<PolicyRule>& given,
                    const std::vector<std::string>& places) {
    for (const PolicyRule& entry : side.rules) {
      if (entry.kind != RuleKind::kProtected) continue;
      const std::string& path = std::get<PathPattern>(entry.rule.resource).path;
      const bool only_write = entry.rule.rights == Rights{Right::kWrite};
      if (only_write && std::binary_search(places.begin(), places.end(), path)) continue;
      const Rights stops = meet(entry.rule.rights, given_from_above(given, path));
      if (!stops.empty()) join_shield(path, stops, entry.rule.origin);
    }
  }

  void join_shield(const std::string& path, Rights stops, RuleOrigin origin) {
    for (PathShield& shield : filesystem().shields) {
      if (shield.path != path) continue;
      shield.stops = join(shield.stops, stops);
      return;
    }
    filesystem().shields.push_back({path, stops, origin});
  }

  void attenuate(const PolicyRule& entry, const PathPattern& pattern, Rights kept) {
    const Rights lost = without(entry.rule.rights, kept);
    if (lost.empty()) return;
    std::string reason = input_.bound_name;
    reason.append(kept.empty() ? " does not allow it" : " allows only " + rights_text(kept));
    result_.attenuations.push_back({rights_text(lost) + " " + escape_bytes(pattern.path), std::move(reason)});
  }

  const MeetInput& input_;
  MetProfile& result_;
  Shields profile_shields_;
  Shields bound_shields_;
  std::map<std::string, GrantDraft> grants_;
};

}  // namespace

void meet_paths(const MeetInput& input, MetProfile& result) { PathMeet(input, result).run(); }

}  // namespace writ
