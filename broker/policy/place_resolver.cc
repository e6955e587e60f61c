#include "broker/policy/place_resolver.h"

#include <algorithm>
#include <utility>

#include "broker/base/escape.h"
#include "broker/base/name_suggestion.h"
#include "broker/policy/profile_values.h"
#include "broker/policy/secrets.h"

namespace writ {

tl::unexpected<Error> refuse_at(const SourceOrigin& origin, std::string_view message) {
  return fail_at(*origin.document, origin.position, message);
}

std::string_view variable_or_empty(const VariableMap& variables, std::string_view name) {
  const auto found = variables.find(name);
  return found == variables.end() ? std::string_view{} : std::string_view(found->second);
}

// "~" and "~/…" mean the home directory; "~name" is refused because only a system call could tell where that is.
Result<std::string> PlaceResolver::expand_home(const SourceText& source, std::string_view path) const {
  if (!path.starts_with('~')) return std::string(path);
  if (path.size() > 1 && path[1] != '/')
    return refuse_at(source.origin,
                     "the path " + quote_bytes(path) + " is refused: only '~/' is supported, not '~user'");
  const std::string_view home = variable_or_empty(variables_, "home");
  if (home.empty()) return refuse_at(source.origin, "'~' cannot be expanded: the home directory is not known");
  return std::string(home).append(path.substr(1));
}

Result<Expansion> PlaceResolver::resolve_path(const SourceText& source) {
  Result<Expansion> path = expander_.expand(source);
  if (!path) return path;
  WRIT_ASSIGN(const std::string absolute, expand_home(source, path->text));
  Result<std::string> normal = normalize_absolute_path(absolute);
  if (!normal) return refuse_at(source.origin, normal.error().what);
  path->text = std::move(*normal);
  return path;
}

Result<const DraftGroup*> PlaceResolver::find_group(const SourceText& name) const {
  std::vector<std::string_view> known;
  for (const DraftGroup& group : groups_) {
    if (group.name.text == name.text) return &group;
    known.push_back(group.name.text);
  }
  return refuse_at(name.origin, "there is no group " + quote_bytes(name.text, 80) + did_you_mean(name.text, known));
}

Status PlaceResolver::append(const DraftPath& place, Presence presence, std::vector<ResolvedPlace>& places) {
  WRIT_ASSIGN(Expansion path, resolve_path(place.source));
  const bool optional = presence == Presence::kOptional || place.presence == Presence::kOptional;
  places.push_back(
      {std::move(path.text), &place.source, optional ? Presence::kOptional : Presence::kRequired, path.workspace});
  return {};
}

Result<std::vector<ResolvedPlace>> PlaceResolver::resolve(const DraftPath& place) {
  std::vector<ResolvedPlace> places;
  if (place.kind == PlaceKind::kPath) {
    WRIT_TRY(append(place, Presence::kRequired, places));
    return places;
  }
  WRIT_ASSIGN(const DraftGroup* group, find_group(place.source));
  for (const DraftPath& entry : group->paths) WRIT_TRY(append(entry, place.presence, places));
  return places;
}

Status PlaceResolver::check_workspace(const ResolvedPlace& place, std::span<const std::string> secrets) {
  if (place.workspace == WorkspaceUse::kNone) return {};
  const std::string_view secret = secret_above(place.path, secrets);
  if (secret.empty()) return {};
  return refuse_at(place.source->origin, quote_bytes(place.path) + " lies in a place for secrets (" +
                                             escape_bytes(secret) +
                                             "): work elsewhere, or name this path in a profile");
}

}  // namespace writ
