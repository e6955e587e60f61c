// JsonSchema: what the arguments of a tool and its result look like, in a subset of JSON Schema (draft 2020-12):
//
//   type (a word or a list of words), properties, required, additionalProperties (true or false), items,
//   enum, const, minimum, maximum, minLength, maxLength, minItems, maxItems, title, description, default
//
// Everything else ($ref, pattern, anyOf, …) is an error and not ignored: whoever wrote it relies on it.
//
// Where it differs from the standard: `additionalProperties` is false unless it is written, wherever `properties` or
// the type `object` is. text() has it written out, so that other readers of the schema understand the same. A schema
// that says nothing about objects (`{}`) takes any.
//
// As in the standard: 1.0 is an integer; lengths count code points; a bound on strings says nothing about a number;
// `default` is documentation and fills nothing in. A boolean is never a number.
//
// A value that is immutable and cheap to copy. Pure; any thread.
#ifndef WRIT_BROKER_TOOL_JSON_SCHEMA_H_
#define WRIT_BROKER_TOOL_JSON_SCHEMA_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/json_text.h"

namespace writ {

inline constexpr std::size_t kSchemaDepthLimit = 32;   // arrays and objects of the schema inside each other
inline constexpr std::size_t kSchemaNodeLimit = 1024;  // JSON values in it, with those of `enum` and `default`

struct SchemaNode;

// What is wrong with a schema, and where: the keys and indices that lead there, for those who know the lines of a file.
struct SchemaFlaw {
  enum class Part : std::uint8_t { kKey, kValue };
  std::vector<std::string> path{};
  Part part = Part::kValue;  // which part of the entry that `path` leads to
  std::string message{};     // escaped

  // "schema.properties.path.type: …"
  [[nodiscard]] std::string text(std::string_view place) const;
};

class JsonSchema {
 public:
  // Errors: what is not in the subset, what contradicts itself, the limits; with its place beneath `place`.
  [[nodiscard]] static Result<JsonSchema> parse(const JsonValue& text, std::string_view place = "schema");
  [[nodiscard]] static tl::expected<JsonSchema, SchemaFlaw> read(const JsonValue& text);

  // Error: the first thing in `value` that the schema does not have, with its place beneath `place`:
  // "arguments.edits[2].old: is missing". It never repeats any part of the value, which may be a secret.
  [[nodiscard]] Status check(const JsonValue& value, std::string_view place = "arguments") const;

  // The schema, with `additionalProperties` written out.
  [[nodiscard]] const JsonValue& text() const { return *text_; }
  // Whether `type` is `object` and nothing else.
  [[nodiscard]] bool describes_object() const;

 private:
  JsonSchema(std::shared_ptr<const SchemaNode> root, std::shared_ptr<const JsonValue> text)
      : root_(std::move(root)), text_(std::move(text)) {}

  std::shared_ptr<const SchemaNode> root_;
  std::shared_ptr<const JsonValue> text_;
};

}  // namespace writ

#endif  // WRIT_BROKER_TOOL_JSON_SCHEMA_H_
