#include "launcher/profile_explain.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/base/escape.h"
#include "broker/base/json_text.h"
#include "broker/policy/access_policy.h"
#include "broker/policy/rule_lowering.h"
#include "broker/sandbox/launch.h"
#include "launcher/mechanism_words.h"
#include "launcher/message.h"
#include "launcher/profile_outline.h"
#include "launcher/profile_provenance.h"
#include "launcher/profile_reading.h"
#include "launcher/rule_json.h"

namespace writ {
namespace {

constexpr std::size_t kRuleWidth = 50;
constexpr std::size_t kNameWidth = 20;
constexpr std::size_t kMechanismWidth = 60;

std::string padded(std::string text, std::size_t width) {
  // Characters, not bytes: continuation bytes of UTF-8 take no column.
  const auto columns = static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u; }));
  text.append(columns < width ? width - columns : 0, ' ');
  return text + "  ";
}

// Rules that every profile has, or that come in long lists, are counted unless all are asked for.
enum class RuleGroup : std::uint8_t { kWritten, kSecret, kProtected, kBuiltIn };
inline constexpr std::array<std::string_view, 4> kRuleGroupNames = {"written", "secret", "protected", "built_in"};

// Everything that is explained, before it is text or JSON.
struct Explanation {
  const ReadProfile* read;
  AccessPolicy policy;
  Lowering lowering;
  OutlineContext context;

  [[nodiscard]] const Rule& rule(const EnforcedRule& enforced) const { return policy.rules()[enforced.rule]; }
  [[nodiscard]] RuleGroup group_of(const Rule& rule) const {
    if (rule.origin.line != 0) return RuleGroup::kWritten;
    const auto* path = std::get_if<PathPattern>(&rule.resource);
    if (path == nullptr || rule.effect != Effect::kDeny) return RuleGroup::kBuiltIn;
    switch (policy.decide_path(rule.rights, path->path).cause) {
      case DecisionCause::kSecret:
        return RuleGroup::kSecret;
      case DecisionCause::kProtected:
        return RuleGroup::kProtected;
      default:
        return RuleGroup::kWritten;
    }
  }
};

Result<Explanation> explain(const ReadProfile& read, const ProfileReading& reading) {
  WRIT_ASSIGN(Lowering lowering, lower_rules(read.profile));
  return Explanation{&read, AccessPolicy::compile(read.profile), std::move(lowering),
                     outline_context(reading.context())};
}

class ExplanationText {
 public:
  ExplanationText(const Explanation& explanation, Detail detail, Colour colour)
      : explanation_(explanation), profile_(explanation.read->profile), detail_(detail), colour_(colour) {}

  std::string take() {
    text_ = painted(escape_bytes(profile_.name), Tint::kStrong, colour_);
    text_ += profile_.description.empty() ? "\n" : ": " + escape_bytes(profile_.description) + "\n";
    add_rules();
    add_commands();
    add_limits();
    add_layers();
    add_rest();
    add_costs();
    add_warnings();
    return std::move(text_);
  }

 private:
  void heading(std::string_view words) { text_ += "\n" + painted(words, Tint::kStrong, colour_) + "\n"; }

  void add_rules() {
    heading("Files and addresses");
    std::array<std::size_t, kRuleGroupNames.size()> counted{};
    for (const EnforcedRule& enforced : explanation_.lowering.enforced) {
      const Rule& rule = explanation_.rule(enforced);
      const RuleGroup group = explanation_.group_of(rule);
      if (group == RuleGroup::kWritten || detail_ == Detail::kEverything)
        add_rule(rule.text(), enforced.mechanism, rule.origin);
      else
        ++counted[static_cast<std::size_t>(group)];
    }
    add_count(counted[1], "deny % places for secrets", "covered inside of a granted tree, otherwise not in the view");
    add_count(counted[2], "deny write to % protected names",
              "read-only mounts over them; new ones are put into quarantine");
    add_count(counted[3], "allow % places of the sandbox itself", "private /tmp, /dev, /proc, loopback");
    if (detail_ == Detail::kSummary) text_ += "  (--all shows each of them)\n";
  }

  // `what` with the number in the place of its %.
  void add_count(std::size_t number, std::string what, std::string_view how) {
    if (number == 0) return;
    what.replace(what.find('%'), 1, std::to_string(number));
    text_.append("  ").append(padded(what, kRuleWidth)).append(how).append("\n");
  }

  void add_rule(const std::string& rule, Mechanism mechanism, const RuleOrigin& origin) {
    used_.insert(mechanism);
    const std::string words(mechanism_text(mechanism));
    const std::string shown = mechanism == Mechanism::kNotInForce ? painted(words, Tint::kWarning, colour_) : words;
    text_ += "  " + padded(rule, kRuleWidth) + shown;
    if (origin.line != 0) text_ += painted("  [" + place_text(profile_, origin) + "]", Tint::kFaint, colour_);
    text_ += "\n";
  }

  void add_commands() {
    if (profile_.commands.empty()) return;
    heading("Commands");
    for (const CommandRule& rule : profile_.commands) add_rule(rule.text(), mechanism_of(rule), rule.origin);
  }

  void add_limits() {
    heading("Limits");
    for (const OutlineEntry& entry : outline_profile(profile_, explanation_.context)) {
      if (entry.section != "limits") continue;
      const auto& words = limit_words();
      const auto found =
          std::find_if(words.begin(), words.end(), [&](const LimitWords& w) { return w.key == entry.key; });
      if (entry.value == "none" || found == words.end()) continue;
      text_ += "  " + padded(entry.key, kNameWidth) + padded(entry.value, 8) + std::string(found->mechanism) + "\n";
    }
  }

  void add_layers() {
    heading("Layers");
    for (const LayerName& layer : kLayerNames) {
      const bool preferred = profile_.requirement(layer.layer) == Requirement::kPrefer;
      text_ += "  " + padded(std::string(layer.name), kNameWidth) + padded(preferred ? "prefer" : "require", 8) +
               std::string(layer.purpose) + "\n" + std::string(kNameWidth + 14, ' ') +
               painted(layer_cost(layer.layer), Tint::kFaint, colour_) + "\n";
    }
  }

  void add_rest() {
    heading("Environment and system calls");
    const SyscallPolicy& syscalls = profile_.syscalls;
    text_ += "  " + padded("environment", kNameWidth) + std::to_string(profile_.environment.pass.size()) +
             " names passed, " + std::to_string(profile_.environment.set.size()) +
             " set; made before the program starts\n";
    text_ += "  " + padded("system calls", kNameWidth) +
             (syscalls.base == SyscallBase::kStrict ? "strict" : "standard") + ", " +
             std::to_string(syscalls.allow.size()) + " added, " + std::to_string(syscalls.deny.size()) +
             " taken away; a seccomp filter\n";
  }

  void add_costs() {
    heading("What the mechanisms cost");
    for (const Mechanism mechanism : used_)
      text_ += "  " + padded(std::string(mechanism_text(mechanism)), kMechanismWidth) +
               std::string(mechanism_cost(mechanism)) + "\n";
  }

  void add_warnings() {
    if (explanation_.lowering.warnings.empty()) return;
    heading("Not in force");
    for (const std::string& warning : explanation_.lowering.warnings)
      text_ += "  " + painted(escape_bytes(warning), Tint::kWarning, colour_) + "\n";
  }

  const Explanation& explanation_;
  const Profile& profile_;
  Detail detail_;
  Colour colour_;
  std::string text_;
  std::set<Mechanism> used_;
};

JsonArray rules_json(const Explanation& explanation) {
  JsonArray rules;
  for (const EnforcedRule& enforced : explanation.lowering.enforced) {
    const Rule& rule = explanation.rule(enforced);
    JsonObject object = rule_json(explanation.read->profile, rule);
    object.set("mechanism", mechanism_name(enforced.mechanism)).set("cost", mechanism_cost(enforced.mechanism));
    object.set("in_force", enforced.mechanism != Mechanism::kNotInForce)
        .set("group", kRuleGroupNames[static_cast<std::size_t>(explanation.group_of(rule))]);
    rules.add(std::move(object));
  }
  return rules;
}

JsonValue explanation_json(const Explanation& explanation) {
  const Profile& profile = explanation.read->profile;
  JsonArray commands;
  for (const CommandRule& rule : profile.commands)
    commands.add(command_rule_json(profile, rule).set("mechanism", mechanism_name(mechanism_of(rule))));
  JsonArray layers;
  for (const LayerName& layer : kLayerNames)
    layers.add(JsonObject()
                   .set("layer", layer.name)
                   .set("required", profile.requirement(layer.layer) == Requirement::kRequire)
                   .set("purpose", layer.purpose)
                   .set("cost", layer_cost(layer.layer)));
  JsonArray limits;
  for (const LimitWords& words : limit_words())
    limits.add(JsonObject().set("limit", words.key).set("mechanism", words.mechanism).set("cost", words.cost));
  JsonArray warnings;
  for (const std::string& warning : explanation.lowering.warnings) warnings.add(escape_bytes(warning));
  JsonObject object;
  object.set("schema", "writ.profile.explain").set("schema_version", 1).set("name", profile.name);
  object.set("rules", rules_json(explanation)).set("commands", std::move(commands));
  object.set("limits", std::move(limits)).set("layers", std::move(layers)).set("not_in_force", std::move(warnings));
  return object;
}

}  // namespace

int run_profile_explain(const ProfileOptions& options) {
  const std::optional<ProfileReading> reading = start_or_complain(options);
  if (!reading) return kExitWritFailed;
  const std::optional<ReadProfile> read = read_or_complain(*reading, options.names.front());
  if (!read) return kExitWritFailed;
  Result<Explanation> explanation = explain(*read, *reading);
  if (!explanation) {
    print_message(explanation.error().describe());
    return kExitWritFailed;
  }
  if (options.format == OutputFormat::kJson) return print_result(explanation_json(*explanation).to_text(2) + "\n", 0);
  return print_result(ExplanationText(*explanation, options.detail, colour_for_standard_output()).take(), 0);
}

}  // namespace writ
