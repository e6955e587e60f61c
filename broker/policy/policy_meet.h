// Attenuation of whole profiles: manifest ∩ profile ∩ ceiling. Pure; any thread.
#ifndef WRIT_BROKER_POLICY_POLICY_MEET_H_
#define WRIT_BROKER_POLICY_POLICY_MEET_H_

#include <string>
#include <vector>

#include "broker/policy/profile.h"

namespace writ {

// What the bound took away, for the person: "write ~/x: the ceiling allows reading only".
struct Attenuation {
  std::string subject;
  std::string reason;
};

struct MetProfile {
  Profile profile;
  std::vector<Attenuation> attenuations;
};

// Returns `profile` reduced to what `bound` allows as well: by construction nothing is in the result that one of the
// two lacks. For every path and right, decide(result) is the stronger effect of decide(profile) and decide(bound).
// Grants and rules: pairwise intersection of their patterns and rights; hide, protect, deny rules, syscalls.deny:
// union; environment.pass: intersection (set entries of `profile` whose names the bound passes or sets); limits: the
// smaller (an optional limit that only one has: that one); isolation: require beats prefer; syscall base, sockets,
// network, terminal, execution: the stricter; commands: an effect at least as strict as the bound's. `bound_name` is
// for the texts ("the ceiling /etc/writ/ceiling.yaml").
[[nodiscard]] MetProfile meet(const Profile& profile, const Profile& bound, const std::string& bound_name);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_POLICY_MEET_H_
