#include "tools/native/read_file_tool.h"

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/escape.h"
#include "tools/native/descriptor_reading.h"
#include "tools/native/line_window.h"
#include "tools/native/sha256.h"
#include "tools/native/tool_arguments.h"
#include "tools/native/workspace_files.h"

namespace writ::tools {
namespace {

constexpr std::int64_t kSmallFile = 64 * 1024;  // what one packet of the broker socket carries, nearly
constexpr std::uint64_t kWholeFileLimit = 256 * 1024 * 1024;
constexpr std::int64_t kMostLines = std::numeric_limits<std::int64_t>::max() / 2;
constexpr std::int64_t kLeastBytes = 16;  // at least one character of any kind

struct Wanted {
  std::string path;
  LineRange range;
};

ToolResult<Wanted> wanted_of(const JsonValue& arguments) {
  WRIT_TOOL_ASSIGN(StrictObject reader, StrictObject::open(arguments, ""));
  WRIT_TOOL_ASSIGN(std::string path, path_argument(reader, "path"));
  WRIT_TOOL_ASSIGN(const std::int64_t first, number_argument(reader, "offset_line", {1, 1, kMostLines}));
  WRIT_TOOL_ASSIGN(const std::int64_t count, number_argument(reader, "limit_lines", {kMostLines, 1, kMostLines}));
  WRIT_TOOL_ASSIGN(const std::int64_t bytes,
                   number_argument(reader, "max_bytes", {kSmallFile, kLeastBytes, kTextLimit}));
  WRIT_TOOL_TRY(reader.finish());
  return Wanted{
      std::move(path),
      {static_cast<std::uint64_t>(first), static_cast<std::uint64_t>(count), static_cast<std::uint64_t>(bytes)}};
}

enum class Extent { kWhole, kStart };  // of the file that was looked at

struct Seen {
  LineWindow window;
  Extent extent = Extent::kWhole;
  std::string content_sha256;
};

DoorResult<Seen> see_text(const FileText& file, const Wanted& wanted) {
  Seen seen{LineWindow(wanted.range), Extent::kWhole, file.content_sha256};
  seen.window.feed(file.text);
  return seen;
}

DoorResult<Seen> see_descriptor(const OpenFile& file, const Wanted& wanted) {
  Seen seen{LineWindow(wanted.range), Extent::kWhole, {}};
  Sha256 sum;
  std::vector<char> piece(kReadPiece);
  for (std::uint64_t total = 0;;) {
    const DoorResult<std::size_t> got = read_bytes(file.descriptor.get(), piece);
    if (!got) return tl::unexpected(got.error());
    if (*got == 0) break;
    const std::string_view bytes(piece.data(), *got);
    seen.window.feed(bytes);
    total += *got;
    if (total > kWholeFileLimit)
      seen.extent = Extent::kStart;
    else
      sum.update(bytes);
    // One byte after the window is enough to know that there is more.
    if (seen.extent == Extent::kStart && seen.window.is_full() && seen.window.has_more()) return seen;
  }
  if (seen.extent == Extent::kWhole) seen.content_sha256 = sum.finish();
  return seen;
}

DoorResult<Seen> see(BrokerDoor& door, const Wanted& wanted) {
  DoorResult<FileText> text = read_text(door, wanted.path, kSmallFile);
  if (text) return see_text(*text, wanted);
  if (text.error().code != FailureCode::kTooLarge) return tl::unexpected(std::move(text.error()));
  DoorResult<OpenFile> file = open_file(door, wanted.path);
  if (!file) return tl::unexpected(std::move(file.error()));
  return see_descriptor(*file, wanted);
}

}  // namespace

ToolResult<JsonValue> read_file(BrokerDoor& door, const JsonValue& arguments) {
  WRIT_TOOL_ASSIGN(const Wanted wanted, wanted_of(arguments));
  DoorResult<Seen> seen = see(door, wanted);
  if (!seen) return refuse_request("read " + quote_bytes(wanted.path), seen.error());
  LineWindow& window = seen->window;
  window.finish();
  if (!is_valid_utf8(window.text()))
    return refuse(FailureCode::kWrongKind, "cannot read " + quote_bytes(wanted.path) + ": it is not UTF-8 text");
  JsonObject result;
  result.set("text", window.text()).set("first_line", wanted.range.first).set("lines", window.lines());
  if (seen->extent == Extent::kWhole)
    result.set("total_lines", window.total_lines()).set("content_sha256", seen->content_sha256);
  return result.set("truncated", window.has_more());
}

}  // namespace writ::tools
