#include "launcher/audited_questioner.h"

#include <string_view>
#include <variant>

namespace writ {
namespace {

std::string_view outcome_of(Approval approval) {
  constexpr std::string_view kNames[] = {"deny", "once", "run"};
  return kNames[static_cast<std::size_t>(approval)];
}

}  // namespace

void AuditedQuestioner::ask(std::uint64_t call, QuestionDraft draft, AnswerTaker& taker) {
  const std::string rights = rights_text(draft.rights);
  const std::string object = object_bytes(draft.object);
  AuditRecord record(AuditEvent::kApprovalAsked, draft.asker.program);
  record.set(AuditField::kObjectKind, object_kind(draft.object)).set(AuditField::kObject, object);
  record.set(AuditField::kRights, rights).set_unless_empty(AuditField::kRule, draft.rule.text);
  record.set_unless_empty(AuditField::kOrigin, draft.rule.origin);
  record.set_unless_empty(AuditField::kRequested, draft.requested);
  if (const auto* command = std::get_if<CommandObject>(&draft.object)) record.set(AuditField::kArgv, command->argv);
  asked_[call] = {&taker, audit_.record(record), draft.rule.text};
  questioner_.ask(call, std::move(draft), *this);
}

// `reason` begins with the word for the cause (approval_answer.h).
void AuditedQuestioner::take_answer(std::uint64_t call, Approval approval, const std::string& reason) {
  const auto asked = asked_.extract(call);
  if (asked.empty()) return;
  const std::string_view cause = std::string_view(reason).substr(0, reason.find(':'));
  AuditRecord record(AuditEvent::kApprovalAnswered, kSubjectWrit, asked.mapped().record);
  record.set(AuditField::kOutcome, outcome_of(approval)).set(AuditField::kCause, cause);
  if (cause.size() < reason.size()) record.set(AuditField::kReason, reason);
  record.set_unless_empty(AuditField::kRule, asked.mapped().rule);
  (void)audit_.record(record);
  if (!audit_.settle()) approval = Approval::kDenied;
  asked.mapped().taker->take_answer(call, approval, reason);
}

}  // namespace writ
