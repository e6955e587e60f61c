#include "launcher/denial_report.h"

#include <algorithm>
#include <cstddef>

#include "broker/base/escape.h"

namespace writ {
namespace {

constexpr std::size_t kShownLines = 8;

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string why(const DeniedAccess& denial) {
  std::string text = denial.rule.empty() ? std::string() : escape_bytes(denial.rule);
  if (!denial.reason.empty()) text += (text.empty() ? "" : ": ") + escape_bytes(denial.reason);
  return text.empty() ? "no rule allows it" : text;
}

std::string line_of(const DeniedAccess& denial) {
  std::string line = "denied: " + rights_text(denial.rights) + " " + quote_bytes(denial.path);
  if (denial.times > 1) line += " (" + std::to_string(denial.times) + " times)";
  line += " to " + escape_bytes(base_name(denial.program)) + ": " + why(denial);
  return line;
}

}  // namespace

std::vector<std::string> denial_lines(const DenialLog& log) {
  std::vector<std::string> lines;
  const std::size_t shown = std::min(log.denials().size(), kShownLines);
  for (std::size_t i = 0; i < shown; ++i) lines.push_back(line_of(log.denials()[i]));
  // One rule as an example is enough; the report has one for each.
  const auto allowed = std::find_if(log.denials().begin(), log.denials().end(),
                                    [](const DeniedAccess& denial) { return !denial.remedy.empty(); });
  if (allowed != log.denials().end())
    lines.push_back("a rule of a profile would allow it: " + escape_bytes(allowed->remedy));
  const std::uint64_t more = log.denials().size() - shown + log.not_listed();
  if (more > 0) lines.push_back("denied: " + std::to_string(more) + " more; --report FILE lists them");
  return lines;
}

std::string decision_trace_line(const AccessRequest& request, Verdict verdict) {
  std::string line = verdict == Verdict::kLater ? "asked: " : "allowed: ";
  line += rights_text(request.rights) + " " + quote_bytes(request.path);
  if (request.caller != nullptr) line += " to " + escape_bytes(base_name(request.caller->program()));
  return line;
}

std::string denial_trace_line(const DeniedAccess& denial) { return line_of(denial); }

JsonArray denials_json(const DenialLog& log) {
  JsonArray list;
  for (const DeniedAccess& denial : log.denials()) {
    JsonObject object;
    object.set("path", escape_bytes(denial.path)).set("rights", rights_text(denial.rights));
    object.set("cause", cause_name(denial.cause)).set("program", escape_bytes(denial.program));
    if (!denial.rule.empty()) object.set("rule", escape_bytes(denial.rule));
    if (!denial.reason.empty()) object.set("reason", escape_bytes(denial.reason));
    if (!denial.remedy.empty()) object.set("remedy", escape_bytes(denial.remedy));
    object.set("times", denial.times);
    list.add(std::move(object));
  }
  return list;
}

}  // namespace writ
