#include "broker/tool/tool_table.h"

#include <utility>

#include "broker/base/escape.h"
#include "broker/base/name_suggestion.h"

namespace writ {

const std::string& CallableTool::name() const {
  const MadeTool* made_here = made();
  return made_here != nullptr ? made_here->name : manifest()->name();
}

const std::string& CallableTool::description() const {
  const MadeTool* made_here = made();
  return made_here != nullptr ? made_here->description : manifest()->description();
}

const JsonSchema& CallableTool::arguments() const {
  const MadeTool* made_here = made();
  return made_here != nullptr ? made_here->arguments : manifest()->arguments();
}

const ToolManifest* CallableTool::manifest() const {
  const auto* held = std::get_if<std::shared_ptr<const ToolManifest>>(&tool_);
  return held == nullptr ? nullptr : held->get();
}

const MadeTool* CallableTool::made() const {
  const auto* held = std::get_if<std::shared_ptr<const MadeTool>>(&tool_);
  return held == nullptr ? nullptr : held->get();
}

Status ToolTable::insert(CallableTool tool) {
  if (tools_.size() >= kToolTableLimit) return fail("the table of tools is full (limit 1024)");
  const std::string name = tool.name();
  if (!tools_.emplace(name, std::move(tool)).second)
    return fail("there is a tool " + quote_bytes(name) + " already, and no other can take its place");
  return {};
}

Status ToolTable::add(ToolManifest manifest) {
  return insert(CallableTool(std::make_shared<const ToolManifest>(std::move(manifest))));
}

Status ToolTable::add(MadeTool made) {
  if (!is_tool_name(made.name)) return fail(quote_bytes(made.name, 80) + " is no name of a tool");
  if (made.description.empty() || made.description.size() > kToolDescriptionLimit)
    return fail("the description of a tool must be 1 to 1024 bytes");
  if (!made.arguments.describes_object()) return fail("the arguments of a tool must be of the type object");
  return insert(CallableTool(std::make_shared<const MadeTool>(std::move(made))));
}

Status ToolTable::project(const std::vector<std::string>& names) {
  std::set<std::string, std::less<>> hidden;
  for (const auto& [name, tool] : tools_) hidden.insert(name);
  for (const std::string& name : names) {
    if (hidden.erase(name) == 1) continue;
    if (find(name) != nullptr) return fail("the tool " + quote_bytes(name) + " is named twice");
    std::vector<std::string_view> known;
    for (const auto& [each, tool] : tools_) known.push_back(each);
    return fail("there is no tool " + quote_bytes(name, 80) + did_you_mean(name, known));
  }
  hidden_ = std::move(hidden);
  return {};
}

const CallableTool* ToolTable::find(std::string_view name) const {
  const auto found = tools_.find(name);
  return found == tools_.end() ? nullptr : &found->second;
}

std::vector<std::string> ToolTable::callable() const {
  std::vector<std::string> names;
  for (const auto& [name, tool] : tools_) names.push_back(name);
  return names;
}

std::vector<std::string> ToolTable::visible() const {
  std::vector<std::string> names;
  for (const auto& [name, tool] : tools_)
    if (!hidden_.contains(name)) names.push_back(name);
  return names;
}

JsonArray ToolTable::model_schemas() const {
  JsonArray schemas;
  for (const auto& [name, tool] : tools_) {
    if (hidden_.contains(name)) continue;
    JsonObject entry;
    entry.set("name", name).set("description", tool.description()).set("arguments", tool.arguments().text());
    schemas.add(std::move(entry));
  }
  return schemas;
}

}  // namespace writ
