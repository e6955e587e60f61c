// `rules:` of the profile schema.
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "broker/base/escape.h"
#include "broker/policy/schema_sections.h"

namespace writ {
namespace {

constexpr auto kEffectWords =
    std::to_array<Word<Effect>>({{"allow", Effect::kAllow}, {"ask", Effect::kAsk}, {"deny", Effect::kDeny}});

constexpr std::array<std::string_view, 7> kRuleKeys = {"effect", "rights", "path",    "address",
                                                       "group",  "reason", "optional"};
constexpr std::array<std::string_view, 3> kResourceKeys = {"path", "address", "group"};

Result<SchemaValue> required_entry(const SchemaValue& value, std::string_view key) {
  if (const YamlNode* node = value.node.find(key)) return value.child(*node);
  return value.refuse("this rule has no '" + std::string(key) + "'");
}

Result<Rights> read_rights(const SchemaValue& value) {
  Rights rights;
  WRIT_TRY(for_each_item(value, [&](const SchemaValue& item) -> Status {
    WRIT_ASSIGN(const std::string_view word, read_text(item));
    const std::optional<Right> right = right_from_name(word);
    if (!right) return refuse_word(item, word, kRightNames);
    rights = join(rights, {*right});
    return {};
  }));
  if (rights.empty()) return value.refuse("'rights' is empty: a rule about nothing");
  return rights;
}

// The one of path, address and group that the rule has.
Result<SchemaValue> find_resource(const SchemaValue& value) {
  const YamlNode* resource = nullptr;
  for (const std::string_view key : kResourceKeys) {
    const YamlNode* node = value.node.find(key);
    if (node == nullptr) continue;
    if (resource != nullptr)
      return value.child(*node).refuse_key("a rule is about one of 'path', 'address' and 'group': write two rules");
    resource = node;
  }
  if (resource == nullptr) return value.refuse("this rule is about nothing: add 'path', 'address' or 'group'");
  return value.child(*resource);
}

// What the view can and cannot give (rule_lowering.h): a mistake here would be a rule that does not hold.
Status check_path_rights(const SchemaValue& rights_value, Effect effect, Rights rights) {
  if (!kPathRights.covers(rights))
    return rights_value.refuse("the rights connect and bind are about an 'address', not about a path");
  const bool reads = rights.has(Right::kRead);
  if (effect == Effect::kAllow && !reads)
    return rights_value.refuse("a view cannot give '" + rights_text(rights) + "' without read: add read");
  if (effect == Effect::kDeny && rights.has(Right::kList) && !reads)
    return rights_value.refuse("a view cannot keep names back and show the files: add read");
  return {};
}

// A tree that can be read can be listed; what cannot be read is not in the view at all.
Rights completed(Effect effect, Rights rights) {
  if (!rights.has(Right::kRead)) return rights;
  return effect == Effect::kDeny ? kPathRights : join(rights, {Right::kList});
}

Status read_path_resource(const SchemaValue& value, DraftRule& draft) {
  WRIT_ASSIGN(const std::string_view text, read_text(value));
  std::string_view path = text;
  if (path == "*") return value.refuse("the bare pattern '*' is refused: name a place, as in '/srv/data/*'");
  if (path.ends_with("/*")) {
    draft.scope = PathScope::kSubtree;
    path.remove_suffix(path.size() == 2 ? 1 : 2);
  }
  if (path.find('*') != std::string_view::npos)
    return value.refuse("the pattern " + quote_bytes(text) +
                        " is refused: '*' can only be the whole last part, as in '/a/b/*'");
  draft.place.source = {std::string(path), value.origin()};
  return {};
}

Status read_address_resource(const SchemaValue& value, DraftRule& draft) {
  WRIT_ASSIGN(const std::string_view text, read_text(value));
  Result<AddressPattern> pattern = AddressPattern::parse(text);
  if (!pattern) return value.refuse(pattern.error().what);
  draft.rule.resource = std::move(*pattern);
  return {};
}

Status read_group_resource(const SchemaValue& value, DraftRule& draft) {
  draft.scope = PathScope::kSubtree;
  draft.place.kind = PlaceKind::kGroup;
  WRIT_ASSIGN(draft.place.source, read_group_name(value));
  return {};
}

Status read_resource(const SchemaValue& value, const SchemaValue& rights_value, DraftRule& draft) {
  Rule& rule = draft.rule;
  if (value.node.key == "address") {
    if (!kAddressRights.covers(rule.rights))
      return rights_value.refuse("the rights read, write, execute and list are about a 'path', not about an address");
    return read_address_resource(value, draft);
  }
  WRIT_TRY(check_path_rights(rights_value, rule.effect, rule.rights));
  rule.rights = completed(rule.effect, rule.rights);
  rule.resource = PathPattern{};
  return value.node.key == "path" ? read_path_resource(value, draft) : read_group_resource(value, draft);
}

Status read_optional_entries(const SchemaValue& value, DraftRule& draft) {
  if (const YamlNode* reason = value.node.find("reason")) {
    WRIT_ASSIGN(draft.rule.reason, read_text(value.child(*reason)));
  }
  const YamlNode* optional = value.node.find("optional");
  if (optional == nullptr) return {};
  const bool applies = draft.rule.effect == Effect::kAllow && value.node.find("address") == nullptr;
  if (!applies) return value.child(*optional).refuse_key("'optional' is for rules that allow a path");
  WRIT_ASSIGN(draft.place.presence, read_optional(value.child(*optional)));
  return {};
}

Result<DraftRule> read_rule(const SchemaValue& value) {
  WRIT_TRY(check_keys(value, kRuleKeys));
  DraftRule draft;
  draft.rule.origin = rule_origin(value.origin());
  WRIT_ASSIGN(const SchemaValue effect, required_entry(value, "effect"));
  WRIT_TRY(read_effect(effect, draft.rule.effect));
  WRIT_ASSIGN(const SchemaValue rights, required_entry(value, "rights"));
  WRIT_ASSIGN(draft.rule.rights, read_rights(rights));
  WRIT_ASSIGN(const SchemaValue resource, find_resource(value));
  WRIT_TRY(read_resource(resource, rights, draft));
  WRIT_TRY(read_optional_entries(value, draft));
  return draft;
}

}  // namespace

Status read_effect(const SchemaValue& value, Effect& effect) { return read_word(value, kEffectWords, effect); }

Status read_rules(const SchemaValue& value, ProfileDraft& draft) {
  return for_each_item(value, [&](const SchemaValue& item) -> Status {
    WRIT_ASSIGN(DraftRule rule, read_rule(item));
    draft.rules.push_back(std::move(rule));
    return {};
  });
}

}  // namespace writ
