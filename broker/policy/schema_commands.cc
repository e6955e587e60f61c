// `commands:` and `tests:` of the profile schema.
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "broker/base/escape.h"
#include "broker/policy/profile_values.h"
#include "broker/policy/schema_sections.h"

namespace writ {
namespace {

constexpr std::array<std::string_view, 9> kCommandKeys = {"program", "exact",  "prefix", "contains", "effect",
                                                          "profile", "reason", "match",  "not_match"};

struct ArgumentKey {
  std::string_view key;
  ArgumentMatch match;
};
constexpr auto kArgumentKeys = std::to_array<ArgumentKey>(
    {{"exact", ArgumentMatch::kExact}, {"prefix", ArgumentMatch::kPrefix}, {"contains", ArgumentMatch::kContains}});

Result<std::string> read_argument(const SchemaValue& value) {
  WRIT_ASSIGN(const std::string_view text, read_free_text(value));
  return std::string(text);
}

Status read_words(const SchemaValue& value, std::vector<std::string>& words) {
  return for_each_item(value, [&](const SchemaValue& item) -> Status {
    WRIT_ASSIGN(std::string word, read_argument(item));
    words.push_back(std::move(word));
    return {};
  });
}

// A word, or a list of alternatives.
Result<ArgumentAlternatives> read_alternatives(const SchemaValue& value) {
  ArgumentAlternatives alternatives;
  if (value.node.kind != YamlKind::kSequence) {
    WRIT_ASSIGN(std::string word, read_argument(value));
    alternatives.push_back(std::move(word));
    return alternatives;
  }
  WRIT_TRY(read_words(value, alternatives));
  if (alternatives.empty()) return value.refuse("an empty list of alternatives matches nothing");
  return alternatives;
}

Status read_argument_list(const SchemaValue& value, CommandRule& rule) {
  WRIT_TRY(for_each_item(value, [&](const SchemaValue& item) -> Status {
    WRIT_ASSIGN(ArgumentAlternatives alternatives, read_alternatives(item));
    const bool is_one_set = rule.match == ArgumentMatch::kContains && !rule.arguments.empty();
    if (is_one_set)
      rule.arguments.front().insert(rule.arguments.front().end(), alternatives.begin(), alternatives.end());
    else
      rule.arguments.push_back(std::move(alternatives));
    return {};
  }));
  if (rule.match != ArgumentMatch::kExact && rule.arguments.empty())
    return value.refuse("'" + value.node.key + "' is empty: leave it out to mean any arguments");
  return {};
}

// "git push" or [git, push].
Result<std::vector<std::string>> read_command(const SchemaValue& value) {
  std::vector<std::string> words;
  if (value.node.kind == YamlKind::kSequence) {
    WRIT_TRY(read_words(value, words));
  } else {
    WRIT_ASSIGN(const std::string_view text, read_text(value));
    Result<std::vector<std::string>> split = split_words(text);
    if (!split) return value.refuse(split.error().what);
    words = std::move(*split);
  }
  if (words.empty()) return value.refuse("an empty command");
  return words;
}

Status read_examples(const SchemaValue& rule, std::string_view key, std::vector<std::vector<std::string>>& examples) {
  const YamlNode* node = rule.node.find(key);
  if (node == nullptr) return {};
  return for_each_item(rule.child(*node), [&](const SchemaValue& item) -> Status {
    WRIT_ASSIGN(std::vector<std::string> words, read_command(item));
    examples.push_back(std::move(words));
    return {};
  });
}

Status read_command_texts(const SchemaValue& value, CommandRule& rule) {
  if (const YamlNode* reason = value.node.find("reason")) {
    WRIT_ASSIGN(rule.reason, read_text(value.child(*reason)));
  }
  const YamlNode* profile = value.node.find("profile");
  if (profile == nullptr) return {};
  WRIT_ASSIGN(rule.profile, read_text(value.child(*profile)));
  if (!is_profile_name(rule.profile))
    return value.child(*profile).refuse("the profile name " + quote_bytes(rule.profile, 80) +
                                        " must be made of a-z, 0-9 and '-' (at most 40)");
  if (rule.effect == Effect::kDeny)
    return value.child(*profile).refuse_key("'profile' says where a command runs; this rule denies it");
  return {};
}

Result<DraftCommand> read_command_rule(const SchemaValue& value) {
  WRIT_TRY(check_keys(value, kCommandKeys));
  DraftCommand draft;
  CommandRule& rule = draft.rule;
  rule.origin = rule_origin(value.origin());
  const YamlNode* program = value.node.find("program");
  const YamlNode* effect = value.node.find("effect");
  if (program == nullptr) return value.refuse("this command rule has no 'program'");
  if (effect == nullptr) return value.refuse("this command rule has no 'effect'");
  WRIT_ASSIGN(draft.program, read_path_text(value.child(*program)));
  WRIT_TRY(read_effect(value.child(*effect), rule.effect));
  WRIT_TRY(read_command_arguments(value, rule));
  WRIT_TRY(read_command_texts(value, rule));
  WRIT_TRY(read_examples(value, "match", rule.examples_matching));
  WRIT_TRY(read_examples(value, "not_match", rule.examples_not_matching));
  return draft;
}

// ---- tests
// -----------------------------------------------------------------------------------------------------------

constexpr std::array<std::string_view, 8> kCaseKeys = {"read",    "write", "execute", "list",
                                                       "connect", "bind",  "exec",    "expect"};

// The action of a case: the one key that is not `expect`.
Result<SchemaValue> find_action(const SchemaValue& value) {
  const YamlNode* action = nullptr;
  for (const YamlNode& entry : value.node.children) {
    if (entry.key == "expect") continue;
    if (action != nullptr) return value.child(entry).refuse_key("a case has one action: write two cases");
    action = &entry;
  }
  if (action == nullptr) return value.refuse("this case has no action: add 'read', 'write', 'connect', 'exec', …");
  return value.child(*action);
}

Status read_target(const SchemaValue& action, DraftCase& draft) {
  PolicyCase& policy_case = draft.policy_case;
  const std::optional<Right> right = right_from_name(action.node.key);
  if (!right) {
    WRIT_ASSIGN(policy_case.command, read_command(action));
    for (const std::string& word : policy_case.command)
      policy_case.target.append(policy_case.target.empty() ? "" : " ").append(word);
    return {};
  }
  policy_case.rights = {*right};
  if (kPathRights.has(*right)) {
    WRIT_ASSIGN(draft.target, read_path_text(action));
    return {};
  }
  WRIT_ASSIGN(policy_case.target, read_text(action));
  const Result<Address> address = Address::parse(policy_case.target);
  if (!address) return action.refuse(address.error().what);
  return {};
}

Result<DraftCase> read_case(const SchemaValue& value) {
  WRIT_TRY(check_keys(value, kCaseKeys));
  DraftCase draft;
  draft.policy_case.origin = rule_origin(value.origin());
  const YamlNode* expected = value.node.find("expect");
  if (expected == nullptr) return value.refuse("this case has no 'expect'");
  WRIT_TRY(read_effect(value.child(*expected), draft.policy_case.expected));
  WRIT_ASSIGN(const SchemaValue action, find_action(value));
  WRIT_TRY(read_target(action, draft));
  return draft;
}

}  // namespace

Status read_command_arguments(const SchemaValue& value, CommandRule& rule) {
  for (const ArgumentKey& entry : kArgumentKeys) {
    const YamlNode* node = value.node.find(entry.key);
    if (node == nullptr) continue;
    if (rule.match != ArgumentMatch::kAny)
      return value.child(*node).refuse_key("a command rule has one of 'exact', 'prefix' and 'contains'");
    rule.match = entry.match;
    WRIT_TRY(read_argument_list(value.child(*node), rule));
  }
  return {};
}

std::span<const std::string_view> command_keys() { return kCommandKeys; }
std::span<const std::string_view> case_keys() { return kCaseKeys; }

Status read_commands(const SchemaValue& value, ProfileDraft& draft) {
  return for_each_item(value, [&](const SchemaValue& item) -> Status {
    WRIT_ASSIGN(DraftCommand command, read_command_rule(item));
    draft.commands.push_back(std::move(command));
    return {};
  });
}

Status read_tests(const SchemaValue& value, ProfileDraft& draft) {
  return for_each_item(value, [&](const SchemaValue& item) -> Status {
    WRIT_ASSIGN(DraftCase policy_case, read_case(item));
    draft.tests.push_back(std::move(policy_case));
    return {};
  });
}

}  // namespace writ
