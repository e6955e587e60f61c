#include "broker/policy/rule_resolver.h"

#include <utility>

#include "broker/base/escape.h"

namespace writ {
namespace {

Status check_whole(const ResolvedPlace& place, const Rule& rule, PathScope scope, ProfileRole role) {
  if (place.path != "/") return {};
  const bool is_bound = role == ProfileRole::kCeiling && scope == PathScope::kSubtree && rule.effect != Effect::kDeny;
  if (is_bound) return {};
  return refuse_at(place.source->origin,
                   "a rule about the whole file system '/' is refused: name the directories that it is about");
}

// Many rules about long groups would multiply; no policy that people write comes near.
constexpr std::size_t kResolvedRuleLimit = 20000;
// Protected names hold in each writable tree, so they multiply too.
constexpr std::size_t kProtectedPlaceLimit = 100000;

// A name is looked up in the PATH of the view; everything else is a path.
bool is_program_name(std::string_view program) {
  return program.find('/') == std::string_view::npos && program.find_first_of("~$") == std::string_view::npos;
}

Status resolve_command(DraftCommand& draft, PlaceResolver& places) {
  CommandRule& rule = draft.rule;
  if (is_program_name(draft.program.text)) {
    rule.program = draft.program.text;
  } else {
    WRIT_ASSIGN(Expansion path, places.resolve_path(draft.program));
    rule.program = std::move(path.text);
  }
  if (const Status checked = check_examples({&rule, 1}); !checked)
    return refuse_at(draft.program.origin, checked.error().what);
  return {};
}

}  // namespace

Status resolve_rules(ProfileDraft& draft, PlaceResolver& places, std::span<const std::string> secrets,
                     ProfileRole role) {
  for (DraftRule& entry : draft.rules) {
    if (std::holds_alternative<AddressPattern>(entry.rule.resource)) {
      draft.profile.rules.push_back(std::move(entry.rule));
      continue;
    }
    WRIT_ASSIGN(std::vector<ResolvedPlace> paths, places.resolve(entry.place));
    for (ResolvedPlace& place : paths) {
      WRIT_TRY(check_whole(place, entry.rule, entry.scope, role));
      if (draft.profile.rules.size() >= kResolvedRuleLimit)
        return refuse_at(place.source->origin, "there are more than 20000 rules once groups are written out");
      if (entry.rule.effect != Effect::kDeny) WRIT_TRY(PlaceResolver::check_workspace(place, secrets));
      Rule& rule = draft.profile.rules.emplace_back(entry.rule);
      rule.optional = place.presence == Presence::kOptional || entry.place.presence == Presence::kOptional;
      rule.resource = PathPattern{std::move(place.path), entry.scope};
    }
  }
  return {};
}

Status check_protected_count(const ProfileDraft& draft) {
  const FilesystemPolicy& filesystem = draft.profile.filesystem;
  const std::size_t trees = filesystem.grants.size() + draft.profile.rules.size();
  if (trees * filesystem.protect.size() <= kProtectedPlaceLimit) return {};
  const std::vector<DraftPath>& entries = draft.write.empty() ? draft.read : draft.write;
  constexpr std::string_view kMessage = "too many protected names in too many trees (limit 100000 places)";
  if (entries.empty()) return fail(draft.profile.name + ": " + std::string(kMessage));
  return refuse_at(entries.back().source.origin, kMessage);
}

Status resolve_commands(ProfileDraft& draft, PlaceResolver& places) {
  for (DraftCommand& command : draft.commands) {
    WRIT_TRY(resolve_command(command, places));
    draft.profile.commands.push_back(std::move(command.rule));
  }
  return {};
}

Status resolve_tests(ProfileDraft& draft, PlaceResolver& places) {
  for (DraftCase& entry : draft.tests) {
    if (!entry.target.text.empty()) {
      WRIT_ASSIGN(Expansion path, places.resolve_path(entry.target));
      entry.policy_case.target = std::move(path.text);
    }
    draft.profile.tests.push_back(std::move(entry.policy_case));
  }
  return {};
}

}  // namespace writ
