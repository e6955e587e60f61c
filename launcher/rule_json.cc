#include "launcher/rule_json.h"

#include "broker/base/escape.h"

namespace writ {
namespace {

JsonArray rights_json(Rights rights) {
  JsonArray list;
  for (std::size_t i = 0; i < kRightCount; ++i)
    if (rights.has(static_cast<Right>(i))) list.add(kRightNames[i]);
  return list;
}

void set_reason(JsonObject& object, const std::string& reason) {
  if (!reason.empty()) object.set("reason", escape_bytes(reason));
}

}  // namespace

void set_origin(JsonObject& object, const Profile& profile, const RuleOrigin& origin) {
  if (origin.line == 0 || origin.source >= profile.sources.size()) return;
  object.set("file", escape_bytes(profile.sources[origin.source])).set("line", origin.line);
}

JsonObject rule_json(const Profile& profile, const Rule& rule) {
  JsonObject object;
  object.set("text", rule.text()).set("effect", effect_name(rule.effect));
  object.set("rights", rights_json(rule.rights));
  if (const auto* path = std::get_if<PathPattern>(&rule.resource)) object.set("path", escape_bytes(path->text()));
  if (const auto* address = std::get_if<AddressPattern>(&rule.resource))
    object.set("address", escape_bytes(address->text()));
  set_reason(object, rule.reason);
  set_origin(object, profile, rule.origin);
  return object;
}

JsonObject command_rule_json(const Profile& profile, const CommandRule& rule) {
  JsonObject object;
  object.set("text", rule.text()).set("effect", effect_name(rule.effect));
  object.set("program", escape_bytes(rule.program));
  if (!rule.profile.empty()) object.set("profile", rule.profile);
  set_reason(object, rule.reason);
  set_origin(object, profile, rule.origin);
  return object;
}

JsonObject case_json(const Profile& profile, const PolicyCase& policy_case) {
  JsonObject object;
  object.set("text", policy_case.text()).set("expected", effect_name(policy_case.expected));
  set_origin(object, profile, policy_case.origin);
  return object;
}

}  // namespace writ
