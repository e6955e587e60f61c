#include "broker/policy/profile_resolve.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/policy/isolation_rules.h"
#include "broker/policy/place_resolver.h"
#include "broker/policy/profile_values.h"
#include "broker/policy/rule_resolver.h"
#include "broker/policy/secrets.h"

namespace writ {
namespace {

// What is hidden when the caller gives no uid: the entries of nobody, which lose nothing.
constexpr std::uint32_t kOverflowUid = 65534;

// Turns the draft's source texts into the final profile.
class Resolver {
 public:
  Resolver(ProfileDraft draft, const VariableMap& variables, ProfileRole role)
      : draft_(std::move(draft)),
        variables_(variables),
        role_(role),
        expander_(variables, draft_.variables),
        places_(variables, expander_, draft_.groups) {}

  Result<Profile> resolve() {
    WRIT_TRY(expander_.check_definitions());
    draft_.profile.home = variable_or_empty(variables_, "home");
    WRIT_TRY(collect_secrets());
    WRIT_TRY(resolve_grants(draft_.read, PathAccess::kRead));
    WRIT_TRY(resolve_grants(draft_.write, PathAccess::kWrite));
    WRIT_TRY(resolve_rules(draft_, places_, secrets_, role_));
    WRIT_TRY(resolve_hidden());  // takes the secrets
    WRIT_TRY(check_protected_count(draft_));
    WRIT_TRY(resolve_commands(draft_, places_));
    WRIT_TRY(resolve_tests(draft_, places_));
    WRIT_TRY(resolve_environment());
    WRIT_TRY(check_isolation());
    return std::move(draft_.profile);
  }

 private:
  FilesystemPolicy& filesystem() { return draft_.profile.filesystem; }

  Status collect_secrets() {
    std::uint32_t uid = kOverflowUid;
    if (const std::string_view text = variable_or_empty(variables_, "uid"); !text.empty()) {
      WRIT_ASSIGN(const std::uint64_t number, parse_count(text));
      uid = static_cast<std::uint32_t>(number);
    }
    secrets_ = secret_paths(variable_or_empty(variables_, "home"), uid);
    return {};
  }

  // Two layers may grant the same path: write beats read, required beats optional.
  void add_grant(PathGrant grant) {
    std::vector<PathGrant>& grants = filesystem().grants;
    const auto same =
        std::find_if(grants.begin(), grants.end(), [&](const PathGrant& other) { return other.path == grant.path; });
    if (same == grants.end()) {
      grants.push_back(std::move(grant));
      return;
    }
    if (grant.access == PathAccess::kWrite) same->access = PathAccess::kWrite;
    if (grant.presence == Presence::kRequired) same->presence = Presence::kRequired;
    same->named_exactly = same->named_exactly || grant.named_exactly;
  }

  Status resolve_grants(const std::vector<DraftPath>& entries, PathAccess access) {
    for (const DraftPath& entry : entries) {
      WRIT_ASSIGN(std::vector<ResolvedPlace> paths, places_.resolve(entry));
      for (ResolvedPlace& place : paths) {
        WRIT_TRY(check_grant(place));
        PathGrant grant{std::move(place.path), access, place.presence, place.workspace == WorkspaceUse::kNone};
        grant.origin = rule_origin(entry.source.origin);
        add_grant(std::move(grant));
      }
    }
    return {};
  }

  [[nodiscard]] Status check_grant(const ResolvedPlace& place) const {
    if (place.path == "/")
      return refuse_at(place.source->origin,
                       "the whole file system '/' cannot be granted: name the directories that are needed");
    return PlaceResolver::check_workspace(place, secrets_);
  }

  Status resolve_hidden() {
    std::vector<std::string>& hide = filesystem().hide;
    for (const DraftPath& entry : draft_.hide) {
      WRIT_ASSIGN(std::vector<ResolvedPlace> paths, places_.resolve(entry));
      for (ResolvedPlace& place : paths) {
        if (place.path == "/") return refuse_at(place.source->origin, "the whole file system '/' cannot be hidden");
        if (std::find(hide.begin(), hide.end(), place.path) == hide.end()) hide.push_back(std::move(place.path));
      }
    }
    const auto own_entries = static_cast<std::ptrdiff_t>(hide.size());
    for (std::string& secret : secrets_) {
      const auto own_end = hide.begin() + own_entries;
      if (!is_named_exactly(secret) && std::find(hide.begin(), own_end, secret) == own_end)
        hide.push_back(std::move(secret));
    }
    return {};
  }

  bool is_named_exactly(std::string_view path) {
    const std::vector<PathGrant>& grants = filesystem().grants;
    return std::any_of(grants.begin(), grants.end(),
                       [&](const PathGrant& grant) { return grant.named_exactly && grant.path == path; });
  }

  Status resolve_environment() {
    for (const DraftSetting& setting : draft_.environment) {
      WRIT_ASSIGN(Expansion value, expander_.expand(setting.value));
      draft_.profile.environment.set.emplace_back(setting.name, std::move(value.text));
    }
    return {};
  }

  Status check_isolation() {
    const std::optional<IsolationConflict> conflict = find_isolation_conflict(draft_.profile);
    if (!conflict) return {};
    return refuse_at(draft_.isolation_origins[static_cast<std::size_t>(conflict->layer)], conflict->reason);
  }

  ProfileDraft draft_;
  const VariableMap& variables_;
  ProfileRole role_;
  VariableExpander expander_;
  PlaceResolver places_;
  std::vector<std::string> secrets_;
};

}  // namespace

Result<Profile> resolve_profile(ProfileDraft draft, const VariableMap& variables, ProfileRole role) {
  return Resolver(std::move(draft), variables, role).resolve();
}

}  // namespace writ
