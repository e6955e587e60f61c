// ToolManifest: what one tool says about itself, from a file tools/NAME.yaml (docs/tools.md).
//
// `authority` is an upper bound and never a grant: a tool may do what its manifest *and* the session's policy and
// capabilities allow. A tool whose manifest names everything still has nothing until somebody gives it something, and
// one that was given everything still has no more than its manifest names.
//
// Immutable; cheap to copy but for the authority. Pure; any thread.
#ifndef WRIT_BROKER_TOOL_TOOL_MANIFEST_H_
#define WRIT_BROKER_TOOL_TOOL_MANIFEST_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/capability/capability_rights.h"
#include "broker/capability/typed_resource.h"
#include "broker/tool/json_schema.h"

namespace writ {

inline constexpr std::size_t kToolNameLimit = 64;           // bytes
inline constexpr std::size_t kToolDescriptionLimit = 1024;  // bytes
inline constexpr std::size_t kToolAuthorityLimit = 64;      // entries

// [a-z][a-z0-9_]{0,63}
[[nodiscard]] bool is_tool_name(std::string_view name);

enum class ToolProgram : std::uint8_t { kNative };
inline constexpr std::array<std::string_view, 1> kToolProgramNames = {"native"};

struct ToolAuthority {
  TypedResource resource;  // may be a set: filesystem:workspace:*
  CapabilityRights rights;
};

struct ToolLimits {
  std::chrono::milliseconds wall_time = std::chrono::seconds(30);  // of one call
  std::uint64_t requests = 1000;                                   // of one call, to the broker
  std::uint64_t result_bytes = 1'572'864;                          // of the JSON text of the result
};

class ToolManifest {
 public:
  // Errors: what the format does not have, as file:line:column with the source line. `display_name` is how messages
  // call the file.
  [[nodiscard]] static Result<ToolManifest> parse(std::string_view display_name, std::string_view text);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& description() const { return description_; }
  [[nodiscard]] ToolProgram program() const { return program_; }
  [[nodiscard]] const JsonSchema& arguments() const { return arguments_; }
  [[nodiscard]] const JsonSchema& result() const { return result_; }
  [[nodiscard]] const std::vector<ToolAuthority>& authority() const { return authority_; }
  [[nodiscard]] const ToolLimits& limits() const { return limits_; }

  // The upper bound: whether the tool may ask for this at all. True is not a permission.
  [[nodiscard]] bool allows(CapabilityRight right, const TypedResource& exact) const;

 private:
  ToolManifest(JsonSchema arguments, JsonSchema result)
      : arguments_(std::move(arguments)), result_(std::move(result)) {}

  std::string name_;
  std::string description_;
  ToolProgram program_ = ToolProgram::kNative;
  JsonSchema arguments_;
  JsonSchema result_;
  std::vector<ToolAuthority> authority_;
  ToolLimits limits_;
};

}  // namespace writ

#endif  // WRIT_BROKER_TOOL_TOOL_MANIFEST_H_
