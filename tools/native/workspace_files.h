// The filesystem primitives as functions with types. Each is one request.
#ifndef WRIT_TOOLS_NATIVE_WORKSPACE_FILES_H_
#define WRIT_TOOLS_NATIVE_WORKSPACE_FILES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/native/broker_door.h"

namespace writ::tools {

inline constexpr std::int64_t kTextLimit = 1024 * 1024;  // of filesystem.read_text
inline constexpr std::int64_t kEntriesLimit = 10'000;    // of filesystem.read_directory

struct FileText {
  std::string text;
  std::string content_sha256;
};

struct OpenFile {
  UniqueFd descriptor;  // read-only, at the start of the file
  std::uint64_t size = 0;
};

enum class EntryKind { kFile, kDirectory, kOther };

struct DirectoryEntry {
  std::string name;
  EntryKind kind = EntryKind::kOther;
  bool escaped = false;  // the name is not UTF-8 and cannot be asked for
};

struct Directory {
  std::vector<DirectoryEntry> entries;  // by name
  bool complete = true;
};

enum class Overwrite { kNo, kYes };

struct TextToWrite {
  std::string path;
  std::string text;
  Overwrite overwrite = Overwrite::kYes;
  std::optional<std::string> expected_content_sha256;  // or "missing"
};

struct WrittenFile {
  std::uint64_t size = 0;
  std::string content_sha256;
  bool created = false;
};

// Errors of all: the broker's refusal; kFailed where a reply has not the agreed shape.
[[nodiscard]] DoorResult<FileText> read_text(BrokerDoor& door, const std::string& path, std::int64_t max_bytes);
[[nodiscard]] DoorResult<OpenFile> open_file(BrokerDoor& door, const std::string& path);
[[nodiscard]] DoorResult<Directory> read_directory(BrokerDoor& door, const std::string& path, std::int64_t limit);
[[nodiscard]] DoorResult<WrittenFile> write_text(BrokerDoor& door, TextToWrite file);
// Makes the directory and those above it, where they are missing.
[[nodiscard]] DoorResult<void> make_directories(BrokerDoor& door, const std::string& path);

// The directory that `path` stands in, "" where it names none. Purely by the text.
[[nodiscard]] std::string parent_of(const std::string& path);

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_WORKSPACE_FILES_H_
