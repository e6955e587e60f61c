#include "broker/daemon/sandbox_record.h"

#include <utility>

#include "broker/base/escape.h"
#include "broker/base/strict_object.h"

namespace writ {

std::string command_line_text(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    const bool plain = !word.empty() && word.find_first_of(" '\"$`\\|&;<>()*?[]{}~#\n\t") == std::string::npos;
    text += plain ? escape_bytes(word) : quote_bytes(word);
    if (text.size() <= kKeptCommandLimit) continue;
    std::size_t end = kKeptCommandLimit;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0u) == 0x80u) --end;  // whole characters of UTF-8
    text.resize(end);
    return text.append("…");
  }
  return text;
}

JsonObject sandbox_json(const SandboxRecord& record) {
  JsonObject object;
  object.set("sandbox", value_of(record.number))
      .set("state", state_name(record.state))
      .set("way", kSandboxWayNames[static_cast<std::size_t>(record.way)])
      .set("attendance", kAttendanceNames[static_cast<std::size_t>(record.attendance)])
      .set("terminal", record.has_terminal)
      .set("pid", record.pid)
      .set("client", record.client)
      .set("command", record.command)
      .set("profile", record.profile)
      .set("workspace", record.workspace)
      .set("started_ms", record.started_ms);
  if (!is_over(record.state)) return object;
  object.set("ended_ms", record.ended_ms).set("exit_status", record.exit_status).set("reason", record.reason);
  return object;
}

namespace {

Status read_kind(StrictObject& object, SandboxRecord& record) {
  WRIT_ASSIGN(const std::int64_t number, object.integer("sandbox"));
  record.number = SandboxNumber{number};
  WRIT_ASSIGN(const std::size_t state, object.word("state", kSandboxStateNames));
  record.state = static_cast<SandboxState>(state);
  WRIT_ASSIGN(const std::size_t way, object.word("way", kSandboxWayNames));
  record.way = static_cast<SandboxWay>(way);
  WRIT_ASSIGN(const std::size_t attendance, object.word("attendance", kAttendanceNames));
  record.attendance = static_cast<Attendance>(attendance);
  WRIT_ASSIGN(record.has_terminal, object.flag("terminal"));
  return {};
}

Status read_origin(StrictObject& object, SandboxRecord& record) {
  WRIT_ASSIGN(const std::int64_t pid, object.integer("pid"));
  record.pid = static_cast<pid_t>(pid);
  WRIT_ASSIGN(const std::int64_t client, object.integer("client"));
  record.client = static_cast<pid_t>(client);
  WRIT_ASSIGN(record.command, object.text("command"));
  WRIT_ASSIGN(record.profile, object.text("profile"));
  WRIT_ASSIGN(record.workspace, object.text("workspace"));
  WRIT_ASSIGN(record.started_ms, object.integer("started_ms"));
  return {};
}

Status read_end(StrictObject& object, SandboxRecord& record) {
  WRIT_ASSIGN(record.ended_ms, object.integer("ended_ms"));
  WRIT_ASSIGN(const std::int64_t status, object.integer("exit_status"));
  record.exit_status = static_cast<int>(status);
  WRIT_ASSIGN(record.reason, object.text("reason"));
  return {};
}

}  // namespace

Result<SandboxRecord> read_sandbox_json(const JsonValue& value) {
  WRIT_ASSIGN(StrictObject object, StrictObject::open(value, "sandbox"));
  SandboxRecord record;
  WRIT_TRY(read_kind(object, record));
  WRIT_TRY(read_origin(object, record));
  if (is_over(record.state)) WRIT_TRY(read_end(object, record));
  WRIT_TRY(object.finish());
  return record;
}

}  // namespace writ
