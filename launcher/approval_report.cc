#include "launcher/approval_report.h"

#include "broker/approval/approval_answer.h"
#include "broker/base/escape.h"
#include "broker/policy/rights.h"

namespace writ {

JsonArray approvals_json(const std::vector<ApprovalRecord>& records) {
  JsonArray list;
  for (const ApprovalRecord& record : records) {
    JsonObject object;
    object.set("kind", record.kind)
        .set("object", escape_bytes(record.object))
        .set("rights", rights_text(record.rights));
    if (record.arguments > 0) {
      JsonArray words;
      for (const std::string& word : record.argv) words.add(escape_bytes(word));
      object.set("argv", std::move(words));
      if (record.arguments > record.argv.size())
        object.set("arguments_not_listed", record.arguments - record.argv.size());
    }
    object.set("program", escape_bytes(record.program)).set("rule", escape_bytes(record.rule));
    object.set("answer", outcome_name(record.answer.outcome)).set("cause", cause_name(record.answer.cause));
    if (!record.answer.text.empty()) object.set("reason", record.answer.text);
    list.add(std::move(object));
  }
  return list;
}

}  // namespace writ
