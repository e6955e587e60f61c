#include "tools/native/workspace_files.h"

#include <utility>
#include <variant>

#include "tools/native/reply_reading.h"

namespace writ::tools {
namespace {

tl::unexpected<RequestError> wrong_shape() { return tl::unexpected(RequestError{FailureCode::kFailed, {}}); }

EntryKind kind_of(const std::string& word) {
  if (word == "file") return EntryKind::kFile;
  return word == "directory" ? EntryKind::kDirectory : EntryKind::kOther;
}

}  // namespace

DoorResult<FileText> read_text(BrokerDoor& door, const std::string& path, std::int64_t max_bytes) {
  DoorResult<Reply> reply =
      door.request("filesystem.read_text", JsonObject().set("path", path).set("max_bytes", max_bytes));
  if (!reply) return tl::unexpected(std::move(reply.error()));
  std::optional<std::string> text = reply_text(reply->value, "text");
  std::optional<std::string> sum = reply_text(reply->value, "content_sha256");
  if (!text || !sum) return wrong_shape();
  return FileText{std::move(*text), std::move(*sum)};
}

DoorResult<OpenFile> open_file(BrokerDoor& door, const std::string& path) {
  DoorResult<Reply> reply = door.request("filesystem.open", JsonObject().set("path", path));
  if (!reply) return tl::unexpected(std::move(reply.error()));
  const std::optional<std::uint64_t> size = reply_count(reply->value, "size");
  if (!size || reply->descriptors.size() != 1) return wrong_shape();
  return OpenFile{std::move(reply->descriptors.front()), *size};
}

DoorResult<Directory> read_directory(BrokerDoor& door, const std::string& path, std::int64_t limit) {
  DoorResult<Reply> reply =
      door.request("filesystem.read_directory", JsonObject().set("path", path).set("limit", limit));
  if (!reply) return tl::unexpected(std::move(reply.error()));
  const JsonValue* entries = reply_member(reply->value, "entries");
  const auto* array = entries == nullptr ? nullptr : std::get_if<JsonArray>(&entries->storage());
  if (array == nullptr) return wrong_shape();
  Directory directory;
  directory.complete = reply_flag(reply->value, "complete");
  for (const JsonValue& each : array->elements()) {
    std::optional<std::string> name = reply_text(each, "name");
    if (!name) return wrong_shape();
    directory.entries.push_back(
        {std::move(*name), kind_of(reply_text(each, "kind").value_or("")), reply_flag(each, "escaped")});
  }
  return directory;
}

DoorResult<WrittenFile> write_text(BrokerDoor& door, TextToWrite file) {
  JsonObject arguments;
  arguments.set("path", std::move(file.path)).set("text", std::move(file.text));
  arguments.set("overwrite", file.overwrite == Overwrite::kYes);
  if (file.expected_content_sha256) arguments.set("expected_content_sha256", std::move(*file.expected_content_sha256));
  DoorResult<Reply> reply = door.request("filesystem.write_text", std::move(arguments));
  if (!reply) return tl::unexpected(std::move(reply.error()));
  const std::optional<std::uint64_t> size = reply_count(reply->value, "size");
  std::optional<std::string> sum = reply_text(reply->value, "content_sha256");
  if (!size || !sum) return wrong_shape();
  return WrittenFile{*size, std::move(*sum), reply_flag(reply->value, "created")};
}

DoorResult<void> make_directories(BrokerDoor& door, const std::string& path) {
  DoorResult<Reply> reply = door.request("filesystem.write_directory",
                                         JsonObject().set("path", path).set("parents", true).set("exist_ok", true));
  if (!reply) return tl::unexpected(std::move(reply.error()));
  return {};
}

std::string parent_of(const std::string& path) {
  const std::size_t end = path.find_last_not_of('/');
  const std::size_t slash = end == std::string::npos ? end : path.rfind('/', end);
  if (slash == std::string::npos) return {};
  const std::size_t last = path.find_last_not_of('/', slash);
  return last == std::string::npos ? std::string() : path.substr(0, last + 1);
}

}  // namespace writ::tools
