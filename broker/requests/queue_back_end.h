// QueueBackEnd: asks whoever looks at the human queue, from any terminal of the person's (`--approve=queue`).
//
// Each question becomes a request in the store; the answer is awaited by watching the store's files, with a look each
// second where that tells nothing. An answer counts only for the very call that waits: its hash, its run and the object
// as it was are compared once more. A question that is over for another reason is cancelled in the store, so that
// nobody answers it in vain, and so is everything that waits when the back end is destroyed.
//
// Threads: one at a time. Fork: as Store.
#ifndef WRIT_BROKER_REQUESTS_QUEUE_BACK_END_H_
#define WRIT_BROKER_REQUESTS_QUEUE_BACK_END_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/approval/approval_back_end.h"
#include "broker/approval/approval_limiter.h"
#include "broker/approval/question_queue.h"
#include "broker/base/error.h"
#include "broker/requests/human_request.h"
#include "broker/requests/request_store.h"
#include "broker/store/store_watch.h"

namespace writ {

struct QueueOptions {
  std::string directory;  // of the store
  ApprovalLimits limits;
  std::string workspace;
  std::string profile;
  std::function<void(const RequestId&)> announce;  // a request waits; may be empty
};

class QueueBackEnd final : public ApprovalBackEnd {
 public:
  // Errors: the store cannot be opened; /proc is not there.
  [[nodiscard]] static Result<std::unique_ptr<QueueBackEnd>> open(QueueOptions options);
  ~QueueBackEnd() override;

  void submit(ApprovalQuestion question, ApprovalTime now) override;
  void cancel(QuestionId id, ApprovalCause cause) override;
  void add_poll_entries(std::vector<pollfd>& entries) const override;
  [[nodiscard]] std::optional<ApprovalTime> deadline() const override;
  [[nodiscard]] std::vector<AnsweredQuestion> on_ready(ApprovalTime now) override;

 private:
  QueueBackEnd(QueueOptions options, RequestStore store, std::string subject, RequestOwner owner);
  [[nodiscard]] Result<HumanRequest> request_about(const ApprovalQuestion& question) const;
  [[nodiscard]] Status put(const ApprovalQuestion& question);
  void look();
  void look_at(QuestionId id, const HumanRequest& sent);
  void forget(QuestionId id, const std::string& reason);

  QueueOptions options_;
  RequestStore store_;
  StoreWatch watch_;
  std::string subject_;
  RequestOwner owner_;
  QuestionQueue queue_;
  std::map<QuestionId, HumanRequest> waiting_;  // as they were put into the store
};

// What the row `now` of the store answers to `question`, for which `sent` was put there; nothing: it waits still.
// Pure but for a look at the object.
[[nodiscard]] std::optional<ApprovalAnswer> answer_of_request(const HumanRequest& now, const HumanRequest& sent,
                                                              const ApprovalQuestion& question);

}  // namespace writ

#endif  // WRIT_BROKER_REQUESTS_QUEUE_BACK_END_H_
