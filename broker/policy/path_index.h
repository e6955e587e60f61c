// PathIndex: the path rules of a policy as a tree of segments. Internal to AccessPolicy. Pure; immutable once it is
// built; any number of threads may find().
//
// A node holds, for each effect and right, the first rule that speaks of it: so a walk costs the same whatever the
// number of rules. The nodes are found through one hash table, from the node above and the next segment.
#ifndef WRIT_BROKER_POLICY_PATH_INDEX_H_
#define WRIT_BROKER_POLICY_PATH_INDEX_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "broker/policy/policy_rules.h"
#include "broker/policy/rights.h"

namespace writ {

inline constexpr std::int32_t kNoRule = -1;
inline constexpr std::size_t kPathRightCount = 4;  // the first ones of Right
using RuleOfRight = std::array<std::int32_t, kPathRightCount>;
inline constexpr RuleOfRight kNoRules = {kNoRule, kNoRule, kNoRule, kNoRule};

// What the walk to one path found, for each right: the rule with the longest path of each effect, and the shield that
// stopped those above. Indices into the list that the index was built from.
struct PathFindings {
  std::array<RuleOfRight, 3> by_effect = {kNoRules, kNoRules, kNoRules};
  RuleOfRight built_in = kNoRules;
  RuleOfRight shield = kNoRules;
};

class PathIndex {
 public:
  // `rules` and their texts must outlive the index and stay where they are.
  explicit PathIndex(std::span<const PolicyRule> rules);

  // Walks to `path`. False when it is not absolute or not lexically normal.
  [[nodiscard]] bool find(std::string_view path, Rights wanted, PathFindings& findings) const;

 private:
  // Rules of one place. A node of the tree without any has none.
  struct Place {
    std::array<RuleOfRight, 3> subtree = {kNoRules, kNoRules, kNoRules};
    std::array<RuleOfRight, 3> exact = {kNoRules, kNoRules, kNoRules};
    RuleOfRight built_in_subtree = kNoRules;
    RuleOfRight built_in_exact = kNoRules;
    RuleOfRight shield = kNoRules;
    bool is_mount = false;  // something of the host appears here, over what the sandbox has by itself
  };
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t parent = 0;
    std::uint32_t node = 0;  // 0: free (the root is nobody's child)
    std::string_view segment;
  };

  void add(std::int32_t index, const PolicyRule& entry, const PathPattern& pattern);
  Place& place_of(std::string_view path);
  std::uint32_t child_or_new(std::uint32_t parent, std::string_view segment);
  [[nodiscard]] std::uint32_t child(std::uint32_t parent, std::string_view segment) const;
  [[nodiscard]] std::size_t slot_of(std::uint32_t parent, std::string_view segment, std::uint64_t hash) const;
  void grow();
  static void enter(const Place& place, bool is_last, Rights wanted, PathFindings& findings);

  std::vector<Slot> slots_;              // a power of two; at most half full
  std::vector<std::int32_t> place_ids_;  // of each node: index into places_, or -1
  std::vector<Place> places_;
};

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_PATH_INDEX_H_
