#include "broker/policy/profile_resolve.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/base/escape.h"
#include "broker/policy/isolation_rules.h"
#include "broker/policy/profile_values.h"
#include "broker/policy/secrets.h"

namespace writ {
namespace {

// What is hidden when the caller gives no uid: the entries of nobody, which lose nothing.
constexpr std::uint32_t kOverflowUid = 65534;

tl::unexpected<Error> refuse(const SourceOrigin& origin, std::string_view message) {
  return fail_at(*origin.document, origin.position, message);
}

std::string_view variable_or_empty(const VariableMap& variables, std::string_view name) {
  const auto found = variables.find(name);
  return found == variables.end() ? std::string_view{} : std::string_view(found->second);
}

// Turns the draft's source texts into the final profile.
class Resolver {
 public:
  Resolver(ProfileDraft draft, const VariableMap& variables)
      : draft_(std::move(draft)), variables_(variables), expander_(variables, draft_.variables) {}

  Result<Profile> resolve() {
    WRIT_TRY(expander_.check_definitions());
    WRIT_TRY(collect_secrets());
    WRIT_TRY(resolve_grants(draft_.read, PathAccess::kRead));
    WRIT_TRY(resolve_grants(draft_.write, PathAccess::kWrite));
    WRIT_TRY(resolve_hidden());
    WRIT_TRY(resolve_environment());
    WRIT_TRY(check_isolation());
    return std::move(draft_.profile);
  }

 private:
  FilesystemPolicy& filesystem() { return draft_.profile.filesystem; }

  // "~" and "~/…" mean the home directory; "~name" is refused because only a system call could tell where that is.
  Result<std::string> expand_home(const SourceText& source, std::string_view path) {
    if (!path.starts_with('~')) return std::string(path);
    if (path.size() > 1 && path[1] != '/')
      return refuse(source.origin,
                    "the path " + quote_bytes(path) + " is refused: only '~/' is supported, not '~user'");
    const std::string_view home = variable_or_empty(variables_, "home");
    if (home.empty()) return refuse(source.origin, "'~' cannot be expanded: the home directory is not known");
    return std::string(home).append(path.substr(1));
  }

  Result<Expansion> resolve_path(const SourceText& source) {
    Result<Expansion> path = expander_.expand(source);
    if (!path) return path;
    WRIT_ASSIGN(const std::string absolute, expand_home(source, path->text));
    Result<std::string> normal = normalize_absolute_path(absolute);
    if (!normal) return refuse(source.origin, normal.error().what);
    path->text = std::move(*normal);
    return path;
  }

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

  Status resolve_grants(const std::vector<DraftPath>& paths, PathAccess access) {
    for (const DraftPath& path : paths) {
      WRIT_ASSIGN(Expansion absolute, resolve_path(path.source));
      if (absolute.text == "/")
        return refuse(path.source.origin,
                      "the whole file system '/' cannot be granted: name the directories that are needed");
      const bool named_exactly = absolute.workspace == WorkspaceUse::kNone;
      if (!named_exactly) WRIT_TRY(check_workspace(path.source, absolute.text));
      add_grant({std::move(absolute.text), access, path.presence, named_exactly});
    }
    return {};
  }

  Status check_workspace(const SourceText& source, std::string_view absolute) {
    const std::string_view secret = secret_above(absolute, secrets_);
    if (secret.empty()) return {};
    return refuse(source.origin, quote_bytes(absolute) + " lies in a place for secrets (" + escape_bytes(secret) +
                                     "): work elsewhere, or name this path in a profile");
  }

  Status resolve_hidden() {
    std::vector<std::string>& hide = filesystem().hide;
    for (const SourceText& source : draft_.hide) {
      WRIT_ASSIGN(Expansion absolute, resolve_path(source));
      if (absolute.text == "/") return refuse(source.origin, "the whole file system '/' cannot be hidden");
      if (std::find(hide.begin(), hide.end(), absolute.text) == hide.end()) hide.push_back(std::move(absolute.text));
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
    return refuse(draft_.isolation_origins[static_cast<std::size_t>(conflict->layer)], conflict->reason);
  }

  ProfileDraft draft_;
  const VariableMap& variables_;
  VariableExpander expander_;
  std::vector<std::string> secrets_;
};

}  // namespace

Result<Profile> resolve_profile(ProfileDraft draft, const VariableMap& variables) {
  return Resolver(std::move(draft), variables).resolve();
}

}  // namespace writ
