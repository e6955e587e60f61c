// Proposal: what was observed → the smallest rules that cover it, and what is said instead of a rule. Pure except
// through HostFacts; one thread at a time.
//
// What becomes a rule: existing files that the tool read or executed outside of the workspace (folded into the trees of
// shipped groups, or within the bound of rule_folding.h), empty directories that it listed, trees that the person made
// writable with --write and that it wrote to. What never does, and is suggested in a comment instead: secrets, writing
// anywhere else, things that were only looked at.
#ifndef WRIT_BROKER_LEARNING_PROPOSAL_H_
#define WRIT_BROKER_LEARNING_PROPOSAL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/learning/learning_record.h"
#include "broker/learning/rule_folding.h"
#include "broker/policy/profile.h"

namespace writ {

inline constexpr std::size_t kRuleLimit = 200;        // rules of one proposal
inline constexpr std::size_t kSuggestionLimit = 100;  // of each kind

// A tree of a shipped group: an interpreter or toolchain that lives in the home. It is made of thousands of files that
// belong together, and a profile that lists some of them breaks with the next import.
struct GroupTree {
  std::string group;  // its name
  std::string path;   // absolute, lexically normal
};

struct ProposalOptions {
  std::string extends;                // name of a profile; empty: base or default, whatever fits
  std::vector<std::string> writable;  // trees that the person opened for writing during the run
  NetworkMode network = NetworkMode::kNone;
  std::vector<GroupTree> groups;
};

struct ProposedRule {
  std::string path;
  PathAccess access = PathAccess::kRead;
  bool is_tree = false;
  std::vector<std::string> used;  // the observed paths that it is for
  std::uint64_t files = 1;        // that it reaches, for a tree that was folded
  std::string because;            // one line for people, escaped
};

enum class SuggestionKind : std::uint8_t {
  kSecret,        // a place for secrets
  kWriting,       // writing outside of the workspace
  kLookedAt,      // stat and the like, or a listing
  kDenied,        // the profile that was given says no
  kTooMany,       // beyond kRuleLimit
  kInexpressible  // a name that no profile can hold
};
inline constexpr std::size_t kSuggestionKinds = 6;

// Something that is wanted and not granted.
struct Suggestion {
  SuggestionKind kind = SuggestionKind::kLookedAt;
  std::string path;  // any bytes
  PathAccess access = PathAccess::kRead;
  std::string because;  // escaped
};

struct Proposal {
  std::string extends;
  std::vector<ProposedRule> rules;      // sorted by path
  std::vector<Suggestion> suggestions;  // sorted by kind, then path
  std::vector<std::uint64_t> not_listed =
      std::vector<std::uint64_t>(kSuggestionKinds);  // suggestions left out, by kind
  std::vector<std::string> denied_secrets;           // well-known ones that the profile denies, for its tests
  bool reads_workspace = false;                      // `extends` lacks the workspace: grant it for reading
  bool uses_network = false;                         // the host's network, which the person allowed, was used
};

[[nodiscard]] Proposal propose(const LearningRecord& record, const HostFacts& host, const ProposalOptions& options);

}  // namespace writ

#endif  // WRIT_BROKER_LEARNING_PROPOSAL_H_
