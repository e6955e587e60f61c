#include "launcher/approval_report.h"

#include "broker/approval/approval_answer.h"
#include "broker/base/escape.h"
#include "broker/policy/rights.h"

namespace writ {

JsonArray approvals_json(const std::vector<ApprovalRecord>& records) {
  JsonArray list;
  for (const ApprovalRecord& record : records) {
    JsonObject object;
    object.set("object", escape_bytes(record.object)).set("rights", rights_text(record.rights));
    object.set("program", escape_bytes(record.program)).set("rule", escape_bytes(record.rule));
    object.set("answer", outcome_name(record.answer.outcome)).set("cause", cause_name(record.answer.cause));
    if (!record.answer.text.empty()) object.set("reason", record.answer.text);
    list.add(std::move(object));
  }
  return list;
}

}  // namespace writ
