// The wide view in which `writ learn` runs a program: everything that it might look for is there to be read, nothing
// but the workspace can be changed, and secrets stay hidden.
#ifndef WRIT_LAUNCHER_LEARN_VIEW_H_
#define WRIT_LAUNCHER_LEARN_VIEW_H_

#include <string>
#include <vector>

#include "broker/learning/learning_places.h"
#include "broker/policy/profile.h"
#include "launcher/learn_options.h"
#include "launcher/person.h"

namespace writ {

// Widens `profile` for learning in `mode`: the home and the other trees of the host become visible for reading, the
// workspace can be written. What the profile hides by itself stays hidden, except in permissive mode; secrets always
// do. Left out: /proc, /dev, /sys and /run, which are interfaces to the kernel and to services and not files; /tmp, of
// which the sandbox has its own; the homes of other people.
void widen_for_learning(Profile& profile, const Person& person, const std::string& workspace, LearnMode mode);

// What learning must know of the places of this machine.
[[nodiscard]] LearningPlaces learning_places(const Person& person, const std::string& workspace);

}  // namespace writ

#endif  // WRIT_LAUNCHER_LEARN_VIEW_H_
