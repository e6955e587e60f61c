// What `writ learn` prints at the end: what was used, what was granted and not used, what was wanted and is not
// granted; or, in permissive mode, what a profile would have denied. For people and as JSON.
#ifndef WRIT_LAUNCHER_LEARN_REPORT_H_
#define WRIT_LAUNCHER_LEARN_REPORT_H_

#include <string>

#include "broker/base/json_text.h"
#include "broker/learning/profile_text.h"
#include "broker/learning/proposal.h"
#include "broker/learning/usage_diff.h"

namespace writ {

inline constexpr int kLearnReportSchemaVersion = 1;

struct LearnFacts {
  const LearningRecord* record = nullptr;
  const Proposal* proposal = nullptr;  // null in permissive mode
  GrantUsage usage;
  Denials denials;            // in permissive mode
  std::string compared_with;  // name of the profile, escaped
  std::string output;         // the file that was written; empty: none
  ResourcePeaks peaks;
  int exit_status = 0;                  // of the program
  std::uint64_t broker_memory_kib = 0;  // resident, the most that Writ itself used
};

[[nodiscard]] std::string learn_text(const LearnFacts& facts);
// Fields are described in docs/learn.md.
[[nodiscard]] JsonValue learn_json(const LearnFacts& facts);

// "connect to 192.0.2.1:443, 3 times by curl": one line for each address.
[[nodiscard]] std::vector<std::string> address_lines(const AddressLog& addresses);

}  // namespace writ

#endif  // WRIT_LAUNCHER_LEARN_REPORT_H_
