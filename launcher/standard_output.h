// What commands print as their result: text or JSON on standard output, coloured where a person looks at it.
#ifndef WRIT_LAUNCHER_STANDARD_OUTPUT_H_
#define WRIT_LAUNCHER_STANDARD_OUTPUT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace writ {

enum class OutputFormat : std::uint8_t { kText, kJson };
enum class Colour : std::uint8_t { kNever, kAlways };

// kAlways when standard output is a terminal and NO_COLOR (https://no-color.org) is not set to anything.
[[nodiscard]] Colour colour_for_standard_output();

enum class Tint : std::uint8_t { kGood, kBad, kWarning, kStrong, kFaint };
// Returns `text`, which is escaped already, in the colour of `tint`.
[[nodiscard]] std::string painted(std::string_view text, Tint tint, Colour colour);

// Writes `text`. False when not all could be written; errno says why.
[[nodiscard]] bool print_standard_output(std::string_view text);

// The same for the whole result of a command: returns `exit_status`, or that of a failure (which is said on standard
// error) when the result could not be written.
[[nodiscard]] int print_result(std::string_view text, int exit_status);

}  // namespace writ

#endif  // WRIT_LAUNCHER_STANDARD_OUTPUT_H_
