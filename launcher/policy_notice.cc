#include "launcher/policy_notice.h"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <variant>

#include "broker/base/json_text.h"

namespace writ {
namespace {

constexpr std::int64_t kNoticeSchema = 1;
constexpr std::size_t kNoticeLimit = std::size_t{256} << 10;  // bytes; it lies in the view's root, which has 1 MiB

std::string resource_text(const ResourcePattern& resource) {
  return std::visit([](const auto& pattern) { return pattern.text(); }, resource);
}

JsonValue rights_json(Rights rights) {
  JsonArray names;
  for (std::size_t i = 0; i < kRightCount; ++i)
    if (rights.has(static_cast<Right>(i))) names.add(kRightNames[i]);
  return names;
}

JsonValue rule_json(const Rule& rule) {
  JsonObject object;
  object.set("effect", effect_name(rule.effect));
  object.set("rights", rights_json(rule.rights));
  object.set(std::holds_alternative<PathPattern>(rule.resource) ? "path" : "address", resource_text(rule.resource));
  if (!rule.reason.empty()) object.set("reason", rule.reason);
  return object;
}

JsonValue command_json(const CommandRule& rule) {
  JsonObject object;
  object.set("effect", effect_name(rule.effect));
  object.set("command", rule.text());
  if (!rule.reason.empty()) object.set("reason", rule.reason);
  return object;
}

JsonObject notice_head(const Profile& policy) {
  JsonObject notice;
  notice.set("schema", kNoticeSchema);
  notice.set("profile", policy.name);
  return notice;
}

}  // namespace

std::string policy_notice(const Profile& policy) {
  if (policy.rules.empty() && policy.commands.empty()) return {};
  JsonArray rules;
  for (const Rule& rule : policy.rules) rules.add(rule_json(rule));
  JsonArray commands;
  for (const CommandRule& rule : policy.commands) commands.add(command_json(rule));
  JsonObject notice = notice_head(policy);
  notice.set("rules", std::move(rules));
  notice.set("commands", std::move(commands));
  std::string text = JsonValue(std::move(notice)).to_text(2) + "\n";
  if (text.size() <= kNoticeLimit) return text;
  JsonObject head = notice_head(policy);
  head.set("omitted", static_cast<std::int64_t>(policy.rules.size() + policy.commands.size()));
  return JsonValue(std::move(head)).to_text(2) + "\n";
}

}  // namespace writ
