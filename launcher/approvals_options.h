// The command line of `writ approvals …`, after parsing. Plain data.
#ifndef WRIT_LAUNCHER_APPROVALS_OPTIONS_H_
#define WRIT_LAUNCHER_APPROVALS_OPTIONS_H_

#include <string>
#include <vector>

#include "launcher/standard_output.h"

namespace writ {

inline constexpr int kExitNotDecided = 1;

struct ApprovalsOptions {
  int (*run)(const ApprovalsOptions&) = nullptr;  // the subcommand that was asked for
  std::vector<std::string> ids;                   // as typed
  std::string reason;                             // --reason TEXT
  std::string policy;                             // --policy WORD
  std::string answer;                             // --answer TEXT
  std::string edited_resource;                    // --resource KIND:NAME
  std::vector<std::string> edited_rights;         // --right WORD, each time one
  std::string revision;                           // --revision N
  bool all = false;                               // --all
  bool once = false;
  bool for_run = false;  // --run
  bool always = false;
  bool yes = false;
  OutputFormat format = OutputFormat::kText;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_APPROVALS_OPTIONS_H_
