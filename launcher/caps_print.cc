#include "launcher/caps_print.h"

#include <array>
#include <ctime>
#include <string_view>

#include "broker/base/escape.h"
#include "broker/base/json_text.h"
#include "broker/capability/capability_json.h"

namespace writ {
namespace {

constexpr std::size_t kLabelWidth = 13;

std::string line(std::string_view label, const std::string& text) {
  std::string labelled = "  ";
  labelled.append(label).append(kLabelWidth - std::min(kLabelWidth - 1, label.size()), ' ');
  return labelled + text + "\n";
}

// UTC, so that it means the same wherever it is read.
std::string time_text(WallMilliseconds time) {
  constexpr WallMilliseconds kPerSecond = 1000;
  const std::time_t seconds = time / kPerSecond;
  std::tm parts{};
  std::array<char, 40> text{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return std::to_string(time);
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return {text.data(), size};
}

Tint tint_of(Effect effect) {
  constexpr std::array<Tint, 3> kTints = {Tint::kGood, Tint::kWarning, Tint::kBad};
  return kTints[static_cast<std::size_t>(effect)];
}

std::string authority_text(const Capability& capability, Colour colour) {
  return painted(effect_name(capability.effect), tint_of(capability.effect), colour) + " " +
         capability_rights_text(capability.rights) + " on " + escape_bytes(capability.resource.text());
}

std::string_view standing_text(CapabilityStanding standing) {
  return kStandingTexts[static_cast<std::size_t>(standing)];
}
std::string_view standing_name(CapabilityStanding standing) {
  return kStandingNames[static_cast<std::size_t>(standing)];
}

std::string limits_text(const Capability& capability) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (capability.uses_remaining) add("uses left: " + std::to_string(*capability.uses_remaining));
  if (capability.expires_at) add("expires " + time_text(*capability.expires_at));
  if (capability.delegable) add("delegable");
  if (!capability.revocable) add("not revocable");
  if (!capability.constraints.rules.empty()) add("rules: " + std::to_string(capability.constraints.rules.size()));
  if (capability.constraints.binding) add("approves one effect");
  return text;
}

std::string short_text(const ShownCapability& shown, Colour colour) {
  const Capability& capability = shown.capability;
  std::string text = painted(id_text(capability.id), Tint::kStrong, colour) + "  " + capability.subject.text() +
                     "\n  " + authority_text(capability, colour);
  if (const std::string limits = limits_text(capability); !limits.empty()) text += "  (" + limits + ")";
  if (shown.standing != CapabilityStanding::kCounts)
    text += "  " + painted(standing_text(shown.standing), Tint::kWarning, colour);
  return text + "\n";
}

std::string doubts_text(const std::vector<StoredReservation>& in_doubt) {
  if (in_doubt.empty()) return {};
  std::string text = "\nin flight when their process ended; they count as done and are not begun anew:\n";
  for (const StoredReservation& each : in_doubt)
    text += "  " + id_text(each.id) + "  " + escape_bytes(each.intent) + "\n";
  return text;
}

std::string rule_text(const AuthorityRule& rule) {
  std::string text = std::string(effect_name(rule.effect)) + " " + escape_bytes(rule.operation);
  if (rule.conditions.arguments)
    for (const std::string& word : *rule.conditions.arguments) text += " " + quote_bytes(word, 80);
  return text + " (" + escape_bytes(rule.id) + ")";
}

JsonObject full_json(const ShownCapability& shown) {
  JsonObject object = capability_json(shown.capability);
  object.set("standing", standing_name(shown.standing));
  return object;
}

JsonArray considered_json(const std::vector<ConsideredCapability>& all) {
  JsonArray array;
  for (const ConsideredCapability& each : all) {
    JsonObject object;
    object.set("cap_id", id_text(each.id)).set("effect", effect_name(each.effect));
    object.set("standing", standing_name(each.standing));
    if (!each.rule.empty()) object.set("rule_id", escape_bytes(each.rule));
    array.add(std::move(object));
  }
  return array;
}

std::string_view reason_text(DecisionReason reason) {
  constexpr std::array<std::string_view, 5> kTexts = {
      "no capability allows it, and what is not allowed is denied", "a capability denies it, which beats all others",
      "a capability wants somebody asked, and no approval is for exactly this", "a capability allows it",
      "an approval for exactly this answers what would be asked"};
  return kTexts[static_cast<std::size_t>(reason)];
}

// "cap_… from user:0", each below the one that it comes from.
std::string chain_text(const std::vector<Capability>& chain, Colour colour) {
  std::string text;
  for (const Capability& each : chain) {
    text += line(text.empty() ? "by" : "part of", id_text(each.id) + "  " + authority_text(each, colour));
    text +=
        line("", "for " + each.subject.text() + ", from " + each.issued_by.text() + ", " + time_text(each.issued_at));
  }
  return text;
}

}  // namespace

std::string caps_list_text(const std::vector<ShownCapability>& shown, const std::vector<StoredReservation>& in_doubt,
                           Colour colour) {
  std::string text;
  for (const ShownCapability& each : shown) text += short_text(each, colour);
  if (shown.empty()) text = "there are no capabilities\n";
  return text + doubts_text(in_doubt);
}

std::string caps_list_json(const std::vector<ShownCapability>& shown, const std::vector<StoredReservation>& in_doubt) {
  JsonArray capabilities;
  for (const ShownCapability& each : shown) capabilities.add(full_json(each));
  JsonArray doubts;
  for (const StoredReservation& each : in_doubt) {
    JsonObject doubt;
    doubt.set("reservation_id", id_text(each.id)).set("cap_id", id_text(each.capability));
    const Result<JsonValue> intent = parse_json(each.intent);
    doubt.set("intent", intent ? *intent : JsonValue(escape_bytes(each.intent)));
    doubts.add(std::move(doubt));
  }
  JsonObject list;
  list.set("schema", "writ.caps.list").set("schema_version", 1);
  list.set("capabilities", std::move(capabilities)).set("in_doubt", std::move(doubts));
  return JsonValue(std::move(list)).to_text(2) + "\n";
}

std::string capability_text(const ShownCapability& shown, Colour colour) {
  const Capability& capability = shown.capability;
  std::string text = painted(id_text(capability.id), Tint::kStrong, colour) + "\n";
  text += line("subject", capability.subject.text()) + line("authority", authority_text(capability, colour));
  text += line("standing", std::string(standing_text(shown.standing)));
  text += line("issued", time_text(capability.issued_at) + " by " + capability.issued_by.text());
  if (capability.issuer_capability) text += line("by right of", id_text(*capability.issuer_capability));
  if (capability.parent) text += line("part of", id_text(*capability.parent));
  if (const std::string limits = limits_text(capability); !limits.empty()) text += line("limits", limits);
  text += line("depth", std::to_string(capability.delegation_depth) + " of at most " +
                            std::to_string(capability.max_delegation_depth));
  for (const AuthorityRule& rule : capability.constraints.rules) text += line("rule", rule_text(rule));
  if (const auto& binding = capability.constraints.binding)
    text += line("approves", escape_bytes(binding->effect_id) + ", arguments " + binding->argument_hash);
  if (capability.constraints.has_unknown) text += line("constraints", "one that this Writ does not know");
  for (const auto& [key, value] : capability.metadata) text += line(escape_bytes(key, 40), escape_bytes(value));
  return text;
}

std::string shown_capability_json(const ShownCapability& shown, std::optional<JsonArray> runs) {
  JsonObject object;
  object.set("schema", "writ.caps.capability").set("schema_version", 1);
  object.set("capability", full_json(shown));
  if (runs) object.set("runs", std::move(*runs));
  return JsonValue(std::move(object)).to_text(2) + "\n";
}

std::string explanation_text(const ShownExplanation& shown, Colour colour) {
  const CapabilityRequest& request = shown.request;
  const CapabilityDecision& decision = shown.explanation.decision;
  std::string text = painted(effect_name(decision.effect), tint_of(decision.effect), colour) + ": " +
                     request.subject.text() + " " + std::string(capability_right_name(request.right)) + " " +
                     escape_bytes(request.resource.text()) + "\n";
  text += line("because", std::string(reason_text(decision.reason))) + chain_text(shown.chain, colour);
  if (decision.consumes) text += line("uses up", "one use of " + id_text(*decision.consumes));
  for (const ConsideredCapability& each : decision.matched)
    if (each.id.high != decision.selected->high || each.id.low != decision.selected->low)
      text += line("also", id_text(each.id) + "  says " + std::string(effect_name(each.effect)));
  for (const ConsideredCapability& each : shown.explanation.passed_over)
    text += line("not counted", id_text(each.id) + "  " + std::string(standing_text(each.standing)));
  return text;
}

std::string explanation_json(const ShownExplanation& shown) {
  const CapabilityRequest& request = shown.request;
  const CapabilityDecision& decision = shown.explanation.decision;
  JsonObject object;
  object.set("schema", "writ.caps.explain").set("schema_version", 1).set("subject", request.subject.text());
  object.set("right", capability_right_name(request.right)).set("resource", request.resource.text());
  object.set("decision", effect_name(decision.effect));
  object.set("reason", kDecisionReasonNames[static_cast<std::size_t>(decision.reason)]);
  object.set("selected", decision.selected ? JsonValue(id_text(*decision.selected)) : JsonValue());
  object.set("consumes", decision.consumes ? JsonValue(id_text(*decision.consumes)) : JsonValue());
  JsonArray chain;
  for (const Capability& each : shown.chain) chain.add(capability_json(each));
  object.set("chain", std::move(chain)).set("matched", considered_json(decision.matched));
  object.set("passed_over", considered_json(shown.explanation.passed_over));
  return JsonValue(std::move(object)).to_text(2) + "\n";
}

}  // namespace writ
