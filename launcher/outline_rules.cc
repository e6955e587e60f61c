#include "launcher/outline_rules.h"

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

std::string rights_yaml(Rights rights) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kRightCount; ++i)
    if (rights.has(static_cast<Right>(i))) names.emplace_back(kRightNames[i]);
  return flow_list(names);
}

std::string case_yaml(const PolicyCase& policy_case) {
  // text() is escaped for people; the file needs the target itself.
  const std::string action = policy_case.rights.empty() ? "exec" : rights_text(policy_case.rights);
  return yaml_text(action + " " + policy_case.target + " → " + std::string(effect_name(policy_case.expected)));
}

}  // namespace

std::string rule_yaml(const Rule& rule) {
  FlowMapping mapping;
  mapping.set("effect", std::string(effect_name(rule.effect)));
  mapping.set("rights", rights_yaml(rule.rights));
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
  mapping.set("program", yaml_text(rule.program));
  if (!rule.profile.empty()) mapping.set("profile", rule.profile);
  if (!rule.reason.empty()) mapping.set("reason", yaml_text(rule.reason));
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
