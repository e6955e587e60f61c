// CommandNeutraliser: takes the power out of lines that a CI system would obey wherever they stand in a line:
// "##vso[" and "##[" become "**vso[" and "**[", in every mix of capital and small letters. Pure.
//
// A command that comes in two chunks is found; at most five bytes are kept back for that. Nothing else changes.
#ifndef WRIT_LAUNCHER_COMMAND_NEUTRALISER_H_
#define WRIT_LAUNCHER_COMMAND_NEUTRALISER_H_

#include <string>
#include <string_view>

namespace writ {

class CommandNeutraliser {
 public:
  // Appends to `out`.
  void write(std::string_view bytes, std::string& out);
  void finish(std::string& out);

 private:
  std::string kept_;
};

// The same for a whole text.
[[nodiscard]] std::string without_ci_commands(std::string_view text);

}  // namespace writ

#endif  // WRIT_LAUNCHER_COMMAND_NEUTRALISER_H_
