#include "broker/learning/rule_folding.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace writ {
namespace {

using RuleMap = std::map<std::string, FoldedRule>;

// The directories above `files` that may become a rule, the deepest first: what is folded below is one rule above.
std::vector<std::string> candidate_directories(const std::set<std::string>& files, const LearningPlaces& places) {
  std::set<std::string> found;
  for (const std::string& file : files) {
    for (std::size_t slash = file.rfind('/'); slash != 0 && slash != std::string::npos;
         slash = file.rfind('/', slash - 1)) {
      const std::string directory = file.substr(0, slash);
      if (found.contains(directory)) break;  // and with it all that are above
      if (places.may_grant_tree(directory)) found.insert(directory);
    }
  }
  std::vector<std::string> sorted(found.begin(), found.end());
  const auto depth = [](const std::string& path) { return std::count(path.begin(), path.end(), '/'); };
  std::stable_sort(sorted.begin(), sorted.end(), [&](const auto& a, const auto& b) { return depth(a) > depth(b); });
  return sorted;
}

void fold_into(const std::string& directory, RuleMap& rules, const HostFacts& host) {
  // '0' is the character after '/': everything beneath the directory and nothing else.
  const auto begin = rules.lower_bound(directory + "/");
  const auto end = rules.lower_bound(directory + "0");
  if (static_cast<std::size_t>(std::distance(begin, end)) < kFoldRules) return;
  FoldedRule tree{directory, true, {}, 0};
  for (auto rule = begin; rule != end; ++rule)
    tree.used.insert(tree.used.end(), rule->second.used.begin(), rule->second.used.end());
  const std::uint64_t most = tree.used.size() * kFoldShare;
  const std::optional<std::uint64_t> there = host.files_beneath(directory, most);
  if (!there || *there > most) return;
  tree.files = *there;
  rules.erase(begin, end);
  rules.emplace(directory, std::move(tree));
}

}  // namespace

std::vector<FoldedRule> fold_rules(const std::set<std::string>& files, const LearningPlaces& places,
                                   const HostFacts& host) {
  RuleMap rules;
  for (const std::string& file : files) rules.emplace(file, FoldedRule{file, false, {file}, 1});
  for (const std::string& directory : candidate_directories(files, places)) fold_into(directory, rules, host);
  std::vector<FoldedRule> list;
  list.reserve(rules.size());
  for (auto& [path, rule] : rules) list.push_back(std::move(rule));
  return list;
}

}  // namespace writ
