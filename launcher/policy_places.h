// Policy places: files and directories that decide what later runs may do. No run may write them: whoever writes the
// policy of the next run has left the sandbox (docs/attacks.md, 40).
#ifndef WRIT_LAUNCHER_POLICY_PLACES_H_
#define WRIT_LAUNCHER_POLICY_PLACES_H_

#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/policy/profile.h"
#include "launcher/person.h"
#include "launcher/run_options.h"

namespace writ {

struct PolicyPlaces {
  // Writ's own directories below the person's configuration, state and cache homes: never in a view.
  std::vector<std::string> own;
  // Profiles and manifests by path, what symbolic links to profiles lead to, the administrator's directory: readable
  // where a grant says so, never writable.
  std::vector<std::string> read_only;
};

// Absolute, lexically normal paths, as named and as symbolic links resolve them on the host. Errors: a malformed path.
[[nodiscard]] Result<PolicyPlaces> find_policy_places(const RunOptions& options, const Person& person);

// Hides the own directories, and protects every place that lies in a writable grant, also where the grant is named
// through a symbolic link. Errors: a writable grant that is such a place, or lies inside of one.
[[nodiscard]] Status guard_policy_places(Profile& profile, const PolicyPlaces& places);

}  // namespace writ

#endif  // WRIT_LAUNCHER_POLICY_PLACES_H_
