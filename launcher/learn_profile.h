// Loading what `writ learn` compares with, and checking what it wrote before anybody uses it.
#ifndef WRIT_LAUNCHER_LEARN_PROFILE_H_
#define WRIT_LAUNCHER_LEARN_PROFILE_H_

#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/learning/proposal.h"
#include "broker/policy/profile.h"
#include "launcher/person.h"

namespace writ {

struct LearnProfileContext {
  const Person& person;
  const std::string& workspace;
};

// Waiting for a standard error that is full, in milliseconds.
inline constexpr int kLearnPatience = 5000;

// The trees of the shipped groups of interpreters and toolchains, for this person.
[[nodiscard]] Result<std::vector<GroupTree>> runtime_groups(const LearnProfileContext& context);

// The profile by name or file, without what the command line adds.
[[nodiscard]] Result<Profile> load_learn_profile(const LearnProfileContext& context, const std::string& typed);
[[nodiscard]] Result<Profile> load_learn_text(const LearnProfileContext& context, const std::string& display_name,
                                              const std::string& text);

// Loads `text` like `writ run` would. Errors: it does not load; it fails a test of its own; a rule of `proposal` is not
// in it as it was meant; it grants something that neither `proposal` nor `before_text` (the profile that was added to;
// null for a new one) nor the profile that it extends does. A learned profile never says more than what was decided
// about, whatever the names in it are.
[[nodiscard]] Status check_learned_text(const LearnProfileContext& context, const std::string& display_name,
                                        const std::string& text, const Proposal& proposal,
                                        const std::string* before_text);

// A valid profile name made from the name of `file`.
[[nodiscard]] std::string profile_name_for(const std::string& file);

[[nodiscard]] bool grants_writing(const Profile& profile, const std::string& path);

}  // namespace writ

#endif  // WRIT_LAUNCHER_LEARN_PROFILE_H_
