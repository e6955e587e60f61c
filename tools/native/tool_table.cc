#include "tools/native/tool_table.h"

#include <array>
#include <string>

#include "broker/base/escape.h"
#include "tools/native/edit_tool.h"
#include "tools/native/file_tools.h"
#include "tools/native/http_get_tool.h"
#include "tools/native/read_file_tool.h"
#include "tools/native/search_tools.h"
#include "tools/native/tool_arguments.h"
#include "tools/native/tool_wrappers.h"

namespace writ::tools {
namespace {

using ToolFunction = ToolResult<JsonValue> (*)(BrokerDoor&, const JsonValue&);

struct NativeTool {
  std::string_view name;
  ToolFunction run;
};

// {text} → {text}. Says that the way to a tool and back is open; it asks the broker for nothing.
ToolResult<JsonValue> echo(BrokerDoor& /*door*/, const JsonValue& arguments) {
  WRIT_TOOL_ASSIGN(StrictObject reader, StrictObject::open(arguments, ""));
  WRIT_TOOL_ASSIGN(std::string text, reader.text("text"));
  WRIT_TOOL_TRY(reader.finish());
  return JsonObject().set("text", std::move(text));
}

constexpr std::array kTools = {
    NativeTool{"read_file", read_file},
    NativeTool{"write_file", write_file},
    NativeTool{"edit", edit},
    NativeTool{"list_directory", list_directory},
    NativeTool{"delete", delete_path},
    NativeTool{"search", search},
    NativeTool{"find_files", find_files},
    NativeTool{"create_object_from_file", create_object_from_file},
    NativeTool{"write_object_to_file", write_object_to_file},
    NativeTool{"http_get", http_get},
    NativeTool{"echo", echo},
};

}  // namespace

ToolResult<JsonValue> run_tool(std::string_view name, BrokerDoor& door, const JsonValue& arguments) {
  for (const NativeTool& tool : kTools)
    if (tool.name == name) return tool.run(door, arguments);
  for (const ToolWrapper& wrapper : tool_wrappers())
    if (wrapper.tool == name) return run_wrapper(wrapper, door, arguments);
  return refuse(FailureCode::kUnknownName, "there is no native tool " + quote_bytes(name, 80));
}

std::vector<std::string_view> tool_names() {
  std::vector<std::string_view> names;
  names.reserve(kTools.size() + tool_wrappers().size());
  for (const NativeTool& tool : kTools) names.push_back(tool.name);
  for (const ToolWrapper& wrapper : tool_wrappers()) names.push_back(wrapper.tool);
  return names;
}

}  // namespace writ::tools
