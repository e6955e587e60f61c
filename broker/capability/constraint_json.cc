#include "broker/capability/constraint_json.h"

#include "broker/base/escape.h"
#include "broker/base/strict_object.h"

namespace writ {
namespace {

constexpr std::size_t kRulesLimit = 64;
constexpr std::size_t kRuleIdLimit = 128;
constexpr std::size_t kHashDigits = 64;

JsonArray texts_json(const std::vector<std::string>& texts) {
  JsonArray array;
  for (const std::string& text : texts) array.add(text);
  return array;
}

template <class Word, std::size_t kCount>
std::string_view word_of(const std::array<std::string_view, kCount>& words, Word word) {
  return words[static_cast<std::size_t>(word)];
}

JsonObject conditions_json(const RuleConditions& conditions) {
  JsonObject object;
  if (conditions.arguments)
    object.set("argv", texts_json(*conditions.arguments)).set("match", word_of(kArgumentsMatchNames, conditions.match));
  if (conditions.working_directory) object.set("cwd", conditions.working_directory->text());
  if (conditions.path) object.set("path", conditions.path->text());
  if (conditions.network) object.set("network", word_of(kNetworkIntentNames, *conditions.network));
  if (conditions.filesystem) object.set("filesystem", word_of(kFilesystemIntentNames, *conditions.filesystem));
  if (conditions.timeout_seconds) object.set("timeout_s", *conditions.timeout_seconds);
  if (conditions.timeout_seconds_max) object.set("timeout_max_s", *conditions.timeout_seconds_max);
  if (conditions.image) object.set("image_id", *conditions.image);
  return object;
}

JsonObject rule_json(const AuthorityRule& rule) {
  JsonObject object;
  object.set("rule_id", rule.id).set("operation", rule.operation).set("effect", effect_name(rule.effect));
  object.set("risk", word_of(kRuleRiskNames, rule.risk));
  object.set("conditions", conditions_json(rule.conditions)).set("description", rule.description);
  return object;
}

JsonObject binding_json(const ApprovalBinding& binding) {
  JsonObject object;
  object.set("effect_id", binding.effect_id).set("argument_hash", binding.argument_hash);
  if (binding.target_version) object.set("target_version", *binding.target_version);
  return object;
}

Result<std::optional<TypedResource>> read_resource(StrictObject& object, std::string_view key) {
  WRIT_ASSIGN(const std::optional<std::string> text, object.optional_text(key));
  if (!text) return std::nullopt;
  Result<TypedResource> resource = TypedResource::parse(*text);
  if (!resource) return fail(quote_bytes(object.place_of(key)) + ": " + resource.error().what, resource.error().hint);
  return std::move(*resource);
}

template <class Word, std::size_t kCount>
Status read_word(StrictObject& object, std::string_view key, const std::array<std::string_view, kCount>& words,
                 std::optional<Word>& target) {
  WRIT_ASSIGN(const std::optional<std::size_t> found, object.optional_word(key, words));
  if (found) target = static_cast<Word>(*found);
  return {};
}

Status check_arguments(const StrictObject& object, const RuleConditions& conditions, bool has_match) {
  if (has_match && !conditions.arguments) return fail(quote_bytes(object.place_of("match")) + " needs argv beside it");
  if (conditions.arguments && conditions.arguments->empty())
    return fail(quote_bytes(object.place_of("argv")) + " must not be empty");
  return {};
}

Status read_intents(StrictObject& object, RuleConditions& conditions) {
  WRIT_TRY(read_word(object, "network", kNetworkIntentNames, conditions.network));
  WRIT_TRY(read_word(object, "filesystem", kFilesystemIntentNames, conditions.filesystem));
  return {};
}

Status read_limits(StrictObject& object, RuleConditions& conditions) {
  WRIT_ASSIGN(conditions.timeout_seconds, object.optional_integer("timeout_s"));
  WRIT_ASSIGN(conditions.timeout_seconds_max, object.optional_integer("timeout_max_s"));
  WRIT_ASSIGN(conditions.image, object.optional_text("image_id"));
  return {};
}

Result<RuleConditions> read_conditions(const JsonValue& value, std::string place) {
  RuleConditions conditions;
  WRIT_ASSIGN(StrictObject object, StrictObject::open(value, std::move(place)));
  WRIT_ASSIGN(conditions.arguments, object.optional_texts("argv"));
  std::optional<ArgumentsMatch> match;
  WRIT_TRY(read_word(object, "match", kArgumentsMatchNames, match));
  conditions.match = match.value_or(ArgumentsMatch::kExact);
  WRIT_ASSIGN(conditions.working_directory, read_resource(object, "cwd"));
  WRIT_ASSIGN(conditions.path, read_resource(object, "path"));
  WRIT_TRY(read_intents(object, conditions));
  WRIT_TRY(read_limits(object, conditions));
  WRIT_TRY(object.finish());
  WRIT_TRY(check_arguments(object, conditions, match.has_value()));
  return conditions;
}

Result<AuthorityRule> read_rule(const JsonValue& value, std::string place) {
  AuthorityRule rule;
  WRIT_ASSIGN(StrictObject object, StrictObject::open(value, std::move(place)));
  WRIT_ASSIGN(rule.id, object.text("rule_id"));
  if (rule.id.empty() || rule.id.size() > kRuleIdLimit)
    return fail(quote_bytes(object.place_of("rule_id")) + " must have 1 to 128 bytes");
  WRIT_ASSIGN(rule.operation, object.text("operation"));
  if (!is_operation_pattern(rule.operation))
    return fail(quote_bytes(object.place_of("operation")) + " must be provider.operation or provider.*");
  WRIT_ASSIGN(const std::size_t effect, object.word("effect", kEffectNames));
  rule.effect = static_cast<Effect>(effect);
  WRIT_ASSIGN(const std::optional<std::size_t> risk, object.optional_word("risk", kRuleRiskNames));
  if (risk) rule.risk = static_cast<RuleRisk>(*risk);
  if (const JsonValue* conditions = object.member("conditions")) {
    WRIT_ASSIGN(rule.conditions, read_conditions(*conditions, object.place_of("conditions")));
  }
  WRIT_ASSIGN(const std::optional<std::string> description, object.optional_text("description"));
  rule.description = description.value_or("");
  WRIT_TRY(object.finish());
  return rule;
}

bool is_sha256(std::string_view text) {
  return text.size() == kHashDigits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<ApprovalBinding> read_binding(const JsonValue& value, std::string place) {
  ApprovalBinding binding;
  WRIT_ASSIGN(StrictObject object, StrictObject::open(value, std::move(place)));
  WRIT_ASSIGN(binding.effect_id, object.text("effect_id"));
  WRIT_ASSIGN(binding.argument_hash, object.text("argument_hash"));
  if (!is_sha256(binding.argument_hash))
    return fail(quote_bytes(object.place_of("argument_hash")) + " must be a SHA-256: 64 hexadecimal digits");
  WRIT_ASSIGN(binding.target_version, object.optional_text("target_version"));
  WRIT_TRY(object.finish());
  return binding;
}

Result<std::vector<AuthorityRule>> read_rules(const JsonValue& value, const std::string& place) {
  const auto* array = std::get_if<JsonArray>(&value.storage());
  if (array == nullptr) return fail(quote_bytes(place) + " must be a list of rules");
  if (array->elements().size() > kRulesLimit) return fail(quote_bytes(place) + " has more than 64 rules");
  std::vector<AuthorityRule> rules;
  for (const JsonValue& element : array->elements()) {
    WRIT_ASSIGN(AuthorityRule rule, read_rule(element, place + "[" + std::to_string(rules.size()) + "]"));
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace

JsonObject constraints_json(const CapabilityConstraints& constraints) {
  JsonObject object;
  if (!constraints.rules.empty()) {
    JsonArray rules;
    for (const AuthorityRule& rule : constraints.rules) rules.add(rule_json(rule));
    object.set("authority_rules", std::move(rules));
  }
  if (constraints.binding) object.set("approval_binding", binding_json(*constraints.binding));
  return object;
}

Result<CapabilityConstraints> read_constraints(const JsonValue& value, const std::string& place,
                                               UnknownConstraints unknown) {
  CapabilityConstraints constraints;
  WRIT_ASSIGN(StrictObject object, StrictObject::open(value, place));
  if (const JsonValue* rules = object.member("authority_rules")) {
    WRIT_ASSIGN(constraints.rules, read_rules(*rules, object.place_of("authority_rules")));
  }
  if (const JsonValue* binding = object.member("approval_binding")) {
    WRIT_ASSIGN(constraints.binding, read_binding(*binding, object.place_of("approval_binding")));
  }
  if (unknown == UnknownConstraints::kRefuse) WRIT_TRY(object.finish());
  constraints.has_unknown = object.has_unread();
  return constraints;
}

}  // namespace writ
