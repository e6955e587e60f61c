// Adding grants to the text of an existing profile: its text and comments stay as they are, the new entries go to the
// end of the list that they belong to, between two marks. Pure; any thread.
#ifndef WRIT_BROKER_LEARNING_PROFILE_INSERTION_H_
#define WRIT_BROKER_LEARNING_PROFILE_INSERTION_H_

#include <string>
#include <string_view>

#include "broker/base/error.h"
#include "broker/learning/proposal.h"

namespace writ {

// Returns `text` with the rules and suggestions of `proposal` added; unchanged when there is nothing new.
// `display_name` is for messages. `mark` goes into the marks ("by `writ learn` from: make"): escaped. Errors: a text
// that is no YAML; lists that are not written in lines of their own ("read: [a, b]"), which only a person should
// rewrite.
[[nodiscard]] Result<std::string> insert_into_profile(const std::string& display_name, const std::string& text,
                                                      const Proposal& proposal, const LearningPlaces& places,
                                                      std::string_view mark);

}  // namespace writ

#endif  // WRIT_BROKER_LEARNING_PROFILE_INSERTION_H_
