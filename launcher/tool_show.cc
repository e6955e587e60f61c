#include <algorithm>
#include <string>

#include "broker/base/escape.h"
#include "broker/sandbox/launch.h"
#include "launcher/message.h"
#include "launcher/tool_actions.h"
#include "launcher/tool_manifests.h"

namespace writ {
namespace {

JsonArray authority_json(const ToolManifest& manifest) {
  JsonArray list;
  for (const ToolAuthority& entry : manifest.authority())
    list.add(JsonObject().set("resource", entry.resource.text()).set("rights", capability_rights_text(entry.rights)));
  return list;
}

JsonObject manifest_json(const ToolManifest& manifest) {
  JsonObject limits;
  limits.set("wall_time_ms", manifest.limits().wall_time.count())
      .set("requests", manifest.limits().requests)
      .set("result_bytes", manifest.limits().result_bytes);
  JsonObject object;
  object.set("name", manifest.name())
      .set("description", manifest.description())
      .set("authority", authority_json(manifest))
      .set("limits", std::move(limits))
      .set("arguments", manifest.arguments().text())
      .set("result", manifest.result().text());
  return object;
}

std::string manifest_text(const ToolManifest& manifest) {
  std::string text = manifest.name() + ": " + manifest.description() + "\n\nCould reach at most:\n";
  if (manifest.authority().empty()) text += "  nothing\n";
  for (const ToolAuthority& entry : manifest.authority())
    text += "  " + capability_rights_text(entry.rights) + " " + entry.resource.text() + "\n";
  text += "\nLimits of one call: " + std::to_string(manifest.limits().wall_time.count()) + " ms, " +
          std::to_string(manifest.limits().requests) + " requests, " + std::to_string(manifest.limits().result_bytes) +
          " bytes of result\n";
  text += "\nArguments:\n" + manifest.arguments().text().to_text(2) + "\n";
  return text + "\nResult:\n" + manifest.result().text().to_text(2) + "\n";
}

}  // namespace

int run_tool_list(const ToolOptions& options, const CeilingFile&) {
  const auto table = shipped_tools(options.visible);
  if (!table) {
    print_message(table.error().describe());
    return kExitWritFailed;
  }
  if (options.format == OutputFormat::kJson)
    return print_result(JsonValue(table->model_schemas()).to_text(2) + "\n", 0);
  const std::vector<std::string> names = table->visible();
  std::size_t width = 0;
  for (const std::string& name : names) width = std::max(width, name.size());
  std::string text;
  for (const std::string& name : names)
    text += name + std::string(width + 2 - name.size(), ' ') + table->find(name)->description() + "\n";
  return print_result(text, 0);
}

int run_tool_show(const ToolOptions& options, const CeilingFile&) {
  const auto table = shipped_tools({});
  if (!table) {
    print_message(table.error().describe());
    return kExitWritFailed;
  }
  const CallableTool* tool = table->find(options.words.front());
  if (tool == nullptr) {
    print_message("there is no tool " + quote_bytes(options.words.front()) + "; `writ tool list` lists them");
    return kExitUnknownTool;
  }
  const ToolManifest& manifest = *tool->manifest();
  const bool json = options.format == OutputFormat::kJson;
  return print_result(json ? JsonValue(manifest_json(manifest)).to_text(2) + "\n" : manifest_text(manifest), 0);
}

}  // namespace writ
