#include "tools/native/edit_tool.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "broker/base/escape.h"
#include "tools/native/text_edits.h"
#include "tools/native/tool_arguments.h"
#include "tools/native/unified_patch.h"
#include "tools/native/workspace_files.h"

namespace writ::tools {
namespace {

using Change = std::variant<std::vector<TextEdit>, UnifiedPatch>;

struct Wanted {
  std::string path;
  Change change;
};

struct Changed {
  std::string text;
  JsonObject result;  // what the change says about itself
};

ToolResult<TextEdit> edit_of(const JsonValue& value, std::size_t index) {
  WRIT_TOOL_ASSIGN(StrictObject reader, StrictObject::open(value, "edits[" + std::to_string(index) + "]"));
  TextEdit edit;
  WRIT_TOOL_ASSIGN(edit.old_text, reader.text("old"));
  WRIT_TOOL_ASSIGN(edit.new_text, reader.text("new"));
  WRIT_TOOL_ASSIGN(const bool all, flag_argument(reader, "all", false));
  WRIT_TOOL_TRY(reader.finish());
  edit.occurrences = all ? Occurrences::kAll : Occurrences::kOne;
  return edit;
}

ToolResult<std::vector<TextEdit>> edits_of(const JsonValue& value) {
  const auto* array = std::get_if<JsonArray>(&value.storage());
  if (array == nullptr || array->elements().empty())
    return refuse(FailureCode::kInvalidArguments,
                  "'edits' must be a list of {old, new, all} with at least one element");
  std::vector<TextEdit> edits;
  for (const JsonValue& element : array->elements()) {
    WRIT_TOOL_ASSIGN(TextEdit each, edit_of(element, edits.size()));
    edits.push_back(std::move(each));
  }
  return edits;
}

ToolResult<Change> change_of(StrictObject& reader) {
  const JsonValue* edits = reader.member("edits");
  WRIT_TOOL_ASSIGN(const std::optional<std::string> patch, reader.optional_text("patch"));
  if ((edits != nullptr) == patch.has_value())
    return refuse(FailureCode::kInvalidArguments, "give either 'edits' or 'patch'");
  if (patch) {
    WRIT_TOOL_ASSIGN(UnifiedPatch parsed, UnifiedPatch::parse(*patch));
    return Change(std::move(parsed));
  }
  WRIT_TOOL_ASSIGN(std::vector<TextEdit> list, edits_of(*edits));
  return Change(std::move(list));
}

ToolResult<Wanted> wanted_of(const JsonValue& arguments) {
  WRIT_TOOL_ASSIGN(StrictObject reader, StrictObject::open(arguments, ""));
  WRIT_TOOL_ASSIGN(std::string path, path_argument(reader, "path"));
  WRIT_TOOL_ASSIGN(Change change, change_of(reader));
  WRIT_TOOL_TRY(reader.finish());
  return Wanted{std::move(path), std::move(change)};
}

ToolResult<Changed> change_text(std::string text, const Change& change) {
  if (const auto* patch = std::get_if<UnifiedPatch>(&change); patch != nullptr) {
    WRIT_TOOL_ASSIGN(std::string patched, patch->apply(text));
    return Changed{std::move(patched), JsonObject().set("hunks", patch->hunks().size())};
  }
  WRIT_TOOL_ASSIGN(EditedText edited, apply_edits(std::move(text), std::get<std::vector<TextEdit>>(change)));
  return Changed{std::move(edited.text), JsonObject().set("replacements", edited.replacements)};
}

bool creates_file(const Change& change) {
  const auto* patch = std::get_if<UnifiedPatch>(&change);
  return patch != nullptr && patch->creates_file();
}

// What is changed: the file, or nothing at all where the patch makes a new one. The broker then holds the expectation.
DoorResult<FileText> text_to_change(BrokerDoor& door, const Wanted& wanted) {
  if (creates_file(wanted.change)) return FileText{"", "missing"};
  return read_text(door, wanted.path, kTextLimit);
}

}  // namespace

ToolResult<JsonValue> edit(BrokerDoor& door, const JsonValue& arguments) {
  WRIT_TOOL_ASSIGN(const Wanted wanted, wanted_of(arguments));
  DoorResult<FileText> before = text_to_change(door, wanted);
  if (!before) return refuse_request("read " + quote_bytes(wanted.path), before.error());
  WRIT_TOOL_ASSIGN(Changed changed, change_text(std::move(before->text), wanted.change));
  DoorResult<WrittenFile> written =
      write_text(door, {wanted.path, std::move(changed.text), Overwrite::kYes, std::move(before->content_sha256)});
  if (!written) return refuse_request("write " + quote_bytes(wanted.path), written.error());
  return std::move(changed.result).set("size", written->size).set("content_sha256", written->content_sha256);
}

}  // namespace writ::tools
