#include "launcher/tool_lines.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "broker/base/strict_object.h"

namespace writ {

Result<ToolLine> read_tool_line(std::string_view line) {
  WRIT_ASSIGN(const JsonValue document, parse_json(line));
  WRIT_ASSIGN(StrictObject object, StrictObject::open(document, "line"));
  ToolLine asked;
  if (const JsonValue* id = object.member("id")) asked.id = *id;
  WRIT_ASSIGN(const std::optional<bool> tools, object.optional_flag("tools"));
  asked.tools = tools.value_or(false);
  if (!asked.tools) {
    WRIT_ASSIGN(asked.tool, object.text("tool"));
    const JsonValue* arguments = object.member("arguments");
    asked.arguments = arguments == nullptr ? JsonValue(JsonObject()) : *arguments;
  }
  WRIT_TRY(object.finish());
  return asked;
}

JsonValue id_of_line(std::string_view line) {
  const auto document = parse_json(line);
  const auto* object = document ? std::get_if<JsonObject>(&document->storage()) : nullptr;
  const JsonValue* id = object == nullptr ? nullptr : object->find("id");
  return id == nullptr ? JsonValue() : *id;
}

bool ToolLines::is_waiting() const {
  pollfd entry{descriptor_, POLLIN, 0};
  return !read_.empty() || ::poll(&entry, 1, 0) > 0;
}

Result<std::optional<std::string>> ToolLines::next() {
  for (;;) {
    const std::size_t end = read_.find('\n', looked_at_);
    if (end != std::string::npos || (over_ && !read_.empty())) {
      std::string line = read_.substr(0, end);
      read_.erase(0, end == std::string::npos ? end : end + 1);
      looked_at_ = 0;
      return std::optional<std::string>(std::move(line));
    }
    if (over_) return std::optional<std::string>();
    looked_at_ = read_.size();
    if (read_.size() > kToolLineLimit) return fail("a line of standard input is longer than 2 MiB");
    std::array<char, 65536> part;
    const ssize_t got = ::read(descriptor_, part.data(), part.size());
    if (got < 0 && errno == EAGAIN) {
      pollfd entry{descriptor_, POLLIN, 0};
      (void)::poll(&entry, 1, -1);
    } else if (got < 0 && errno != EINTR) {
      return fail_errno(errno, "cannot read standard input");
    }
    if (got == 0) over_ = true;
    if (got > 0) read_.append(part.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace writ
