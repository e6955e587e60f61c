#include "broker/tool/schema_reader.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "broker/base/escape.h"
#include "broker/base/name_suggestion.h"
#include "broker/tool/json_equality.h"

namespace writ {
namespace {

// The words of the standard that people expect to work, so that they get a better answer than "unknown".
constexpr auto kLeftOut = std::to_array<std::string_view>({
    "$ref",
    "$defs",
    "$schema",
    "$id",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "pattern",
    "format",
    "multipleOf",
    "exclusiveMinimum",
    "uniqueItems",
    "prefixItems",
    "exclusiveMaximum",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "patternProperties",
});

Result<std::string> text_of(const JsonValue& value) {
  const auto* text = std::get_if<std::string>(&value.storage());
  if (text == nullptr) return fail("a text is expected");
  return *text;
}

Status read_bound(const JsonValue& value, std::optional<JsonValue>& target) {
  if (!is_json_number(value)) return fail("a number is expected");
  target = value;
  return {};
}

Status read_count_bound(const JsonValue& value, std::optional<std::uint64_t>& target) {
  const auto* number = std::get_if<std::int64_t>(&value.storage());
  const auto* large = std::get_if<std::uint64_t>(&value.storage());
  if (large == nullptr && (number == nullptr || *number < 0)) return fail("a whole number from 0 is expected");
  target = large != nullptr ? *large : static_cast<std::uint64_t>(*number);
  return {};
}

Result<const JsonArray*> filled_list(const JsonValue& value) {
  const auto* list = std::get_if<JsonArray>(&value.storage());
  if (list == nullptr || list->elements().empty()) return fail("a list that is not empty is expected");
  return list;
}

template <class Number>
bool are_crossed(const std::optional<Number>& least, const std::optional<Number>& most) {
  return least && most && *least > *most;
}

Status check_bounds(const SchemaNode& node) {
  const bool numbers =
      node.minimum && node.maximum && compare_numbers(*node.minimum, *node.maximum) == std::partial_ordering::greater;
  if (numbers) return fail("minimum is more than maximum: no number fits");
  if (are_crossed(node.least_length, node.most_length)) return fail("minLength is more than maxLength: no text fits");
  if (are_crossed(node.least_items, node.most_items)) return fail("minItems is more than maxItems: no array fits");
  return {};
}

SchemaProperty* find_property(SchemaNode& node, std::string_view name) {
  const auto found = std::find_if(node.properties.begin(), node.properties.end(),
                                  [&](const SchemaProperty& property) { return property.name == name; });
  return found == node.properties.end() ? nullptr : &*found;
}

}  // namespace

bool refuses_others_by_default(const JsonObject& schema) {
  if (schema.find("additionalProperties") != nullptr) return false;
  if (schema.find("properties") != nullptr) return true;
  const JsonValue* type = schema.find("type");
  if (type == nullptr) return false;
  if (same_json(*type, "object")) return true;
  const auto* list = std::get_if<JsonArray>(&type->storage());
  return list != nullptr && std::any_of(list->elements().begin(), list->elements().end(),
                                        [](const JsonValue& each) { return same_json(each, "object"); });
}

struct SchemaReader::Keyword {
  std::string_view name;
  Status (*read)(SchemaReader&, const JsonValue&, SchemaNode&);
};

std::span<const SchemaReader::Keyword> SchemaReader::keywords() {
  using Reader = SchemaReader;
  constexpr auto kDocumentation = [](Reader&, const JsonValue& v, SchemaNode&) -> Status {
    WRIT_TRY(text_of(v));
    return {};
  };
  static constexpr auto kKeywords = std::to_array<Keyword>({
      {"type", [](Reader& r, const JsonValue& v, SchemaNode& n) { return r.read_types(v, n); }},
      {"properties", [](Reader& r, const JsonValue& v, SchemaNode& n) { return r.read_properties(v, n); }},
      {"required", [](Reader&, const JsonValue&, SchemaNode&) { return Status(); }},  // when the properties are known
      {"additionalProperties", [](Reader& r, const JsonValue& v, SchemaNode& n) { return r.read_others(v, n); }},
      {"items", [](Reader& r, const JsonValue& v, SchemaNode& n) { return r.read_items(v, n); }},
      {"enum", [](Reader& r, const JsonValue& v, SchemaNode& n) { return r.read_choices(v, n); }},
      {"const",
       [](Reader&, const JsonValue& v, SchemaNode& n) {
         n.constant = v;
         return Status();
       }},
      {"minimum", [](Reader&, const JsonValue& v, SchemaNode& n) { return read_bound(v, n.minimum); }},
      {"maximum", [](Reader&, const JsonValue& v, SchemaNode& n) { return read_bound(v, n.maximum); }},
      {"minLength", [](Reader&, const JsonValue& v, SchemaNode& n) { return read_count_bound(v, n.least_length); }},
      {"maxLength", [](Reader&, const JsonValue& v, SchemaNode& n) { return read_count_bound(v, n.most_length); }},
      {"minItems", [](Reader&, const JsonValue& v, SchemaNode& n) { return read_count_bound(v, n.least_items); }},
      {"maxItems", [](Reader&, const JsonValue& v, SchemaNode& n) { return read_count_bound(v, n.most_items); }},
      {"title", kDocumentation},
      {"description", kDocumentation},
      {"default", [](Reader&, const JsonValue&, SchemaNode&) { return Status(); }},
  });
  return kKeywords;
}

Status SchemaReader::inside(std::string_view step, const std::function<Status()>& action) {
  path_.emplace_back(step);
  WRIT_TRY(action());
  path_.pop_back();
  return {};
}

Result<std::shared_ptr<const SchemaNode>> SchemaReader::read(const JsonValue& schema) {
  const auto* object = std::get_if<JsonObject>(&schema.storage());
  if (object == nullptr) return fail("a schema is expected, which is an object");
  auto node = std::make_shared<SchemaNode>();
  if (refuses_others_by_default(*object)) node->others = OtherMembers::kRefused;
  for (const JsonMember& member : object->members()) WRIT_TRY(read_keyword(member, *node));
  WRIT_TRY(read_required(*object, *node));
  std::sort(node->properties.begin(), node->properties.end(),
            [](const SchemaProperty& a, const SchemaProperty& b) { return a.name < b.name; });
  WRIT_TRY(check_bounds(*node));
  return std::shared_ptr<const SchemaNode>(std::move(node));
}

Status SchemaReader::read_keyword(const JsonMember& member, SchemaNode& node) {
  return inside(member.key, [&]() -> Status {
    std::vector<std::string_view> known;
    for (const Keyword& keyword : keywords()) {
      if (keyword.name == member.key) return keyword.read(*this, member.value, node);
      known.push_back(keyword.name);
    }
    part_ = SchemaFlaw::Part::kKey;
    const bool left_out = std::find(kLeftOut.begin(), kLeftOut.end(), member.key) != kLeftOut.end();
    return fail("the keyword " + quote_bytes(member.key, 80) +
                (left_out ? " is not part of the subset that tools may use" : " is unknown") +
                (left_out ? std::string() : did_you_mean(member.key, known)));
  });
}

Status SchemaReader::read_types(const JsonValue& value, SchemaNode& node) {
  const auto add = [&](const JsonValue& word) -> Status {
    WRIT_ASSIGN(const std::string name, text_of(word));
    const auto found = std::find(kJsonTypeNames.begin(), kJsonTypeNames.end(), name);
    if (found == kJsonTypeNames.end())
      return fail("there is no type " + quote_bytes(name, 80) + did_you_mean(name, kJsonTypeNames));
    const auto type = static_cast<JsonType>(found - kJsonTypeNames.begin());
    if (node.types.has(type)) return fail("the type stands here twice");
    node.types.add(type);
    return {};
  };
  if (!std::holds_alternative<JsonArray>(value.storage())) return add(value);
  WRIT_ASSIGN(const JsonArray* list, filled_list(value));
  for (std::size_t i = 0; i < list->elements().size(); ++i)
    WRIT_TRY(inside(std::to_string(i), [&] { return add(list->elements()[i]); }));
  return {};
}

Status SchemaReader::read_properties(const JsonValue& value, SchemaNode& node) {
  const auto* properties = std::get_if<JsonObject>(&value.storage());
  if (properties == nullptr) return fail("an object of schemas is expected");
  for (const JsonMember& member : properties->members()) {
    WRIT_TRY(inside(member.key, [&]() -> Status {
      WRIT_ASSIGN(auto schema, read(member.value));
      node.properties.push_back({member.key, PropertyNeed::kOptional, std::move(schema)});
      return {};
    }));
  }
  return {};
}

Status SchemaReader::read_others(const JsonValue& value, SchemaNode& node) {
  const auto* allowed = std::get_if<bool>(&value.storage());
  if (allowed == nullptr) return fail("true or false is expected: schemas for other members are not supported");
  node.others = *allowed ? OtherMembers::kAllowed : OtherMembers::kRefused;
  return {};
}

Status SchemaReader::read_items(const JsonValue& value, SchemaNode& node) {
  WRIT_ASSIGN(node.items, read(value));
  return {};
}

Status SchemaReader::read_choices(const JsonValue& value, SchemaNode& node) {
  WRIT_ASSIGN(const JsonArray* list, filled_list(value));
  node.choices = list->elements();
  return {};
}

Status SchemaReader::read_required(const JsonObject& schema, SchemaNode& node) {
  const JsonValue* value = schema.find("required");
  if (value == nullptr) return {};
  const auto require = [&](const JsonValue& word) -> Status {
    WRIT_ASSIGN(const std::string name, text_of(word));
    SchemaProperty* property = find_property(node, name);
    if (property != nullptr && property->need == PropertyNeed::kRequired) return fail("the name stands here twice");
    if (property == nullptr && node.others == OtherMembers::kRefused)
      return fail("'properties' does not have " + quote_bytes(name, 80) + ", and other members are refused");
    if (property == nullptr) property = &node.properties.emplace_back(SchemaProperty{name});
    property->need = PropertyNeed::kRequired;
    return {};
  };
  return inside("required", [&]() -> Status {
    const auto* list = std::get_if<JsonArray>(&value->storage());
    if (list == nullptr) return fail("a list of names is expected");
    for (std::size_t i = 0; i < list->elements().size(); ++i)
      WRIT_TRY(inside(std::to_string(i), [&] { return require(list->elements()[i]); }));
    return {};
  });
}

}  // namespace writ
