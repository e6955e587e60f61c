// `writ profile init`: a first profile for the project in this directory, with comments that say what to change.
#ifndef WRIT_LAUNCHER_PROFILE_INIT_H_
#define WRIT_LAUNCHER_PROFILE_INIT_H_

#include <functional>
#include <string>
#include <string_view>

#include "launcher/profile_options.h"

namespace writ {

// Writes the profile to the file that was named, which must not exist, or to standard output. Returns the exit status.
[[nodiscard]] int run_profile_init(const ProfileOptions& options);

// What a project is made with, seen by the files in its top directory.
struct DetectedStack {
  std::string_view profile;  // the shipped profile to start from
  std::string_view because;  // the file that says so; empty: none
};
[[nodiscard]] DetectedStack detect_stack(const std::function<bool(std::string_view file)>& exists);

// "My Project!" → "my-project"; what cannot be a name becomes "project".
[[nodiscard]] std::string profile_name_for(std::string_view directory);

// The text of the file. It loads and its tests pass.
[[nodiscard]] std::string starter_profile(const std::string& name, const DetectedStack& stack);

}  // namespace writ

#endif  // WRIT_LAUNCHER_PROFILE_INIT_H_
