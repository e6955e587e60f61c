// `writ profile diff`: what changes when one profile takes the place of another: compared is what they mean, not how
// they are written.
#ifndef WRIT_LAUNCHER_PROFILE_DIFF_H_
#define WRIT_LAUNCHER_PROFILE_DIFF_H_

#include <cstdint>
#include <string>
#include <vector>

#include "launcher/profile_options.h"
#include "launcher/profile_outline.h"

namespace writ {

enum class ChangeKind : std::uint8_t { kItem, kValue };  // of a list, or behind a key

struct ProfileChange {
  ChangeKind kind = ChangeKind::kItem;
  std::string section;
  std::string what;    // the entry of a list, or the key of a value
  std::string before;  // empty: it was not there
  std::string after;   // empty: it is not there any more
};

// Differences in the order of the outline, those of one section together. Name, description and tests are not part of
// what a profile means. Pure.
[[nodiscard]] std::vector<ProfileChange> compare_outlines(const std::vector<OutlineEntry>& before,
                                                          const std::vector<OutlineEntry>& after);

// Returns the exit status, as diff(1) has it: 0 the same, 1 different, kExitWritFailed.
[[nodiscard]] int run_profile_diff(const ProfileOptions& options);

}  // namespace writ

#endif  // WRIT_LAUNCHER_PROFILE_DIFF_H_
