#include "tools/native/file_tools.h"

#include <optional>
#include <variant>

#include "broker/base/escape.h"
#include "tools/native/reply_reading.h"
#include "tools/native/tool_arguments.h"
#include "tools/native/workspace_files.h"

namespace writ::tools {
namespace {

constexpr std::int64_t kObjectLimit = 200'000;  // bytes of one object's payload

enum class Parents { kMustExist, kMade };

JsonValue written_result(const WrittenFile& written) {
  return JsonObject()
      .set("size", written.size)
      .set("content_sha256", written.content_sha256)
      .set("created", written.created);
}

// Parents are made only when writing found that they are missing: a caller may write a file and yet not make
// directories.
ToolResult<JsonValue> write_with_parents(BrokerDoor& door, const TextToWrite& file, Parents parents) {
  DoorResult<WrittenFile> written = write_text(door, file);
  const std::string parent = parent_of(file.path);
  if (!written && written.error().code == FailureCode::kNotFound && parents == Parents::kMade && !parent.empty()) {
    if (DoorResult<void> made = make_directories(door, parent); !made)
      return refuse_request("make the directory " + quote_bytes(parent), made.error());
    written = write_text(door, file);
  }
  if (!written) return refuse_request("write " + quote_bytes(file.path), written.error());
  return written_result(*written);
}

struct ObjectName {
  std::string name;
  std::optional<std::string> name_space;

  // The arguments that name the object in a request.
  [[nodiscard]] JsonObject arguments() const {
    JsonObject result;
    result.set("name", name);
    if (name_space) result.set("namespace", *name_space);
    return result;
  }
};

ToolResult<ObjectName> object_name(StrictObject& arguments) {
  ObjectName object;
  WRIT_TOOL_ASSIGN(object.name, arguments.text("name"));
  WRIT_TOOL_ASSIGN(object.name_space, arguments.optional_text("namespace"));
  return object;
}

std::string payload_text(const JsonValue& payload) {
  const auto* text = std::get_if<std::string>(&payload.storage());
  return text == nullptr ? payload.to_text(2) + "\n" : *text;
}

}  // namespace

ToolResult<JsonValue> write_file(BrokerDoor& door, const JsonValue& arguments) {
  WRIT_TOOL_ASSIGN(StrictObject reader, StrictObject::open(arguments, ""));
  TextToWrite file;
  WRIT_TOOL_ASSIGN(file.path, path_argument(reader, "path"));
  WRIT_TOOL_ASSIGN(file.text, reader.text("text"));
  WRIT_TOOL_ASSIGN(const bool overwrite, flag_argument(reader, "overwrite", true));
  WRIT_TOOL_ASSIGN(file.expected_content_sha256, reader.optional_text("expected_content_sha256"));
  WRIT_TOOL_ASSIGN(const bool make_parents, flag_argument(reader, "make_parents", false));
  WRIT_TOOL_TRY(reader.finish());
  file.overwrite = overwrite ? Overwrite::kYes : Overwrite::kNo;
  return write_with_parents(door, file, make_parents ? Parents::kMade : Parents::kMustExist);
}

ToolResult<JsonValue> list_directory(BrokerDoor& door, const JsonValue& arguments) {
  WRIT_TOOL_ASSIGN(StrictObject reader, StrictObject::open(arguments, ""));
  WRIT_TOOL_ASSIGN(const std::optional<std::string> given, reader.optional_text("path"));
  WRIT_TOOL_ASSIGN(const std::int64_t limit, number_argument(reader, "limit", {1024, 1, kEntriesLimit}));
  WRIT_TOOL_TRY(reader.finish());
  const std::string path = given.value_or(".");
  DoorResult<Reply> reply =
      door.request("filesystem.read_directory", JsonObject().set("path", path).set("limit", limit));
  if (!reply) return refuse_request("list " + quote_bytes(path), reply.error());
  return std::move(reply->value);
}

ToolResult<JsonValue> delete_path(BrokerDoor& door, const JsonValue& arguments) {
  WRIT_TOOL_ASSIGN(StrictObject reader, StrictObject::open(arguments, ""));
  WRIT_TOOL_ASSIGN(const std::string path, path_argument(reader, "path"));
  WRIT_TOOL_ASSIGN(const bool recursive, flag_argument(reader, "recursive", false));
  WRIT_TOOL_ASSIGN(const bool missing_ok, flag_argument(reader, "missing_ok", false));
  WRIT_TOOL_TRY(reader.finish());
  const JsonObject target = JsonObject().set("path", path).set("missing_ok", missing_ok);
  DoorResult<Reply> reply = door.request("filesystem.delete_file", target);
  if (!reply && reply.error().code == FailureCode::kWrongKind)
    reply = door.request("filesystem.delete_directory", JsonObject(target).set("recursive", recursive));
  if (!reply) return refuse_request("delete " + quote_bytes(path), reply.error());
  return std::move(reply->value);
}

ToolResult<JsonValue> create_object_from_file(BrokerDoor& door, const JsonValue& arguments) {
  WRIT_TOOL_ASSIGN(StrictObject reader, StrictObject::open(arguments, ""));
  WRIT_TOOL_ASSIGN(const std::string path, path_argument(reader, "path"));
  WRIT_TOOL_ASSIGN(const ObjectName object, object_name(reader));
  WRIT_TOOL_TRY(reader.finish());
  DoorResult<FileText> file = read_text(door, path, kObjectLimit);
  if (!file) return refuse_request("read " + quote_bytes(path), file.error());
  const std::size_t size = file->text.size();
  DoorResult<Reply> reply = door.request(
      "memory.create_object", object.arguments().set("type", "artifact").set("payload", std::move(file->text)));
  if (!reply) return refuse_request("create the object " + quote_bytes(object.name), reply.error());
  JsonObject result;
  for (const char* key : {"oid", "name", "version"})
    if (const JsonValue* member = reply_member(reply->value, key); member != nullptr) result.set(key, *member);
  return result.set("size", size).set("content_sha256", file->content_sha256);
}

ToolResult<JsonValue> write_object_to_file(BrokerDoor& door, const JsonValue& arguments) {
  WRIT_TOOL_ASSIGN(StrictObject reader, StrictObject::open(arguments, ""));
  WRIT_TOOL_ASSIGN(const ObjectName object, object_name(reader));
  WRIT_TOOL_ASSIGN(std::string path, path_argument(reader, "path"));
  WRIT_TOOL_ASSIGN(const bool overwrite, flag_argument(reader, "overwrite", true));
  WRIT_TOOL_TRY(reader.finish());
  DoorResult<Reply> reply = door.request("memory.read_object", object.arguments());
  if (!reply) return refuse_request("read the object " + quote_bytes(object.name), reply.error());
  const JsonValue* payload = reply_member(reply->value, "payload");
  if (payload == nullptr) return refuse_request("read the object " + quote_bytes(object.name), RequestError{});
  return write_with_parents(
      door, {std::move(path), payload_text(*payload), overwrite ? Overwrite::kYes : Overwrite::kNo, std::nullopt},
      Parents::kMustExist);
}

}  // namespace writ::tools
