// SchemaNode: one schema, ready to check values with. Internal to JsonSchema. Plain values.
#ifndef WRIT_BROKER_TOOL_SCHEMA_NODE_H_
#define WRIT_BROKER_TOOL_SCHEMA_NODE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/json_text.h"

namespace writ {

enum class JsonType : std::uint8_t { kObject, kArray, kString, kInteger, kNumber, kBoolean, kNull };
inline constexpr std::array<std::string_view, 7> kJsonTypeNames = {"object", "array",   "string", "integer",
                                                                   "number", "boolean", "null"};

class JsonTypes {
 public:
  void add(JsonType type) { bits_ = static_cast<std::uint8_t>(bits_ | bit(type)); }
  [[nodiscard]] bool has(JsonType type) const { return (bits_ & bit(type)) != 0; }
  [[nodiscard]] bool empty() const { return bits_ == 0; }
  [[nodiscard]] bool is_only(JsonType type) const { return bits_ == bit(type); }

 private:
  static constexpr unsigned bit(JsonType type) { return 1u << static_cast<unsigned>(type); }
  std::uint8_t bits_ = 0;
};

struct SchemaNode;

enum class PropertyNeed : std::uint8_t { kOptional, kRequired };

struct SchemaProperty {
  std::string name;
  PropertyNeed need = PropertyNeed::kOptional;
  std::shared_ptr<const SchemaNode> schema{};  // none: anything
};

enum class OtherMembers : std::uint8_t { kAllowed, kRefused };

struct SchemaNode {
  JsonTypes types;                         // none: any
  std::vector<SchemaProperty> properties;  // sorted by name
  OtherMembers others = OtherMembers::kAllowed;
  std::shared_ptr<const SchemaNode> items;
  std::optional<std::vector<JsonValue>> choices;  // of `enum`
  std::optional<JsonValue> constant;
  std::optional<JsonValue> minimum;
  std::optional<JsonValue> maximum;
  std::optional<std::uint64_t> least_length;
  std::optional<std::uint64_t> most_length;
  std::optional<std::uint64_t> least_items;
  std::optional<std::uint64_t> most_items;
};

}  // namespace writ

#endif  // WRIT_BROKER_TOOL_SCHEMA_NODE_H_
