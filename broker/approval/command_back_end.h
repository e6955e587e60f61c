// CommandBackEnd: asks a program, started anew for each question (`--approve=command:PATH`).
//
// The program reads one question from its standard input (a line of descriptor_protocol.h, then the end), writes one
// answer to its standard output, and exits with 0. Everything else denies the question, and the answer says why:
// another exit status, a signal, no answer, more than one line, a line that cannot be understood, another id, too much
// output, an answer that was not offered, and no end within the time-out. A question that is withdrawn ends its
// program. At most kProgramsAtOnce run; the time of the others begins when their turn comes.
//
// Threads: one at a time. Fork, signals: answering_program.h.
#ifndef WRIT_BROKER_APPROVAL_COMMAND_BACK_END_H_
#define WRIT_BROKER_APPROVAL_COMMAND_BACK_END_H_

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "broker/approval/answering_program.h"
#include "broker/approval/approval_back_end.h"
#include "broker/approval/approval_limiter.h"
#include "broker/approval/question_queue.h"
#include "broker/base/error.h"

namespace writ {

// Finds the program at `path` and makes sure that the tool cannot change it: a regular, executable file that not
// everybody may write, without a second name (hard link), which lies, as it is named and after links were followed, in
// none of `writable_places` (see check_approval_file_place()). Returns its absolute path without links. Errors: all
// else.
[[nodiscard]] Result<std::string> find_answering_program(const std::string& path,
                                                         std::span<const std::string> writable_places);

class CommandBackEnd final : public ApprovalBackEnd {
 public:
  static constexpr std::size_t kProgramsAtOnce = 4;

  // Forks the starter of the program: while there is one thread. Should there be none, every question is denied with
  // the reason.
  CommandBackEnd(ProgramToAsk program, const ApprovalLimits& limits)
      : starter_(ProgramStarter::start(std::move(program))), limits_(limits), queue_(limits) {}

  void submit(ApprovalQuestion question, ApprovalTime now) override;
  void cancel(QuestionId id, ApprovalCause cause) override;
  void add_poll_entries(std::vector<pollfd>& entries) const override;
  [[nodiscard]] std::optional<ApprovalTime> deadline() const override;
  [[nodiscard]] std::vector<AnsweredQuestion> on_ready(ApprovalTime now) override;

  // For tests and reports: how many programs run now.
  [[nodiscard]] std::size_t running() const { return running_.size(); }

 private:
  void serve_programs();
  void end_unwanted_programs();
  void start_programs(ApprovalTime now);
  void start_program(QuestionId id, ApprovalTime now);

  Result<ProgramStarter> starter_;
  ApprovalLimits limits_;
  QuestionQueue queue_;
  std::deque<QuestionId> unasked_;
  std::map<QuestionId, AnsweringProgram> running_;
};

// What a program that ended says about the question `id`; `offered` are the answers it may give. Pure.
[[nodiscard]] ApprovalAnswer answer_of_program(const ProgramEnd& end, QuestionId id, OutcomeSet offered);

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_COMMAND_BACK_END_H_
