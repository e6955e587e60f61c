#include "launcher/command_report.h"

#include "broker/base/escape.h"

namespace writ {
namespace {

std::string origin_text(const RuleOrigin& origin, const std::vector<std::string>& sources) {
  std::string source = origin.source < sources.size() ? escape_bytes(sources[origin.source]) : "profile";
  if (origin.line == 0) return source;
  return source + ":" + std::to_string(origin.line) + ":" + std::to_string(origin.column);
}

JsonObject command_json(const CommandRecord& record, const std::vector<std::string>& sources) {
  JsonArray argv;
  for (const std::string& word : record.argv) argv.add(escape_bytes(word));
  JsonObject object;
  object.set("program", escape_bytes(record.program)).set("argv", std::move(argv));
  if (record.arguments > record.argv.size()) object.set("arguments_not_listed", record.arguments - record.argv.size());
  object.set("decision", effect_name(record.effect));
  if (!record.rule.empty()) object.set("rule", record.rule).set("rule_origin", origin_text(record.origin, sources));
  object.set("end", kCommandEndNames[static_cast<std::size_t>(record.end)]);
  if (record.exit_status) object.set("exit_status", *record.exit_status);
  return object;
}

}  // namespace

JsonArray commands_json(const CommandService& commands, const std::vector<std::string>& sources) {
  JsonArray list;
  for (const CommandRecord& record : commands.records()) list.add(command_json(record, sources));
  return list;
}

}  // namespace writ
