// RunApprovals: one run's questions: from what a handler of calls asks to somebody who answers, and back.
//
// What was answered with `always` in earlier runs is a file of the person's, one for each profile; it is read once and
// answers before anybody is asked.
//
// Ownership: owns the back end; the hand-over and whoever takes an answer are borrowed. Threads: one, that of the
// session.
#ifndef WRIT_LAUNCHER_RUN_APPROVALS_H_
#define WRIT_LAUNCHER_RUN_APPROVALS_H_

#include <poll.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/approval/approval_back_end.h"
#include "broker/approval/questioner.h"
#include "broker/approval/terminal_hand_over.h"
#include "broker/requests/over_broad.h"
#include "launcher/run_authority.h"
#include "launcher/run_options.h"
#include "launcher/run_setup.h"
#include "launcher/standing_approvals.h"

namespace writ {

// One question and how it ended, for the report.
struct ApprovalRecord {
  Rights rights;
  std::string_view kind;          // "path", "address" or "command"
  std::string object;             // raw bytes
  std::vector<std::string> argv;  // of a command: raw bytes, capped
  std::size_t arguments = 0;      // how many there were
  std::string program;            // of the asker, raw bytes
  std::string rule;
  ApprovalAnswer answer;
};

inline constexpr std::size_t kApprovalRecordLimit = 200;

class RunApprovals final : public Questioner {
 public:
  // `hand_over` may be null. Errors: --approve cannot be understood, or what it names cannot be used; a file of
  // standing approvals that is wrong.
  [[nodiscard]] static Result<std::unique_ptr<RunApprovals>> open(const RunOptions& options, const RunSetup& setup,
                                                                  TerminalHandOver* hand_over);

  void ask(std::uint64_t call, QuestionDraft draft, AnswerTaker& taker) override;
  void withdraw(std::uint64_t call) override;

  // SIGCONT: the terminal may have changed hands.
  void on_continue() { back_end_->on_continue(); }
  void add_poll_entries(std::vector<pollfd>& entries) const {
    back_end_->add_poll_entries(entries);
    if (authority_ != nullptr) entries.push_back({authority_->poll_descriptor(), POLLIN, 0});
  }
  [[nodiscard]] std::optional<std::chrono::milliseconds> poll_timeout() const;
  // Passes on what was answered. Call after every poll.
  void serve();

  // The capabilities of the run's subject answer before anybody is asked. What they do not allow any more goes to
  // `withdrawn`.
  void set_authority(RunAuthority& authority, std::function<void(const WithdrawnGrant&)> withdrawn) {
    authority_ = &authority;
    withdrawn_ = std::move(withdrawn);
  }

  [[nodiscard]] const std::vector<ApprovalRecord>& records() const { return records_; }

 private:
  struct Waiting {
    std::uint64_t call;
    AnswerTaker* taker;
    AnswerReach reach;
    ApprovalRecord record;
    std::string always_rule;
  };

  RunApprovals(std::unique_ptr<ApprovalBackEnd> back_end, StandingApprovals standing, BroadPlaces places)
      : back_end_(std::move(back_end)), standing_(std::move(standing)), places_(std::move(places)) {}
  void ask_authority();
  void finish_claim(Waiting waiting, AuthorityClaim claim);
  void finish(Waiting waiting, ApprovalAnswer answer);

  std::unique_ptr<ApprovalBackEnd> back_end_;
  StandingApprovals standing_;
  BroadPlaces places_;
  std::map<QuestionId, Waiting> waiting_;
  std::vector<AnsweredQuestion> known_;      // by the standing approvals
  std::vector<ApprovalQuestion> unclaimed_;  // the authority is asked first, but not while a call is decided about
  RunAuthority* authority_ = nullptr;        // null: the run has no subject
  std::function<void(const WithdrawnGrant&)> withdrawn_;
  std::vector<ApprovalRecord> records_;
  std::uint64_t last_id_ = 0;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_RUN_APPROVALS_H_
