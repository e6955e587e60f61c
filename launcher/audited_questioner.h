// AuditedQuestioner: passes questions and answers on, and records both: who asked for what, and what came back. An
// answer that must be recorded and cannot be is a denial.
//
// Ownership: the other questioner and the sink are borrowed. Threads: one, that of the loop.
#ifndef WRIT_LAUNCHER_AUDITED_QUESTIONER_H_
#define WRIT_LAUNCHER_AUDITED_QUESTIONER_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "broker/approval/questioner.h"
#include "broker/audit/audit_sink.h"

namespace writ {

class AuditedQuestioner final : public Questioner, public AnswerTaker {
 public:
  AuditedQuestioner(Questioner& questioner, AuditSink& audit) : questioner_(questioner), audit_(audit) {}

  void ask(std::uint64_t call, QuestionDraft draft, AnswerTaker& taker) override;
  void withdraw(std::uint64_t call) override { questioner_.withdraw(call); }
  void take_answer(std::uint64_t call, Approval approval, const std::string& reason) override;

 private:
  struct Asked {
    AnswerTaker* taker;
    RecordNumber record;
    std::string rule;
  };
  Questioner& questioner_;
  AuditSink& audit_;
  std::map<std::uint64_t, Asked> asked_;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_AUDITED_QUESTIONER_H_
