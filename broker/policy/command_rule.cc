#include "broker/policy/command_rule.h"

#include <algorithm>
#include <string>

#include "broker/base/escape.h"

namespace writ {
namespace {

using Words = std::span<const std::string>;

std::string_view file_name(std::string_view program) {
  const std::size_t slash = program.rfind('/');
  return slash == std::string_view::npos ? program : program.substr(slash + 1);
}

bool names_program(const CommandRule& rule, std::string_view program) {
  const bool by_path = rule.program.find('/') != std::string::npos;
  return by_path ? rule.program == program : rule.program == file_name(program);
}

bool is_one_of(const ArgumentAlternatives& alternatives, std::string_view word) {
  return std::find(alternatives.begin(), alternatives.end(), word) != alternatives.end();
}

bool begins_with(const CommandRule& rule, Words arguments) {
  if (arguments.size() < rule.arguments.size()) return false;
  for (std::size_t i = 0; i < rule.arguments.size(); ++i)
    if (!is_one_of(rule.arguments[i], arguments[i])) return false;
  return true;
}

bool contains_one(const CommandRule& rule, Words arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [&](const std::string& word) {
    return std::any_of(rule.arguments.begin(), rule.arguments.end(),
                       [&](const ArgumentAlternatives& words) { return is_one_of(words, word); });
  });
}

bool matches_arguments(const CommandRule& rule, Words arguments) {
  switch (rule.match) {
    case ArgumentMatch::kAny:
      return true;
    case ArgumentMatch::kExact:
      return arguments.size() == rule.arguments.size() && begins_with(rule, arguments);
    case ArgumentMatch::kPrefix:
      return begins_with(rule, arguments);
    case ArgumentMatch::kContains:
      return contains_one(rule, arguments);
  }
  return false;
}

bool matches(const CommandRule& rule, Words argv) {
  return !argv.empty() && names_program(rule, argv.front()) && matches_arguments(rule, argv.subspan(1));
}

std::string joined(Words words) {
  std::string text;
  for (const std::string& word : words) text.append(text.empty() ? "" : " ").append(escape_bytes(word));
  return text;
}

std::string alternatives_text(const ArgumentAlternatives& alternatives) {
  if (alternatives.size() == 1) return escape_bytes(alternatives.front());
  std::string text;
  for (const std::string& word : alternatives) text.append(text.empty() ? "(" : "|").append(escape_bytes(word));
  return text.append(")");
}

Status check_rule_examples(const CommandRule& rule) {
  for (const std::vector<std::string>& example : rule.examples_matching)
    if (!matches(rule, example))
      return fail("the rule '" + rule.text() + "' does not match its example '" + joined(example) + "'");
  for (const std::vector<std::string>& example : rule.examples_not_matching)
    if (matches(rule, example))
      return fail("the rule '" + rule.text() + "' matches '" + joined(example) + "', which its 'not_match' excludes");
  return {};
}

}  // namespace

std::string CommandRule::text() const {
  std::string text(effect_name(effect));
  text.append(" ").append(escape_bytes(program));
  if (match == ArgumentMatch::kContains) text.append(" …");
  for (const ArgumentAlternatives& alternatives : arguments) text.append(" ").append(alternatives_text(alternatives));
  if (match != ArgumentMatch::kExact) text.append(" …");
  return text;
}

CommandDecision decide_command(std::span<const CommandRule> rules, std::span<const std::string> argv) {
  CommandDecision decision;
  for (const CommandRule& rule : rules) {
    if (decision.rule != nullptr && rule.effect <= decision.effect) continue;
    if (matches(rule, argv)) decision = {rule.effect, &rule};
  }
  return decision;
}

bool is_ruled(std::span<const CommandRule> rules, std::string_view program) {
  return std::any_of(rules.begin(), rules.end(), [&](const CommandRule& rule) { return names_program(rule, program); });
}

Status check_examples(std::span<const CommandRule> rules) {
  for (const CommandRule& rule : rules) WRIT_TRY(check_rule_examples(rule));
  return {};
}

Result<std::vector<std::string>> split_words(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  char quotation = '\0';
  for (const char c : text) {
    if (quotation != '\0') {
      if (c == quotation)
        quotation = '\0';
      else
        words.back().push_back(c);
      continue;
    }
    if (c == ' ') {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (c == '\'' || c == '"')
      quotation = c;
    else
      words.back().push_back(c);
  }
  if (quotation != '\0') return fail("the command " + quote_bytes(text, 200) + " has an open quotation mark");
  return words;
}

}  // namespace writ
