#include "broker/approval/immediate_back_end.h"

namespace writ {

void ImmediateBackEnd::submit(ApprovalQuestion question, ApprovalTime) {
  answers_.push_back({question.id, decide(question)});
}

std::optional<ApprovalTime> ImmediateBackEnd::deadline() const {
  if (answers_.empty()) return std::nullopt;
  return kAtOnce;
}

std::vector<AnsweredQuestion> ImmediateBackEnd::on_ready(ApprovalTime) { return std::exchange(answers_, {}); }

}  // namespace writ
