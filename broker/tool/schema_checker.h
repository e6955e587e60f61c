// SchemaChecker: whether one value is as a schema says. Internal to JsonSchema. One checker for one value; it recurses
// no deeper than the schema does.
#ifndef WRIT_BROKER_TOOL_SCHEMA_CHECKER_H_
#define WRIT_BROKER_TOOL_SCHEMA_CHECKER_H_

#include <string>
#include <string_view>

#include "broker/base/error.h"
#include "broker/tool/schema_node.h"

namespace writ {

class SchemaChecker {
 public:
  // `place` is what messages call the value.
  explicit SchemaChecker(std::string_view place) : place_(place) {}

  // Error: the first thing that is not as it should be. No part of the value is in the message.
  [[nodiscard]] Status check(const SchemaNode& node, const JsonValue& value);

 private:
  Status check_choice(const SchemaNode& node, const JsonValue& value);
  Status check_bounds(const SchemaNode& node, const JsonValue& value);
  Status check_array(const SchemaNode& node, const JsonArray& array);
  Status check_object(const SchemaNode& node, const JsonObject& object);
  [[nodiscard]] tl::unexpected<Error> refuse(std::string_view message) const;
  [[nodiscard]] tl::unexpected<Error> refuse_expected(const SchemaNode& node, JsonType type) const;

  std::string place_;
};

}  // namespace writ

#endif  // WRIT_BROKER_TOOL_SCHEMA_CHECKER_H_
