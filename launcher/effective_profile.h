// EffectiveProfile: manifest ∩ profile ∩ ceiling, and what of it the kernel will be asked to hold. Between the profile
// as it was written and the launch; `writ why` and `writ profile explain` look at the same value.
#ifndef WRIT_LAUNCHER_EFFECTIVE_PROFILE_H_
#define WRIT_LAUNCHER_EFFECTIVE_PROFILE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/policy/policy_meet.h"
#include "broker/policy/profile.h"
#include "broker/policy/rule_lowering.h"
#include "launcher/ceiling_file.h"
#include "launcher/person.h"
#include "launcher/policy_places.h"
#include "launcher/profile_store.h"

namespace writ {

enum class BoundKind : std::uint8_t {
  kManifest,  // --manifest: what the tool says it needs at most
  kCeiling,   // the administrator's
};

// A profile as an upper bound of another one.
struct Bound {
  BoundKind kind = BoundKind::kManifest;
  std::string name;  // for texts, escaped: "the manifest 'tool.yaml'"
  Profile profile;
};

struct EffectiveProfile {
  Profile policy;    // what is allowed, as lists and rules: decisions are made from it
  Profile enforced;  // the same, rules folded into what the view and the filter hold
  std::vector<EnforcedRule> mechanisms;
  std::vector<Attenuation> attenuations;
  std::vector<std::string> warnings;  // rules that are not in force and denied instead
};

// Who a bound is read for.
struct BoundContext {
  const ProfileStore& store;
  const Person& person;
  std::string workspace;
};

// Reads the manifests, then the ceiling where there is one. A manifest sees the same variables and profiles as the
// profile itself. The ceiling's ${home} is that of the account, whatever $HOME says, and it extends shipped and the
// administrator's profiles only: what a person can write must not raise it. Errors: those of the files; a ceiling that
// cannot be trusted.
[[nodiscard]] Result<std::vector<Bound>> read_bounds(const std::vector<std::string>& manifests,
                                                     const CeilingFile& ceiling, const BoundContext& context);

// What an effective profile is made for. A launch needs no mechanisms, and a profile that has only lists needs no
// folding.
enum class EffectivePurpose : std::uint8_t { kLaunch, kExplanation };

// `own` is the profile with everything that the command line adds to it. Errors: those of guard_policy_places() and
// lower_rules().
[[nodiscard]] Result<EffectiveProfile> make_effective_profile(
    Profile own, std::span<const Bound> bounds, const PolicyPlaces& places,
    EffectivePurpose purpose = EffectivePurpose::kExplanation);

}  // namespace writ

#endif  // WRIT_LAUNCHER_EFFECTIVE_PROFILE_H_
