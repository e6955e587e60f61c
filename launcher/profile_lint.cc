#include "launcher/profile_lint.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "broker/base/escape.h"
#include "broker/policy/access_policy.h"
#include "broker/policy/rule_lowering.h"
#include "broker/policy/yaml_document.h"
#include "launcher/profile_provenance.h"

namespace writ {
namespace {

// Each rule that is tried without costs one compilation of the policy.
constexpr std::size_t kTriedRulesLimit = 200;
constexpr std::string_view kSomethingInside = "/\x7F";  // a name that no rule has

// Every text of a document, keys not among them.
void collect_texts(const YamlNode& node, std::string& texts) {
  if (node.kind == YamlKind::kScalar) texts.append(node.text).append("\n");
  for (const YamlNode& child : node.children) collect_texts(child, texts);
}

bool lies_in(std::string_view path, std::string_view tree) {
  return path.starts_with(tree) && (path.size() == tree.size() || path[tree.size()] == '/');
}

class Linter {
 public:
  Linter(const ReadProfile& read, const std::string& home) : read_(read), profile_(read.profile), home_(home) {
    for (const ProfileSource& layer : read.layers)
      if (auto document = parse_yaml(layer.display_name, layer.text)) documents_.push_back(std::move(*document));
  }

  std::vector<LintFinding> lint() {
    find_unused("variables", "unused-variable", [](const std::string& name) { return "${" + name + "}"; });
    find_unused("groups", "unused-group", [](const std::string& name) { return name; });
    find_whole_homes();
    find_rules_without_effect();
    find_missing_reasons();
    find_not_in_force();
    return std::move(findings_);
  }

 private:
  [[nodiscard]] bool is_own(const RuleOrigin& origin) const {
    return origin.line != 0 && origin.source < profile_.sources.size() &&
           profile_.sources[origin.source] == read_.layers.back().display_name;
  }

  void add(std::string_view code, const RuleOrigin& origin, std::string message) {
    findings_.push_back({code, origin.line == 0 ? "" : place_text(profile_, origin), std::move(message)});
  }

  // Names that this file defines in `section` and that no layer uses as `usage(name)`.
  template <class Usage>
  void find_unused(std::string_view section, std::string_view code, Usage usage) {
    if (documents_.empty()) return;
    const YamlDocument& own = documents_.back();
    const YamlNode* defined = own.root.find(section);
    if (defined == nullptr) return;
    std::string texts;
    for (const YamlDocument& document : documents_) collect_texts(document.root, texts);
    for (const YamlNode& entry : defined->children)
      if (texts.find(usage(entry.key)) == std::string::npos)
        findings_.push_back({code, escape_bytes(own.display_name) + ":" + std::to_string(entry.key_position.line),
                             quote_bytes(entry.key) + " is defined and never used"});
  }

  void find_whole_homes() {
    const auto is_whole = [&](const std::string& path) { return !home_.empty() && lies_in(home_, path); };
    const std::string message = "grants a whole home: secrets in it stay hidden, everything else is shown";
    for (const PathGrant& grant : profile_.filesystem.grants)
      if (grant.named_exactly && is_own(grant.origin) && is_whole(grant.path)) add("whole-home", grant.origin, message);
    for (const Rule& rule : profile_.rules) {
      const auto* pattern = std::get_if<PathPattern>(&rule.resource);
      const bool wide = pattern != nullptr && pattern->scope == PathScope::kSubtree && is_whole(pattern->path);
      if (wide && rule.effect == Effect::kAllow && is_own(rule.origin)) add("whole-home", rule.origin, message);
    }
  }

  // Where decisions could change inside of `pattern`: at its root, and at every place that another rule names.
  [[nodiscard]] std::vector<std::string> places_in(const PathPattern& pattern, const std::vector<Rule>& rules) const {
    std::vector<std::string> places = {pattern.path};
    if (pattern.scope == PathScope::kExact) return places;
    places.push_back(pattern.path + std::string(kSomethingInside));
    for (const Rule& rule : rules) {
      const auto* other = std::get_if<PathPattern>(&rule.resource);
      if (other == nullptr || !lies_in(other->path, pattern.path)) continue;
      places.push_back(other->path);
      places.push_back(other->path + std::string(kSomethingInside));
    }
    return places;
  }

  // The rule that decides where `rule` could have, when nothing changes without it.
  [[nodiscard]] std::optional<std::string> decided_without(const AccessPolicy& whole, const Rule& rule,
                                                           const PathPattern& pattern, const AccessPolicy& rest) const {
    for (const std::string& place : places_in(pattern, whole.rules()))
      for (std::size_t i = 0; i < kRightCount; ++i) {
        const Rights right{static_cast<Right>(i)};
        if (!rule.rights.covers(right)) continue;
        if (whole.decide_path(right, place).effect != rest.decide_path(right, place).effect) return std::nullopt;
      }
    const Decision decision = rest.decide_path(rule.rights, pattern.path);
    if (decision.rule == nullptr) return std::string("nothing is allowed there");
    const RuleOrigin& origin = decision.rule->origin;
    return "'" + decision.rule->text() + "'" + (origin.line == 0 ? "" : " (" + place_text(profile_, origin) + ")") +
           " decides the same";
  }

  void find_rules_without_effect() {
    const AccessPolicy whole = AccessPolicy::compile(profile_);
    std::size_t tried = 0;
    for (std::size_t i = 0; i < profile_.rules.size() && tried < kTriedRulesLimit; ++i) {
      const Rule& rule = profile_.rules[i];
      const auto* pattern = std::get_if<PathPattern>(&rule.resource);
      if (pattern == nullptr || !is_own(rule.origin)) continue;
      ++tried;
      Profile rest = profile_;
      rest.rules.erase(rest.rules.begin() + static_cast<std::ptrdiff_t>(i));
      if (const auto why = decided_without(whole, rule, *pattern, AccessPolicy::compile(rest)))
        add("no-effect", rule.origin, "the rule '" + rule.text() + "' never matters: " + *why);
    }
  }

  void find_missing_reasons() {
    const std::string message = " has no reason: whoever is refused cannot know what to do instead";
    for (const Rule& rule : profile_.rules)
      if (rule.effect == Effect::kDeny && rule.reason.empty() && is_own(rule.origin))
        add("no-reason", rule.origin, "the rule '" + rule.text() + "'" + message);
    for (const CommandRule& rule : profile_.commands)
      if (rule.effect == Effect::kDeny && rule.reason.empty() && is_own(rule.origin))
        add("no-reason", rule.origin, "the rule '" + rule.text() + "'" + message);
  }

  void find_not_in_force() {
    const Result<Lowering> lowering = lower_rules(profile_);
    if (!lowering) return;
    for (const std::string& warning : lowering->warnings) add("not-in-force", {}, escape_bytes(warning));
  }

  const ReadProfile& read_;
  const Profile& profile_;
  const std::string& home_;
  std::vector<YamlDocument> documents_;
  std::vector<LintFinding> findings_;
};

}  // namespace

std::vector<LintFinding> lint_profile(const ReadProfile& read, const std::string& home) {
  return Linter(read, home).lint();
}

}  // namespace writ
