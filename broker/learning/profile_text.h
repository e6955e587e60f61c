// A proposal as the text of a profile, with a comment on each rule. Names of files come from a tool: whatever is in
// them, the text says no more than the proposal does. Pure; any thread.
#ifndef WRIT_BROKER_LEARNING_PROFILE_TEXT_H_
#define WRIT_BROKER_LEARNING_PROFILE_TEXT_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/learning/proposal.h"

namespace writ {

// Bytes of names of foreign origin that a comment shows.
inline constexpr std::size_t kShownPath = 400;
inline constexpr std::size_t kShownProgram = 16;

// `spelled` (LearningPlaces::spelled) as a YAML scalar: plain where that is safe everywhere, in double quotes
// otherwise.
[[nodiscard]] std::string yaml_path(std::string_view spelled);

// Whether a profile can hold `spelled` and means that very path by it: valid text, no pattern characters.
[[nodiscard]] bool is_expressible_path(std::string_view spelled);

// The highest use of each resource during the run; absent where it was not measured.
struct ResourcePeaks {
  std::chrono::milliseconds wall_time{0};
  std::optional<std::uint64_t> processes;
  std::optional<std::uint64_t> memory;      // bytes resident, of the largest process
  std::optional<std::uint64_t> open_files;  // of one process
  std::optional<std::uint64_t> scratch;     // bytes in /tmp and the home
};

struct ProfileTextOptions {
  std::string name;     // is_profile_name()
  std::string command;  // for people, escaped
  ResourcePeaks peaks;
  std::vector<std::string> addresses;  // "connect to 192.0.2.1:443, once by curl": escaped
};

// The whole text of a new profile.
[[nodiscard]] std::string profile_text(const Proposal& proposal, const LearningPlaces& places,
                                       const ProfileTextOptions& options);

// Lines of a list of grants, each ending in a newline, every line after `indent` spaces: comment and entry of each rule
// with `access`. They stand for themselves: nothing in them depends on what comes before.
[[nodiscard]] std::string grant_lines(const Proposal& proposal, const LearningPlaces& places, PathAccess access,
                                      std::size_t indent);

// The suggestions as comments. Those whose path stands in `known` (the text of a profile) already are left out.
[[nodiscard]] std::string suggestion_lines(const Proposal& proposal, const LearningPlaces& places,
                                           std::string_view known);

}  // namespace writ

#endif  // WRIT_BROKER_LEARNING_PROFILE_TEXT_H_
