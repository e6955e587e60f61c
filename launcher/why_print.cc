#include "launcher/why_print.h"

#include <array>
#include <string_view>

#include "broker/base/escape.h"
#include "broker/base/json_text.h"
#include "launcher/mechanism_words.h"

namespace writ {
namespace {

// What made the decision where no rule of a file did.
constexpr std::array<std::string_view, 7> kCauseTexts = {
    "",
    "a place for secrets that nothing names exactly",
    "a place that filesystem.hide takes out of the view",
    "a protected name in a writable tree (filesystem.protect)",
    "no rule speaks of it, and what is not allowed is denied",
    "",
    "the sandbox has a place of its own there; what the host has there is not visible",
};

constexpr std::string_view kIndent = "  ";
constexpr std::size_t kLabelWidth = 13;

std::string labelled(std::string_view label, const std::string& text) {
  std::string line(kIndent);
  line.append(label).append(kLabelWidth - std::min(kLabelWidth - 1, label.size()), ' ');
  return line + text + "\n";
}

Tint tint_of(Effect effect) {
  constexpr std::array<Tint, 3> kTints = {Tint::kGood, Tint::kWarning, Tint::kBad};
  return kTints[static_cast<std::size_t>(effect)];
}

std::string rule_line(const WhyDecision& decision) {
  std::string text = decision.rule;
  if (!decision.place.empty()) text += "  [" + decision.place + "]";
  return text;
}

std::string indented(const std::string& yaml) { return std::string(kIndent) + std::string(kIndent) + yaml; }

std::string change_text(const WhyChange& change, std::string_view list) {
  std::string text;
  if (!change.advice.empty()) text += labelled("to change it", change.advice + (change.yaml.empty() ? "" : ":"));
  if (!change.yaml.empty()) {
    if (!list.empty()) text += indented(std::string(list) + ":") + "\n";
    text += indented(std::string(list.empty() ? "" : "  - ") + change.yaml) + "\n";
  }
  if (!change.option.empty()) text += labelled("or once", "writ run " + change.option);
  return text;
}

// The key below which a proposed rule is pasted; a whole line of its own needs none.
std::string_view list_of(const WhyRow& row) {
  if (row.change.yaml.starts_with("network:")) return {};
  return row.answer.decision.cause == WhyCause::kCommand ? "commands" : "rules";
}

std::string row_text(const WhyRow& row, Colour colour) {
  const WhyDecision& decision = row.answer.decision;
  std::string text = painted(effect_name(decision.effect), tint_of(decision.effect), colour) + ": " + row.action + " " +
                     escape_bytes(row.target) + "\n";
  if (!row.resolved.empty()) text += labelled("resolves to", escape_bytes(row.resolved));
  if (!row.exists && decision.cause != WhyCause::kSandbox)
    text += labelled("note", "there is no such file on this host");
  text += labelled("decided by", row.answer.decided_by);
  if (const std::string rule = rule_line(decision); !rule.empty()) text += labelled("rule", rule);
  const bool is_address = row.action == "connect" || row.action == "bind";
  const bool explained = is_address && decision.cause != WhyCause::kNothing;  // the reason says more
  const std::string_view cause = explained ? "" : kCauseTexts[static_cast<std::size_t>(decision.cause)];
  if (!cause.empty()) text += labelled("because", std::string(cause));
  if (!decision.reason.empty()) text += labelled("reason", escape_bytes(decision.reason));
  text += labelled("enforced by", std::string(mechanism_text(row.answer.mechanism)));
  return text + change_text(row.change, list_of(row));
}

JsonObject row_json(const WhyRow& row) {
  const WhyDecision& decision = row.answer.decision;
  JsonObject object;
  object.set("action", row.action).set("target", escape_bytes(row.target));
  if (!row.resolved.empty()) object.set("resolved", escape_bytes(row.resolved));
  object.set("exists", row.exists).set("decision", effect_name(decision.effect));
  object.set("cause", kWhyCauseNames[static_cast<std::size_t>(decision.cause)]);
  object.set("decided_by", row.answer.decided_by);
  if (row.answer.bound) object.set("bound", *row.answer.bound == BoundKind::kCeiling ? "ceiling" : "manifest");
  if (!decision.rule.empty()) object.set("rule", decision.rule);
  if (!decision.place.empty()) object.set("place", decision.place);
  if (!decision.reason.empty()) object.set("reason", escape_bytes(decision.reason));
  object.set("mechanism", mechanism_name(row.answer.mechanism));
  object.set("enforced_by", mechanism_text(row.answer.mechanism));
  JsonObject change;
  if (!row.change.advice.empty()) change.set("advice", row.change.advice);
  if (!row.change.yaml.empty()) change.set("list", list_of(row)).set("yaml", row.change.yaml);
  if (!row.change.option.empty()) change.set("option", row.change.option);
  object.set("change", std::move(change));
  return object;
}

}  // namespace

std::string why_text(const std::vector<WhyRow>& rows, Colour colour) {
  std::string text;
  for (const WhyRow& row : rows) text += (text.empty() ? "" : "\n") + row_text(row, colour);
  return text;
}

std::string why_json(const std::string& profile, const std::vector<WhyRow>& rows) {
  JsonArray answers;
  for (const WhyRow& row : rows) answers.add(row_json(row));
  JsonObject object;
  object.set("schema", "writ.why").set("schema_version", kWhySchemaVersion);
  object.set("profile", escape_bytes(profile)).set("answers", std::move(answers));
  return JsonValue(std::move(object)).to_text(2) + "\n";
}

}  // namespace writ
