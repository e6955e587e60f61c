#include "broker/policy/policy_meet.h"

#include <cstddef>
#include <utility>

#include "broker/policy/meet_parts.h"

namespace writ {
namespace {

// Makes the origins of `profile` count within a list of sources whose first `offset` entries are somebody else's.
Profile with_shifted_origins(Profile profile, std::size_t offset) {
  const auto shift = [&](RuleOrigin& origin) {
    if (origin.source != 0) origin.source = static_cast<std::uint16_t>(origin.source + offset);
  };
  for (PathGrant& grant : profile.filesystem.grants) shift(grant.origin);
  for (PathShield& shield : profile.filesystem.shields) shift(shield.origin);
  for (Rule& rule : profile.rules) shift(rule.origin);
  for (CommandRule& rule : profile.commands) shift(rule.origin);
  return profile;
}

// Entry 0 of both is "built in".
std::size_t source_offset(const Profile& profile) { return profile.sources.empty() ? 0 : profile.sources.size() - 1; }

void unite_sources(Profile& profile, const Profile& bound) {
  if (profile.sources.empty()) {
    profile.sources = bound.sources;
    return;
  }
  for (std::size_t i = 1; i < bound.sources.size(); ++i) profile.sources.push_back(bound.sources[i]);
}

}  // namespace

MetProfile meet(const Profile& profile, const Profile& bound, const std::string& bound_name) {
  const Profile shifted = with_shifted_origins(bound, source_offset(profile));
  const MeetInput input{{profile, policy_rules(profile)}, {shifted, policy_rules(shifted)}, bound_name};
  MetProfile result{profile, {}};
  unite_sources(result.profile, bound);
  meet_settings(input, result);
  result.profile.rules.clear();
  meet_paths(input, result);
  meet_addresses(input, result);
  meet_commands(input, result);
  return result;
}

}  // namespace writ
