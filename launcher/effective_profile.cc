#include "launcher/effective_profile.h"

#include <utility>

#include "broker/base/escape.h"
#include "launcher/profile_reading.h"

namespace writ {
namespace {

Result<Bound> read_manifest(const std::string& file, const BoundContext& context) {
  WRIT_ASSIGN(const ProfileSource source, context.store.find_typed(file));
  WRIT_ASSIGN(Profile profile, load_profile(source, profile_context(context.store, context.person, context.workspace)));
  return Bound{BoundKind::kManifest, "the manifest " + quote_bytes(file), std::move(profile)};
}

Result<Bound> read_ceiling(const ProfileSource& source, const BoundContext& context) {
  const ProfileStore store = ProfileStore::without_personal();
  Person person = context.person;
  person.home = person.account_home;
  ProfileContext loading = profile_context(store, person, context.workspace);
  loading.role = ProfileRole::kCeiling;
  WRIT_ASSIGN(Profile profile, load_profile(source, loading));
  return Bound{BoundKind::kCeiling, "the ceiling " + std::string(kCeilingPath), std::move(profile)};
}

// Lists are what the view is made from already; rules and what a meet adds to them are not.
bool needs_folding(const Profile& profile) { return !profile.rules.empty() || !profile.filesystem.shields.empty(); }

}  // namespace

Result<std::vector<Bound>> read_bounds(const std::vector<std::string>& manifests, const CeilingFile& ceiling,
                                       const BoundContext& context) {
  if (!ceiling) return tl::unexpected<Error>(ceiling.error());
  std::vector<Bound> bounds;
  for (const std::string& file : manifests) {
    WRIT_ASSIGN(Bound manifest, read_manifest(file, context));
    bounds.push_back(std::move(manifest));
  }
  if (*ceiling) {
    WRIT_ASSIGN(Bound highest, read_ceiling(**ceiling, context));
    bounds.push_back(std::move(highest));
  }
  return bounds;
}

Result<EffectiveProfile> make_effective_profile(Profile own, std::span<const Bound> bounds, const PolicyPlaces& places,
                                                EffectivePurpose purpose) {
  EffectiveProfile effective;
  effective.policy = std::move(own);
  for (const Bound& bound : bounds) {
    MetProfile met = meet(effective.policy, bound.profile, bound.name);
    effective.policy = std::move(met.profile);
    for (Attenuation& attenuation : met.attenuations) effective.attenuations.push_back(std::move(attenuation));
  }
  // Not earlier: what is protected counts from the grants that are left.
  WRIT_TRY(guard_policy_places(effective.policy, places));
  if (purpose == EffectivePurpose::kLaunch && !needs_folding(effective.policy)) {
    effective.enforced = effective.policy;
    return effective;
  }
  WRIT_ASSIGN(Lowering lowering, lower_rules(effective.policy));
  effective.enforced = std::move(lowering.profile);
  effective.mechanisms = std::move(lowering.enforced);
  effective.warnings = std::move(lowering.warnings);
  return effective;
}

}  // namespace writ
