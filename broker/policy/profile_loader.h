// The profile loader: the text of a profile and of the profiles that it extends → one resolved Profile.
//
// Pure: where profiles are found and who the user is comes from the caller. Any thread. A profile with a mistake is
// never replaced by another one: the error is the result.
//
// How layers combine: bases first, each profile once, at the place where it is first needed. Lists and
// `environment.set` grow by union (bases first), single values are those of the nearest layer, `reset` empties lists of
// the layers before.
#ifndef WRIT_BROKER_POLICY_PROFILE_LOADER_H_
#define WRIT_BROKER_POLICY_PROFILE_LOADER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "broker/base/error.h"
#include "broker/policy/profile.h"

namespace writ {

inline constexpr std::size_t kProfileDepthLimit = 10;  // profiles in one chain of `extends`
inline constexpr std::size_t kProfileCountLimit = 32;  // profiles that one profile is made of

// The text of one profile file.
struct ProfileSource {
  std::string display_name;  // how messages call it: a path, or "profile 'default'"; also its identity
  std::string text;
};

enum class ProfileRole : std::uint8_t {
  kProfile,
  kCeiling,  // an administrator's bound: its rules may allow the whole file system, "/*"
};

// What the loader must know of the world.
struct ProfileContext {
  // Values of the built-in variables: workspace and home (absolute, lexically normal), user, uid and gid (decimal).
  std::map<std::string, std::string, std::less<>> variables;
  // Finds the profile that `extends` calls `name` ([a-z0-9-]{1,40}). Not called for anything else. Must not look inside
  // a directory that a tool can write.
  std::function<Result<ProfileSource>(std::string_view name)> find_profile;
  // Returns the file of shipped groups (profiles/groups.yaml). Called only for a profile that speaks of groups; may be
  // empty: then there are none but the profile's own.
  std::function<Result<ProfileSource>()> groups_source;
  ProfileRole role = ProfileRole::kProfile;
};

// Returns the resolved profile. Errors: everything that is wrong with the file or with one that it extends, as
// file:line:column with the source line. `hide` of the result always holds the secret locations of this user
// (broker/policy/secrets.h), except those that a grant names exactly.
[[nodiscard]] Result<Profile> load_profile(const ProfileSource& source, const ProfileContext& context);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_PROFILE_LOADER_H_
