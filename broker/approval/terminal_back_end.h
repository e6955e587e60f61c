// TerminalBackEnd: asks the person at the controlling terminal.
//
// One question at a time; others wait, and their number is shown. Answers are words (or their first letters) and Enter:
// once, run, always, deny; `?` shows everything in full; `always` wants the rule confirmed with "yes". Enter alone, the
// end-of-file key and the interrupt key deny (the latter everything that waits). Any other word asks again. A question
// whose time is up, and one for which the terminal is not ours meanwhile (background, a pager), is denied as timed out;
// a closed window denies everything from then on.
//
// Nothing of a tool reaches the screen raw (question_text.h), what was typed ahead does not count (answer_line.h), and
// before each question the screen's state is reset, which a tool could have left such that nothing is seen.
//
// docs/approvals.md describes it for people. Threads: one at a time. Fork: see question_terminal.h.
#ifndef WRIT_BROKER_APPROVAL_TERMINAL_BACK_END_H_
#define WRIT_BROKER_APPROVAL_TERMINAL_BACK_END_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/approval/answer_line.h"
#include "broker/approval/approval_back_end.h"
#include "broker/approval/approval_limiter.h"
#include "broker/approval/question_queue.h"
#include "broker/approval/question_terminal.h"
#include "broker/approval/question_text.h"
#include "broker/approval/terminal_hand_over.h"

namespace writ {

// Whether the screen understands control sequences.
enum class ScreenKind : std::uint8_t { kAnsi, kDumb };

struct TerminalBackEndOptions {
  ApprovalLimits limits;
  PromptColour colour = PromptColour::kNever;
  ScreenKind screen = ScreenKind::kAnsi;
  TerminalCompany company = TerminalCompany::kAlone;
  std::chrono::milliseconds guard{500};   // without a key, before keys count
  TerminalHandOver* hand_over = nullptr;  // borrowed; outlives the back end
};

class TerminalBackEnd final : public ApprovalBackEnd {
 public:
  // Error: there is no controlling terminal; then nobody can be asked (DenyBackEnd with kNoTerminal).
  [[nodiscard]] static Result<std::unique_ptr<TerminalBackEnd>> create(const TerminalBackEndOptions& options);
  ~TerminalBackEnd() override;

  void submit(ApprovalQuestion question, ApprovalTime now) override;
  void cancel(QuestionId id, ApprovalCause cause) override;
  void on_continue() override;
  void add_poll_entries(std::vector<pollfd>& entries) const override { terminal_.add_poll_entry(entries); }
  [[nodiscard]] std::optional<ApprovalTime> deadline() const override;
  [[nodiscard]] std::vector<AnsweredQuestion> on_ready(ApprovalTime now) override;

 private:
  enum class Stage : std::uint8_t { kAnswer, kConfirm };

  TerminalBackEnd(const TerminalBackEndOptions& options, QuestionTerminal terminal);
  void check_shown();
  void show_next(ApprovalTime now);
  [[nodiscard]] bool take_terminal();
  void release_terminal();
  void show_question(const ApprovalQuestion& question, QuestionDetail detail, ApprovalTime now);
  void show_prompt(ApprovalTime now);
  void read_keys(ApprovalTime now);
  void handle_event(KeyEvent event, ApprovalTime now);
  void handle_line(const std::string& word, ApprovalTime now);
  void handle_confirmation(std::string_view word, ApprovalTime now);
  void decide(ApprovalOutcome outcome);
  void interrupt();
  [[nodiscard]] QuestionView view(QuestionDetail detail) const;

  TerminalBackEndOptions options_;
  QuestionTerminal terminal_;
  QuestionQueue queue_;
  AnswerLine line_;
  std::optional<QuestionId> shown_;
  Stage stage_ = Stage::kAnswer;
  bool paused_ = false;                     // the hand-over
  std::optional<ApprovalTime> answerable_;  // everything is on the screen since
  ApprovalTime next_look_ = kAtOnce;        // while something waits
};

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_TERMINAL_BACK_END_H_
