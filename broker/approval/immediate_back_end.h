// The back ends that know their answer at once: nobody is to be asked, nobody can be asked, or a file says it.
#ifndef WRIT_BROKER_APPROVAL_IMMEDIATE_BACK_END_H_
#define WRIT_BROKER_APPROVAL_IMMEDIATE_BACK_END_H_

#include <string>
#include <utility>
#include <vector>

#include "broker/approval/approval_back_end.h"
#include "broker/approval/approval_file.h"

namespace writ {

// Answers as `decide` says. Has no descriptor and waits for nothing.
class ImmediateBackEnd : public ApprovalBackEnd {
 public:
  void submit(ApprovalQuestion question, ApprovalTime now) override;
  void cancel(QuestionId, ApprovalCause) override {}  // answered already
  void add_poll_entries(std::vector<pollfd>&) const override {}
  [[nodiscard]] std::optional<ApprovalTime> deadline() const override;
  [[nodiscard]] std::vector<AnsweredQuestion> on_ready(ApprovalTime now) override;

 private:
  [[nodiscard]] virtual ApprovalAnswer decide(const ApprovalQuestion& question) const = 0;

  std::vector<AnsweredQuestion> answers_;
};

// Denies everything with one cause: kPolicyDeny for --approve=deny, kNoTerminal where there is nobody to ask.
class DenyBackEnd final : public ImmediateBackEnd {
 public:
  DenyBackEnd(ApprovalCause cause, std::string text) : answer_(denial(cause, std::move(text))) {}

 private:
  [[nodiscard]] ApprovalAnswer decide(const ApprovalQuestion&) const override { return answer_; }

  ApprovalAnswer answer_;
};

// Answers by an approval file.
class FileBackEnd final : public ImmediateBackEnd {
 public:
  explicit FileBackEnd(ApprovalFile file) : file_(std::move(file)) {}

 private:
  [[nodiscard]] ApprovalAnswer decide(const ApprovalQuestion& question) const override {
    return file_.decide(question);
  }

  ApprovalFile file_;
};

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_IMMEDIATE_BACK_END_H_
