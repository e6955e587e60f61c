#include "broker/tool/json_schema.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "broker/base/escape.h"
#include "broker/tool/schema_checker.h"
#include "broker/tool/schema_reader.h"

namespace writ {
namespace {

bool is_index(const std::string& step) {
  return !step.empty() && std::all_of(step.begin(), step.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Counts the values of a schema, and stops at the first that is one too many or lies too deep, so that what follows may
// recurse.
class Measure {
 public:
  [[nodiscard]] bool fits(const JsonValue& value, std::size_t depth = 0) {
    if (++nodes_ > kSchemaNodeLimit || depth > kSchemaDepthLimit) return false;
    if (const auto* array = std::get_if<JsonArray>(&value.storage()))
      return std::all_of(array->elements().begin(), array->elements().end(),
                         [&](const JsonValue& each) { return fits(each, depth + 1); });
    if (const auto* object = std::get_if<JsonObject>(&value.storage()))
      return std::all_of(object->members().begin(), object->members().end(),
                         [&](const JsonMember& each) { return fits(each.value, depth + 1); });
    return true;
  }

 private:
  std::size_t nodes_ = 0;
};

JsonValue written_out(const JsonValue& schema);

JsonValue written_out_properties(const JsonValue& properties) {
  JsonObject all;
  for (const JsonMember& member : std::get<JsonObject>(properties.storage()).members())
    all.set(member.key, written_out(member.value));
  return all;
}

// `schema` was read without error.
JsonValue written_out(const JsonValue& schema) {
  const auto& object = std::get<JsonObject>(schema.storage());
  JsonObject complete;
  for (const JsonMember& member : object.members()) {
    if (member.key == "properties") {
      complete.set(member.key, written_out_properties(member.value));
    } else {
      complete.set(member.key, member.key == "items" ? written_out(member.value) : member.value);
    }
  }
  if (refuses_others_by_default(object)) complete.set("additionalProperties", false);
  return complete;
}

}  // namespace

std::string SchemaFlaw::text(std::string_view place) const {
  std::string where(place);
  for (const std::string& step : path) {
    if (is_index(step)) {
      where.append("[").append(step).append("]");
    } else {
      where.append(".").append(escape_bytes(step, 80));
    }
  }
  return where + ": " + message;
}

tl::expected<JsonSchema, SchemaFlaw> JsonSchema::read(const JsonValue& text) {
  if (!Measure().fits(text))
    return tl::unexpected(
        SchemaFlaw{{}, SchemaFlaw::Part::kValue, "the schema is too large (limits: depth 32, 1024 values)"});
  SchemaReader reader;
  Result<std::shared_ptr<const SchemaNode>> root = reader.read(text);
  if (!root) return tl::unexpected(SchemaFlaw{reader.path(), reader.part(), std::move(root.error().what)});
  return JsonSchema(std::move(*root), std::make_shared<const JsonValue>(written_out(text)));
}

Result<JsonSchema> JsonSchema::parse(const JsonValue& text, std::string_view place) {
  tl::expected<JsonSchema, SchemaFlaw> schema = read(text);
  if (!schema) return fail(schema.error().text(place));
  return std::move(*schema);
}

Status JsonSchema::check(const JsonValue& value, std::string_view place) const {
  return SchemaChecker(place).check(*root_, value);
}

bool JsonSchema::describes_object() const { return root_->types.is_only(JsonType::kObject); }

}  // namespace writ
