// SchemaReader: the text of a schema → SchemaNode. Internal to JsonSchema. One reader for one schema.
#ifndef WRIT_BROKER_TOOL_SCHEMA_READER_H_
#define WRIT_BROKER_TOOL_SCHEMA_READER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/tool/json_schema.h"
#include "broker/tool/schema_node.h"

namespace writ {

class SchemaReader {
 public:
  // Error: `what` is wrong at path(). The limits are checked by the caller, before.
  [[nodiscard]] Result<std::shared_ptr<const SchemaNode>> read(const JsonValue& schema);

  // Where the error is.
  [[nodiscard]] const std::vector<std::string>& path() const { return path_; }
  [[nodiscard]] SchemaFlaw::Part part() const { return part_; }

 private:
  struct Keyword;
  static std::span<const Keyword> keywords();

  Status read_keyword(const JsonMember& member, SchemaNode& node);
  Status read_types(const JsonValue& value, SchemaNode& node);
  Status read_properties(const JsonValue& value, SchemaNode& node);
  Status read_others(const JsonValue& value, SchemaNode& node);
  Status read_items(const JsonValue& value, SchemaNode& node);
  Status read_choices(const JsonValue& value, SchemaNode& node);
  Status read_required(const JsonObject& schema, SchemaNode& node);
  // Runs `action` one step further down; the step stays in the path where it fails.
  Status inside(std::string_view step, const std::function<Status()>& action);

  std::vector<std::string> path_;
  SchemaFlaw::Part part_ = SchemaFlaw::Part::kValue;
};

// Whether `additionalProperties` is absent and means false.
[[nodiscard]] bool refuses_others_by_default(const JsonObject& schema);

}  // namespace writ

#endif  // WRIT_BROKER_TOOL_SCHEMA_READER_H_
