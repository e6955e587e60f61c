#include "broker/learning/learning_record.h"

#include <algorithm>

namespace writ {

Rights needed_rights(const PathSighting& sighting) {
  const bool directory = sighting.finding == Finding::kDirectory;
  if (sighting.rights.empty()) return directory ? Rights{Right::kList} : Rights{Right::kRead};
  if (!directory || !sighting.rights.has(Right::kRead)) return sighting.rights;
  return join(without(sighting.rights, Rights{Right::kRead}), Rights{Right::kList});
}

Decision LearningRecord::decide(Rights rights, std::string_view path) const {
  const Decision decision = policy_.decide_path(rights, path);
  const Region region = places_.region_of(path);
  const bool real = region == Region::kHome || region == Region::kWorkspace || region == Region::kSecret;
  const bool allowed = decision.effect == Effect::kAllow && decision.rule != nullptr;
  if (allowed && real && is_built_in(*decision.rule)) return {};
  return decision;
}

bool is_built_in(const Rule& rule) { return rule.origin.line == 0 && !rule.reason.empty(); }

bool LearningRecord::is_there_anyway(std::string_view link) const {
  const Region region = places_.region_of(link);
  if (region == Region::kKernel || region == Region::kScratch) return true;
  return decide(Rights{Right::kRead}, link).effect == Effect::kAllow;
}

bool LearningRecord::needs_its_name(const PathSighting& sighting) const {
  return std::any_of(sighting.links.begin(), sighting.links.end(),
                     [&](const std::string& link) { return !is_there_anyway(link); });
}

void LearningRecord::add(const PathSighting& sighting, std::string_view program) {
  ++sightings_;
  const Region region = places_.region_of(sighting.path);
  if (region == Region::kKernel || region == Region::kScratch) return;
  // A device, a socket, or a link that is itself the object: to look at one is nothing that a rule could be about.
  if (sighting.finding == Finding::kOther && sighting.rights.empty() && region != Region::kSecret) return;
  if (region == Region::kWorkspace && sighting.obstacle == Obstacle::kNone)
    workspace_ = join(workspace_, needed_rights(sighting));
  const Decision decision = decide(needed_rights(sighting), sighting.path);
  if (decision.effect == Effect::kAllow) {
    if (decision.rule != nullptr && sighting.finding != Finding::kMissing) ++uses_[decision.rule];
    if (!needs_its_name(sighting) || sighting.finding != Finding::kFile) return;
  }
  // A program that looks along a search path asks for a hundred things that do not exist; nothing has to be granted.
  const bool absent = sighting.finding == Finding::kMissing && !sighting.rights.has(Right::kWrite);
  if (absent && region != Region::kSecret) return;
  log_.add(sighting, program);
}

}  // namespace writ
