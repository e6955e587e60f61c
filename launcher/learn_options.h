// The command line of `writ learn`, and what it becomes. Plain data.
#ifndef WRIT_LAUNCHER_LEARN_OPTIONS_H_
#define WRIT_LAUNCHER_LEARN_OPTIONS_H_

#include <cstdint>
#include <string>

#include "launcher/command_spec.h"
#include "launcher/run_options.h"

namespace writ {

enum class LearnMode : std::uint8_t {
  kPropose,     // observe a run, write a profile
  kPermissive,  // observe a run, list what a profile would have denied
};

struct LearnOptions {
  RunOptions run;      // `profile` is what the run is compared with
  std::string output;  // -o FILE; empty: nothing is written
  std::string merge;   // --merge FILE: the profile to add to; `run.profile` is the same then
  LearnMode mode = LearnMode::kPropose;
  bool names_profile = false;  // --profile was given
  bool json = false;
};

// Reads the words behind `writ learn`. Errors are printed.
[[nodiscard]] Parsed<LearnOptions> parse_learn_options(const TypedWords& typed);

}  // namespace writ

#endif  // WRIT_LAUNCHER_LEARN_OPTIONS_H_
