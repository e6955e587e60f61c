// What was granted against what was used, and what a profile would have denied: the two lists with which a person
// judges a profile. Pure; any thread.
#ifndef WRIT_BROKER_LEARNING_USAGE_DIFF_H_
#define WRIT_BROKER_LEARNING_USAGE_DIFF_H_

#include <cstdint>
#include <string>
#include <vector>

#include "broker/learning/learning_record.h"
#include "broker/learning/rule_folding.h"

namespace writ {

struct RuleUsage {
  std::string rule;  // "allow read ~/x/*", escaped
  std::uint64_t count = 0;
};

struct GrantUsage {
  std::vector<RuleUsage> used;
  std::vector<RuleUsage> unused;  // of things that exist
};

// The allow rules about paths of the record's policy, with how often each was needed.
[[nodiscard]] GrantUsage grant_usage(const LearningRecord& record, const HostFacts& host);

// Something that the policy would have denied.
struct Denial {
  std::string path;  // any bytes
  Rights rights;
  std::uint64_t count = 0;
  std::vector<std::string> programs;  // any bytes
  std::string cause;                  // the deciding rule, or why there is none; escaped
  std::string remedy;                 // the one rule that would allow it, or why none should; escaped
};
inline constexpr std::size_t kUsageDenialLimit = 1000;

struct Denials {
  std::vector<Denial> list;  // sorted by path
  std::uint64_t not_listed = 0;
};

// Everything that the run used, or tried to, and the record's policy denies.
[[nodiscard]] Denials denials_of(const LearningRecord& record);

}  // namespace writ

#endif  // WRIT_BROKER_LEARNING_USAGE_DIFF_H_
