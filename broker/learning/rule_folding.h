// Folding: files that a tool used → the few rules that cover them and little else. Pure except through HostFacts; one
// thread at a time.
//
// The bound, which docs/learn.md promises: a directory takes the place of the rules beneath it only when
//   * it replaces at least kFoldRules of them,
//   * the tool used at least half of all files that lie in it, at whatever depth,
//   * and LearningPlaces::may_grant_tree() does not forbid it.
// So no rule reaches more than twice the files that the run used.
#ifndef WRIT_BROKER_LEARNING_RULE_FOLDING_H_
#define WRIT_BROKER_LEARNING_RULE_FOLDING_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/learning/learning_places.h"

namespace writ {

inline constexpr std::size_t kFoldRules = 4;
inline constexpr std::uint64_t kFoldShare = 2;  // one in so many files must have been used

// What the broker knows of the host. Implementations make system calls; the tests have their own.
class HostFacts {
 public:
  HostFacts() = default;
  HostFacts(const HostFacts&) = delete;
  HostFacts& operator=(const HostFacts&) = delete;
  virtual ~HostFacts() = default;

  // The number of files (everything that is not a directory) beneath `directory`; a number above `at_most` means
  // "more". Nothing when a part of it cannot be looked at, or it is no directory.
  [[nodiscard]] virtual std::optional<std::uint64_t> files_beneath(const std::string& directory,
                                                                   std::uint64_t at_most) const = 0;
  [[nodiscard]] virtual bool exists(const std::string& path) const = 0;
};

struct FoldedRule {
  std::string path;
  bool is_tree = false;
  std::vector<std::string> used;  // the files that it stands for; for a file itself
  std::uint64_t files = 1;        // that it reaches
};

// Returns the rules for `files` (canonical, existing, none of them a directory), sorted by path.
[[nodiscard]] std::vector<FoldedRule> fold_rules(const std::set<std::string>& files, const LearningPlaces& places,
                                                 const HostFacts& host);

}  // namespace writ

#endif  // WRIT_BROKER_LEARNING_RULE_FOLDING_H_
