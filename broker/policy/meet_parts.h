// The parts of meet() (policy_meet.h), one for each kind of thing that a profile speaks of. Internal to policy_meet.
// Pure; any thread.
#ifndef WRIT_BROKER_POLICY_MEET_PARTS_H_
#define WRIT_BROKER_POLICY_MEET_PARTS_H_

#include <string>
#include <utility>
#include <vector>

#include "broker/policy/policy_meet.h"
#include "broker/policy/policy_rules.h"
#include "broker/policy/profile.h"

namespace writ {

// One of the two profiles with the list of its rules.
struct MeetSide {
  const Profile& profile;
  std::vector<PolicyRule> rules;
};

struct MeetInput {
  MeetSide profile;
  MeetSide bound;  // its origins count within the sources of the result already
  std::string bound_name;
};

// Writes what both sides allow into `result`, and what the bound took away into its attenuations. Each function
// replaces its own part of `result.profile` and leaves the rest alone; meet_settings() comes first, because what a
// grant gives depends on writable_execution.
void meet_settings(const MeetInput& input, MetProfile& result);
void meet_paths(const MeetInput& input, MetProfile& result);
void meet_addresses(const MeetInput& input, MetProfile& result);
void meet_commands(const MeetInput& input, MetProfile& result);

// Appends those of `more` that `list` lacks.
template <class Entry>
void unite(std::vector<Entry>& list, const std::vector<Entry>& more) {
  for (const Entry& entry : more) {
    bool known = false;
    for (const Entry& other : list) known = known || other == entry;
    if (!known) list.push_back(entry);
  }
}

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_MEET_PARTS_H_
