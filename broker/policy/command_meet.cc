// The part of meet() about commands: an effect at least as strict as that of either side.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "broker/policy/meet_parts.h"

namespace writ {
namespace {

std::string_view file_name(std::string_view program) {
  const std::size_t slash = program.rfind('/');
  return slash == std::string_view::npos ? program : program.substr(slash + 1);
}

// The program that both names mean: the more exact one.
std::optional<std::string> common_program(const std::string& a, const std::string& b) {
  if (a == b) return a;
  const bool a_is_path = a.find('/') != std::string::npos;
  const bool b_is_path = b.find('/') != std::string::npos;
  if (a_is_path && !b_is_path && file_name(a) == b) return a;
  if (b_is_path && !a_is_path && file_name(b) == a) return b;
  return std::nullopt;
}

ArgumentAlternatives common_words(const ArgumentAlternatives& a, const ArgumentAlternatives& b) {
  ArgumentAlternatives common;
  for (const std::string& word : a)
    if (std::find(b.begin(), b.end(), word) != b.end()) common.push_back(word);
  return common;
}

bool is_listed(ArgumentMatch match) { return match == ArgumentMatch::kExact || match == ArgumentMatch::kPrefix; }

// Writes the arguments that both match into `rule`, which has those of `a`. False: none, or none that one rule can say.
bool meet_arguments(const CommandRule& a, const CommandRule& b, CommandRule& rule) {
  if (b.match == ArgumentMatch::kAny) return true;
  if (a.match == ArgumentMatch::kAny || (a.match == b.match && a.arguments == b.arguments)) {
    rule.match = b.match;
    rule.arguments = b.arguments;
    return true;
  }
  if (!is_listed(a.match) || !is_listed(b.match)) return false;
  const CommandRule& longer = a.arguments.size() >= b.arguments.size() ? a : b;
  const CommandRule& shorter = &longer == &a ? b : a;
  if (longer.arguments.size() != shorter.arguments.size() && shorter.match == ArgumentMatch::kExact) return false;
  const bool either_is_exact = a.match == ArgumentMatch::kExact || b.match == ArgumentMatch::kExact;
  rule.match = either_is_exact ? ArgumentMatch::kExact : ArgumentMatch::kPrefix;
  rule.arguments = longer.arguments;
  for (std::size_t i = 0; i < shorter.arguments.size(); ++i) {
    rule.arguments[i] = common_words(longer.arguments[i], shorter.arguments[i]);
    if (rule.arguments[i].empty()) return false;
  }
  return true;
}

bool is_shared(const CommandRule& rule, const std::vector<CommandRule>& others) {
  return std::any_of(others.begin(), others.end(),
                     [&](const CommandRule& other) { return common_program(rule.program, other.program).has_value(); });
}

void meet_pair(const CommandRule& a, const CommandRule& b, std::vector<CommandRule>& rules) {
  std::optional<std::string> program = common_program(a.program, b.program);
  if (!program) return;
  CommandRule rule = a;
  if (!meet_arguments(a, b, rule)) return;
  rule.program = std::move(*program);
  rule.effect = std::max(a.effect, b.effect);
  if (rule.profile.empty()) rule.profile = b.profile;
  // Examples speak of the rule as it was written.
  rule.examples_matching.clear();
  rule.examples_not_matching.clear();
  rules.push_back(std::move(rule));
}

// Denials hold whatever the other side says; a program that only one side rules keeps the rules of that side.
void keep_own(const std::vector<CommandRule>& own, const std::vector<CommandRule>& others,
              std::vector<CommandRule>& rules) {
  for (const CommandRule& rule : own)
    if (rule.effect == Effect::kDeny || !is_shared(rule, others)) rules.push_back(rule);
}

// A program stays ruled even where nothing of its rules is left: a rule that matches no arguments.
void keep_ruled(const std::vector<CommandRule>& own, std::vector<CommandRule>& rules) {
  for (const CommandRule& rule : own) {
    const bool is_ruled_still = std::any_of(rules.begin(), rules.end(),
                                            [&](const CommandRule& other) { return other.program == rule.program; });
    if (is_ruled_still) continue;
    CommandRule nothing;
    nothing.program = rule.program;
    nothing.match = ArgumentMatch::kContains;
    nothing.reason = "nothing that both profiles allow";
    nothing.origin = rule.origin;
    rules.push_back(std::move(nothing));
  }
}

}  // namespace

void meet_commands(const MeetInput& input, MetProfile& result) {
  const std::vector<CommandRule>& own = input.profile.profile.commands;
  const std::vector<CommandRule>& bound = input.bound.profile.commands;
  std::vector<CommandRule> rules;
  keep_own(own, bound, rules);
  keep_own(bound, own, rules);
  for (const CommandRule& a : own)
    for (const CommandRule& b : bound)
      if (a.effect != Effect::kDeny && b.effect != Effect::kDeny) meet_pair(a, b, rules);
  keep_ruled(own, rules);
  keep_ruled(bound, rules);
  result.profile.commands = std::move(rules);
}

}  // namespace writ
