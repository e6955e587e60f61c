#include "broker/capability/authority_rule.h"

#include <algorithm>

namespace writ {
namespace {

constexpr std::size_t kOperationLimit = 128;

bool is_word(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool operation_matches(std::string_view pattern, std::string_view operation) {
  if (!pattern.ends_with('*')) return pattern == operation;
  pattern.remove_suffix(1);
  return operation.starts_with(pattern);
}

// The least certain of all: one condition that fails decides, one that cannot be told leaves it open.
class AllConditions {
 public:
  template <class Wanted, class Known, class Holds>
  void add(const std::optional<Wanted>& wanted, const std::optional<Known>& known, const Holds& holds) {
    if (!wanted || match_ == RuleMatch::kNo) return;
    if (!known) {
      match_ = RuleMatch::kCannotTell;
    } else if (!holds(*wanted, *known)) {
      match_ = RuleMatch::kNo;
    }
  }
  [[nodiscard]] RuleMatch match() const { return match_; }

 private:
  RuleMatch match_ = RuleMatch::kYes;
};

constexpr auto kEqual = [](const auto& wanted, const auto& known) { return wanted == known; };
constexpr auto kCovers = [](const TypedResource& wanted, const TypedResource& known) { return wanted.covers(known); };
constexpr auto kAtMost = [](std::int64_t wanted, std::int64_t known) { return known <= wanted; };

}  // namespace

bool is_operation_name(std::string_view name) {
  const std::size_t dot = name.find('.');
  return name.size() <= kOperationLimit && dot != std::string_view::npos && is_word(name.substr(0, dot)) &&
         is_word(name.substr(dot + 1));
}

bool is_operation_pattern(std::string_view pattern) {
  if (!pattern.ends_with(".*")) return is_operation_name(pattern);
  return pattern.size() <= kOperationLimit && is_word(pattern.substr(0, pattern.size() - 2));
}

RuleMatch match_rule(const AuthorityRule& rule, const OperationContext& context) {
  if (context.operation.empty()) return RuleMatch::kCannotTell;
  if (!operation_matches(rule.operation, context.operation)) return RuleMatch::kNo;
  const RuleConditions& conditions = rule.conditions;
  AllConditions all;
  all.add(conditions.arguments, context.arguments, [&](const auto& wanted, const auto& known) {
    if (conditions.match == ArgumentsMatch::kExact) return wanted == known;
    return wanted.size() <= known.size() && std::equal(wanted.begin(), wanted.end(), known.begin());
  });
  all.add(conditions.working_directory, context.working_directory, kCovers);
  all.add(conditions.path, context.path, kCovers);
  all.add(conditions.network, context.network, kEqual);
  all.add(conditions.filesystem, context.filesystem, kEqual);
  all.add(conditions.timeout_seconds, context.timeout_seconds, kEqual);
  all.add(conditions.timeout_seconds_max, context.timeout_seconds, kAtMost);
  all.add(conditions.image, context.image, kEqual);
  return all.match();
}

}  // namespace writ
