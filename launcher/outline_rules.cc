#include "launcher/outline_rules.h"

#include <array>
#include <string_view>

#include "launcher/yaml_text.h"

namespace writ {
namespace {

// Puts "key: value" entries between braces.
class FlowMapping {
 public:
  void set(std::string_view key, const std::string& value) {
    text_.append(text_.empty() ? "" : ", ").append(key).append(": ").append(value);
  }
  [[nodiscard]] std::string take() const { return "{" + text_ + "}"; }

 private:
  std::string text_;
};

std::string flow_list(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text.append(text.empty() ? "" : ", ").append(item);
  return "[" + text + "]";
}

// Rights that the loader adds by itself are left out: with read comes list, and a denial of read is one of everything.
Rights written_rights(const Rule& rule) {
  if (!rule.rights.has(Right::kRead)) return rule.rights;
  return rule.effect == Effect::kDeny ? Rights{Right::kRead} : without(rule.rights, {Right::kList});
}

std::string rights_yaml(Rights rights) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kRightCount; ++i)
    if (rights.has(static_cast<Right>(i))) names.emplace_back(kRightNames[i]);
  return flow_list(names);
}

std::string words_yaml(const std::vector<std::string>& words) {
  std::vector<std::string> texts;
  texts.reserve(words.size());
  for (const std::string& word : words) texts.push_back(yaml_text(word));
  return flow_list(texts);
}

std::string arguments_yaml(const CommandRule& rule) {
  if (rule.match == ArgumentMatch::kContains) return words_yaml(rule.arguments.front());
  std::vector<std::string> places;
  places.reserve(rule.arguments.size());
  for (const ArgumentAlternatives& place : rule.arguments)
    places.push_back(place.size() == 1 ? yaml_text(place.front()) : words_yaml(place));
  return flow_list(places);
}

void set_examples(FlowMapping& mapping, std::string_view key, const std::vector<std::vector<std::string>>& examples) {
  std::vector<std::string> texts;
  texts.reserve(examples.size());
  for (const std::vector<std::string>& example : examples) texts.push_back(words_yaml(example));
  if (!texts.empty()) mapping.set(key, flow_list(texts));
}

// The action of a case, and what it is about.
std::string case_yaml(const PolicyCase& policy_case) {
  FlowMapping mapping;
  if (policy_case.rights.empty()) mapping.set("exec", words_yaml(policy_case.command));
  for (std::size_t i = 0; i < kRightCount; ++i) {
    const auto right = static_cast<Right>(i);
    if (!policy_case.rights.has(right)) continue;
    const bool is_path = kPathRights.has(right);
    mapping.set(right_name(right), is_path ? yaml_literal(policy_case.target) : yaml_text(policy_case.target));
  }
  mapping.set("expect", std::string(effect_name(policy_case.expected)));
  return mapping.take();
}

}  // namespace

std::string rule_yaml(const Rule& rule) {
  FlowMapping mapping;
  mapping.set("effect", std::string(effect_name(rule.effect)));
  mapping.set("rights", rights_yaml(written_rights(rule)));
  if (const auto* path = std::get_if<PathPattern>(&rule.resource)) mapping.set("path", yaml_literal(path->text()));
  if (const auto* address = std::get_if<AddressPattern>(&rule.resource))
    mapping.set("address", yaml_text(address->text()));
  if (rule.optional) mapping.set("optional", "true");
  if (!rule.reason.empty()) mapping.set("reason", yaml_text(rule.reason));
  return mapping.take();
}

std::string command_rule_yaml(const CommandRule& rule) {
  FlowMapping mapping;
  mapping.set("effect", std::string(effect_name(rule.effect)));
  mapping.set("program", yaml_literal(rule.program));
  constexpr std::array<std::string_view, 4> kKeys = {"", "exact", "prefix",
                                                     "contains"};  // in the order of ArgumentMatch
  if (rule.match != ArgumentMatch::kAny) mapping.set(kKeys[static_cast<std::size_t>(rule.match)], arguments_yaml(rule));
  if (!rule.profile.empty()) mapping.set("profile", rule.profile);
  if (!rule.reason.empty()) mapping.set("reason", yaml_text(rule.reason));
  set_examples(mapping, "match", rule.examples_matching);
  set_examples(mapping, "not_match", rule.examples_not_matching);
  return mapping.take();
}

void outline_rules(const Profile& profile, std::vector<OutlineEntry>& entries) {
  for (const Rule& rule : profile.rules) entries.push_back({"rules", "", rule_yaml(rule), "", rule.origin});
  for (const CommandRule& rule : profile.commands)
    entries.push_back({"commands", "", command_rule_yaml(rule), "", rule.origin});
  for (const PolicyCase& policy_case : profile.tests)
    entries.push_back({"tests", "", case_yaml(policy_case), "", policy_case.origin});
}

}  // namespace writ
