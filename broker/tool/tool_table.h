// ToolTable: which tools a session can call, and which of them a model is shown.
//
// Neither is authority. That a tool is callable says that its name leads somewhere; that it is visible says that a
// model knows of it. What it may do is decided for each of its requests anew, by policy and capabilities, and a name
// that was hidden is no safer than one that was not.
//
//   the table        complete: every tool that a call may name
//   the projection   what a model sees: hides some of the table and can never add to it
//
// Names are unique and never replaced: a tool that was made at run time cannot take the place of another.
// Threads: as safe as any container. Copies share the manifests.
#ifndef WRIT_BROKER_TOOL_TOOL_TABLE_H_
#define WRIT_BROKER_TOOL_TOOL_TABLE_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/json_text.h"
#include "broker/tool/tool_manifest.h"

namespace writ {

inline constexpr std::size_t kToolTableLimit = 1024;  // tools

// A tool that was made in this session, as the table knows it.
struct MadeTool {
  std::string name;
  std::string description;
  JsonSchema arguments;
};

class CallableTool {
 public:
  explicit CallableTool(std::shared_ptr<const ToolManifest> manifest) : tool_(std::move(manifest)) {}
  explicit CallableTool(std::shared_ptr<const MadeTool> made) : tool_(std::move(made)) {}

  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] const std::string& description() const;
  [[nodiscard]] const JsonSchema& arguments() const;
  // One of the two is nullptr.
  [[nodiscard]] const ToolManifest* manifest() const;
  [[nodiscard]] const MadeTool* made() const;

 private:
  std::variant<std::shared_ptr<const ToolManifest>, std::shared_ptr<const MadeTool>> tool_;
};

class ToolTable {
 public:
  // Adds a tool; a model sees it from then on. Errors: there is one of that name; for a tool that was made, a name that
  // is none, or a description or schema that no manifest could have; the table is full.
  [[nodiscard]] Status add(ToolManifest manifest);
  [[nodiscard]] Status add(MadeTool made);

  // Chooses what a model sees: these and no others, until another projection, or until a tool is added. Error, and
  // nothing is changed: a name that is not in the table, with a suggestion, or one that stands there twice.
  [[nodiscard]] Status project(const std::vector<std::string>& names);

  // The tool of that name, hidden or not, or nullptr. Valid until the table is destroyed.
  [[nodiscard]] const CallableTool* find(std::string_view name) const;
  // Both sorted.
  [[nodiscard]] std::vector<std::string> callable() const;
  [[nodiscard]] std::vector<std::string> visible() const;

  // What a model is given, sorted by name: [{"name", "description", "arguments": schema}], of the visible tools.
  [[nodiscard]] JsonArray model_schemas() const;

 private:
  Status insert(CallableTool tool);

  std::map<std::string, CallableTool, std::less<>> tools_;
  std::set<std::string, std::less<>> hidden_;
};

}  // namespace writ

#endif  // WRIT_BROKER_TOOL_TOOL_TABLE_H_
