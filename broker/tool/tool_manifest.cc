#include "broker/tool/tool_manifest.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "broker/base/escape.h"
#include "broker/policy/profile_values.h"
#include "broker/policy/schema_sections.h"
#include "broker/policy/schema_value.h"
#include "broker/policy/yaml_document.h"
#include "broker/tool/yaml_to_json.h"

namespace writ {
namespace {

constexpr auto kKeys = std::to_array<std::string_view>(
    {"version", "name", "description", "program", "arguments", "result", "authority", "limits"});
constexpr auto kAuthorityKeys = std::to_array<std::string_view>({"resource", "rights"});
constexpr auto kLimitKeys = std::to_array<std::string_view>({"wall_time", "requests", "result_bytes"});

constexpr auto kProgramWords = std::to_array<Word<ToolProgram>>({{kToolProgramNames[0], ToolProgram::kNative}});

constexpr CountBounds kVersion = {1, 1, "1"};
constexpr DurationBounds kWallTime = {Milliseconds(1), kLongestDuration, "at least 1ms and at most 8760h"};
constexpr CountBounds kRequests = {1, 1'000'000, "at least 1 and at most 1000000"};
// A result travels as one payload of the broker socket, and 2 MiB is the largest of those.
constexpr CountBounds kResultBytes = {1, 2ull << 20, "at least 1 and at most 2M"};

Result<SchemaValue> required_entry(const SchemaValue& value, std::string_view key) {
  const YamlNode* entry = value.node.find(key);
  if (entry == nullptr) return value.refuse("there is no '" + std::string(key) + "'");
  return value.child(*entry);
}

Result<std::string> read_name(const SchemaValue& value) {
  WRIT_ASSIGN(const std::string_view text, read_text(value));
  if (!is_tool_name(text))
    return value.refuse("'name': " + quote_bytes(text, 80) +
                        " is no name of a tool: a-z first, then a-z, 0-9 and _, at most 64");
  return std::string(text);
}

Result<std::string> read_description(const SchemaValue& value) {
  WRIT_ASSIGN(const std::string_view text, read_free_text(value));
  if (text.empty() || text.size() > kToolDescriptionLimit)
    return value.refuse("'description': must be 1 to 1024 bytes, and is " + std::to_string(text.size()));
  return std::string(text);
}

// The entry that `path` leads to, or the last that there is on the way.
const YamlNode& follow(const YamlNode& root, const std::vector<std::string>& path) {
  const YamlNode* node = &root;
  for (const std::string& step : path) {
    const YamlNode* next = nullptr;
    if (node->kind == YamlKind::kMapping) next = node->find(step);
    std::size_t index = 0;
    if (node->kind == YamlKind::kSequence &&
        std::from_chars(step.data(), step.data() + step.size(), index).ec == std::errc() &&
        index < node->children.size())
      next = &node->children[index];
    if (next == nullptr) break;
    node = next;
  }
  return *node;
}

Result<JsonSchema> read_schema(const SchemaValue& value) {
  WRIT_ASSIGN(const JsonValue text, json_from_yaml(value));
  tl::expected<JsonSchema, SchemaFlaw> schema = JsonSchema::read(text);
  if (schema) return std::move(*schema);
  const SchemaFlaw& flaw = schema.error();
  const SchemaValue place = value.child(follow(value.node, flaw.path));
  const std::string message = flaw.text(value.node.key);
  return flaw.part == SchemaFlaw::Part::kKey ? place.refuse_key(message) : place.refuse(message);
}

Result<JsonSchema> read_arguments(const SchemaValue& value) {
  WRIT_ASSIGN(JsonSchema schema, read_schema(value));
  if (!schema.describes_object()) return value.refuse("'arguments': must be a schema with 'type: object'");
  return schema;
}

Result<CapabilityRights> read_rights(const SchemaValue& value) {
  CapabilityRights rights;
  WRIT_TRY(for_each_item(value, [&](const SchemaValue& item) -> Status {
    WRIT_ASSIGN(const std::string_view word, read_text(item));
    const Result<CapabilityRight> right = parse_capability_right(word);
    if (!right) return item.refuse(right.error().what);
    if (rights.has(*right)) return item.refuse("the right '" + std::string(word) + "' stands here twice");
    rights.add(*right);
    return {};
  }));
  if (rights.empty()) return value.refuse("'rights': is empty");
  return rights;
}

Result<ToolAuthority> read_authority_entry(const SchemaValue& value) {
  WRIT_TRY(check_keys(value, kAuthorityKeys));
  WRIT_ASSIGN(const SchemaValue resource, required_entry(value, "resource"));
  WRIT_ASSIGN(const std::string_view text, read_text(resource));
  Result<TypedResource> parsed = TypedResource::parse(text);
  if (!parsed) return resource.refuse(parsed.error().describe());
  WRIT_ASSIGN(const SchemaValue rights_value, required_entry(value, "rights"));
  WRIT_ASSIGN(const CapabilityRights rights, read_rights(rights_value));
  return ToolAuthority{std::move(*parsed), rights};
}

// None where the manifest does not speak of it.
Result<std::vector<ToolAuthority>> read_authority(const SchemaValue& root) {
  std::vector<ToolAuthority> authority;
  const YamlNode* found = root.node.find("authority");
  if (found == nullptr) return authority;
  const SchemaValue value = root.child(*found);
  if (value.node.children.size() > kToolAuthorityLimit) return value.refuse("'authority': has more than 64 entries");
  WRIT_TRY(for_each_item(value, [&](const SchemaValue& item) -> Status {
    WRIT_ASSIGN(ToolAuthority entry, read_authority_entry(item));
    authority.push_back(std::move(entry));
    return {};
  }));
  return authority;
}

Result<ToolLimits> read_limits(const SchemaValue& root) {
  ToolLimits limits;
  const YamlNode* found = root.node.find("limits");
  if (found == nullptr) return limits;
  const SchemaValue value = root.child(*found);
  WRIT_TRY(check_keys(value, kLimitKeys));
  if (const YamlNode* entry = value.node.find("wall_time"); entry != nullptr)
    WRIT_TRY(read_duration(value.child(*entry), kWallTime, limits.wall_time));
  if (const YamlNode* entry = value.node.find("requests"); entry != nullptr)
    WRIT_TRY(read_count(value.child(*entry), kRequests, limits.requests));
  if (const YamlNode* entry = value.node.find("result_bytes"); entry != nullptr)
    WRIT_TRY(read_size(value.child(*entry), kResultBytes, limits.result_bytes));
  return limits;
}

// Reads the required entry `key` with `read`.
template <class Read>
auto read_entry(const SchemaValue& root, std::string_view key, Read read) -> decltype(read(root)) {
  WRIT_ASSIGN(const SchemaValue value, required_entry(root, key));
  return read(value);
}

Status check_version(const SchemaValue& value) {
  std::uint64_t version = 0;
  return read_count(value, kVersion, version);
}

Result<ToolProgram> read_program(const SchemaValue& value) {
  ToolProgram program = ToolProgram::kNative;
  WRIT_TRY(read_word(value, kProgramWords, program));
  return program;
}

}  // namespace

bool is_tool_name(std::string_view name) {
  const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
  if (name.empty() || name.size() > kToolNameLimit || !is_lower(name.front())) return false;
  return std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_lower(c) || (c >= '0' && c <= '9') || c == '_'; });
}

Result<ToolManifest> ToolManifest::parse(std::string_view display_name, std::string_view text) {
  WRIT_ASSIGN(const YamlDocument document, parse_yaml(display_name, text));
  const SchemaValue root{document, document.root};
  WRIT_TRY(check_keys(root, kKeys));
  WRIT_TRY(read_entry(root, "version", check_version));
  WRIT_ASSIGN(std::string name, read_entry(root, "name", read_name));
  WRIT_ASSIGN(std::string description, read_entry(root, "description", read_description));
  WRIT_ASSIGN(const ToolProgram program, read_entry(root, "program", read_program));
  WRIT_ASSIGN(JsonSchema arguments, read_entry(root, "arguments", read_arguments));
  WRIT_ASSIGN(JsonSchema result, read_entry(root, "result", read_schema));
  ToolManifest manifest(std::move(arguments), std::move(result));
  manifest.name_ = std::move(name);
  manifest.description_ = std::move(description);
  manifest.program_ = program;
  WRIT_ASSIGN(manifest.authority_, read_authority(root));
  WRIT_ASSIGN(manifest.limits_, read_limits(root));
  return manifest;
}

bool ToolManifest::allows(CapabilityRight right, const TypedResource& exact) const {
  return std::any_of(authority_.begin(), authority_.end(), [&](const ToolAuthority& entry) {
    return entry.rights.has(right) && entry.resource.covers(exact);
  });
}

}  // namespace writ
