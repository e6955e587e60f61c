// DescriptorBackEnd: asks the program at the other end of an inherited descriptor (`--approve=fd:N`), by the lines of
// descriptor_protocol.h.
//
// All questions are sent at once. A line that cannot be understood denies the question that it names; when it names
// none, everything that waits. The end of the other side denies everything, then and later. A program that does not
// read its questions is denied new ones.
//
// O_NONBLOCK belongs to the open file, which others share, so it is not set: sockets are used with MSG_DONTWAIT, pipes
// after poll(2) has said that they are ready, and written to in pieces of at most PIPE_BUF. SIGPIPE must be ignored.
// Threads: one at a time.
#ifndef WRIT_BROKER_APPROVAL_DESCRIPTOR_BACK_END_H_
#define WRIT_BROKER_APPROVAL_DESCRIPTOR_BACK_END_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/approval/approval_back_end.h"
#include "broker/approval/approval_limiter.h"
#include "broker/approval/descriptor_protocol.h"
#include "broker/approval/question_queue.h"
#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

// Numbers of descriptors of this process. For a stream socket both are the same.
struct ApprovalDescriptors {
  int answers = -1;    // read from
  int questions = -1;  // written to
};

class DescriptorBackEnd final : public ApprovalBackEnd {
 public:
  // Takes over the descriptors, which become close-on-exec: nobody else may close them. Errors: not open, neither a
  // stream socket nor the right ends of two pipes.
  [[nodiscard]] static Result<std::unique_ptr<DescriptorBackEnd>> create(ApprovalDescriptors descriptors,
                                                                         const ApprovalLimits& limits);

  void submit(ApprovalQuestion question, ApprovalTime now) override;
  void cancel(QuestionId id, ApprovalCause cause) override;
  void add_poll_entries(std::vector<pollfd>& entries) const override;
  [[nodiscard]] std::optional<ApprovalTime> deadline() const override;
  [[nodiscard]] std::vector<AnsweredQuestion> on_ready(ApprovalTime now) override;

  // What is kept for a program that does not read.
  static constexpr std::size_t kUnsentLimit = std::size_t{1} << 20;

 private:
  enum class Kind : std::uint8_t { kSocket, kPipes };

  DescriptorBackEnd(UniqueFd answers, UniqueFd questions, Kind kind, const ApprovalLimits& limits);
  void send();
  void receive();
  [[nodiscard]] ssize_t write_some(std::string_view bytes) const;
  [[nodiscard]] ssize_t read_some(std::string& space) const;
  void take_line(const LineAssembler::Line& line);
  void refuse(const AnswerMessage& message);
  void end();
  void tell_withdrawn(const std::vector<AnsweredQuestion>& answered);
  [[nodiscard]] int questions() const { return questions_.valid() ? questions_.get() : answers_.get(); }

  UniqueFd answers_;
  UniqueFd questions_;  // of two pipes; a socket is in answers_ alone
  Kind kind_;
  ApprovalLimits limits_;
  QuestionQueue queue_;
  LineAssembler lines_;
  std::string unsent_;
  std::vector<QuestionId> told_;  // what the other side has decided itself since the last on_ready()
  bool over_ = false;
};

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_DESCRIPTOR_BACK_END_H_
