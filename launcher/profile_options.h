// The command line of `writ profile …`, after parsing. Plain data.
#ifndef WRIT_LAUNCHER_PROFILE_OPTIONS_H_
#define WRIT_LAUNCHER_PROFILE_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "launcher/standard_output.h"

namespace writ {

enum class ShownForm : std::uint8_t {
  kWritten,   // the text of the file
  kResolved,  // the policy that it means
};
enum class Detail : std::uint8_t { kSummary, kEverything };

struct ProfileOptions {
  int (*run)(const ProfileOptions&) = nullptr;  // the subcommand that was asked for
  std::vector<std::string> names;               // what the subcommand is about: profiles, files
  std::string workspace;                        // --workspace; empty: the current directory
  OutputFormat format = OutputFormat::kText;
  ShownForm form = ShownForm::kWritten;
  Detail detail = Detail::kSummary;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_PROFILE_OPTIONS_H_
