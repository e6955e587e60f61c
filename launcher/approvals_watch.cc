#include "launcher/approvals_watch.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "broker/approval/terminal_back_end.h"
#include "broker/sandbox/launch.h"
#include "broker/store/store_watch.h"
#include "launcher/approval_queue.h"
#include "launcher/approvals_decide.h"
#include "launcher/approvals_show.h"
#include "launcher/message.h"
#include "launcher/person.h"

namespace writ {
namespace {

constexpr int kExitInterrupted = 128 + SIGINT;

// What is pressed at a question ends the watch; nothing is decided by that.
class WatchHandOver final : public TerminalHandOver {
 public:
  void pause() override {}
  void resume() override {}
  void interrupt() override { interrupted_ = true; }
  [[nodiscard]] bool interrupted() const { return interrupted_; }

 private:
  bool interrupted_ = false;
};

// The signals that end a process, as something to poll: the terminal's settings are given back first.
UniqueFd block_ending_signals() {
  sigset_t ending;
  sigemptyset(&ending);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ending, number);
  ::sigprocmask(SIG_BLOCK, &ending, nullptr);
  return UniqueFd(::signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK));
}

class Watch {
 public:
  Watch(RequestStore store, const std::string& directory, OutputFormat format)
      : store_(std::move(store)), files_(directory), format_(format), signals_(block_ending_signals()) {
    const bool at_terminal = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
    if (format == OutputFormat::kText && at_terminal) open_terminal();
  }

  int run() {
    int status = refresh();
    while (status == 0 && !is_interrupted()) {
      wait();
      status = serve();
    }
    if (terminal_) terminal_.reset();  // gives the terminal back
    return status != 0 ? status : kExitInterrupted;
  }

 private:
  void open_terminal() {
    TerminalBackEndOptions options;
    const char* kind = std::getenv("TERM");
    options.colour = prompt_colour(std::getenv("NO_COLOR"), kind);
    if (kind == nullptr || std::string_view(kind) == "dumb") options.screen = ScreenKind::kDumb;
    options.hand_over = &hand_over_;
    // Each run keeps to its own limits; here all of them come together.
    options.limits = {std::chrono::hours(1), 1'000'000, 1'000'000, RequestStore::kPendingLimit};
    if (auto made = TerminalBackEnd::create(options)) terminal_ = std::move(*made);
  }

  [[nodiscard]] bool is_interrupted() const {
    pollfd entry{signals_.get(), POLLIN, 0};
    return hand_over_.interrupted() || ::poll(&entry, 1, 0) > 0;
  }

  void wait() const {
    std::vector<pollfd> entries{{signals_.get(), POLLIN, 0}};
    if (files_.descriptor() >= 0) entries.push_back({files_.descriptor(), POLLIN, 0});
    auto until = files_.next_look();
    if (terminal_) {
      terminal_->add_poll_entries(entries);
      until = std::min(until, terminal_->deadline().value_or(until));
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - ApprovalClock::now()).count();
    ::poll(entries.data(), entries.size(), static_cast<int>(std::max<std::int64_t>(left, 0)));
  }

  int serve() {
    const auto now = ApprovalClock::now();
    const int status = files_.take_due(now) ? refresh() : 0;
    if (status != 0) return status;
    return terminal_ ? take_answers(now) : 0;
  }

  int refresh() {
    const auto cancelled = store_.cancel_abandoned();
    const auto list = cancelled ? store_.list(Listed::kPending) : tl::unexpected<Error>(cancelled.error());
    if (!list) {
      print_message(list.error().describe());
      return kExitWritFailed;
    }
    std::set<RequestId> pending;
    for (const HumanRequest& request : list->requests) {
      pending.insert(request.id);
      if (!seen_.insert(request.id).second) continue;
      if (const int status = announce(request); status != 0) return status;
    }
    withdraw_others(pending);
    return 0;
  }

  int announce(const HumanRequest& request) {
    if (terminal_ && std::holds_alternative<PerUsePayload>(request.payload)) {
      submit(request);
      return 0;
    }
    if (request.kind == RequestKind::kOutput && format_ == OutputFormat::kText) return show_output(request);
    if (format_ == OutputFormat::kJson) return print_result(JsonValue(request_json(request)).to_text() + "\n", 0);
    return print_result(short_id(request.id) + "  " + request_summary(request) + "\n", 0);
  }

  // Delivered when a person sees it: a file or a pipe is none.
  int show_output(const HumanRequest& request) {
    const int status = print_result(short_id(request.id) + "  output: " + output_text(request) + "\n", 0);
    if (status == 0 && ::isatty(STDOUT_FILENO) == 1) mark_seen(store_, request);
    return status;
  }

  void submit(const HumanRequest& request) {
    ApprovalQuestion question = std::get<PerUsePayload>(request.payload).question;
    question.id = QuestionId{++last_id_};
    asked_.emplace(question.id, std::pair(request.id, request.revision));
    terminal_->submit(std::move(question), ApprovalClock::now());
  }

  void withdraw_others(const std::set<RequestId>& pending) {
    for (const auto& [id, request] : asked_)
      if (!pending.contains(request.first)) terminal_->cancel(id, ApprovalCause::kCancelled);
    std::erase_if(seen_, [&](const RequestId& id) { return !pending.contains(id); });
  }

  int take_answers(ApprovalTime now) {
    for (const AnsweredQuestion& one : terminal_->on_ready(now)) {
      const auto found = asked_.find(one.id);
      if (found == asked_.end()) continue;
      const auto [id, revision] = found->second;
      asked_.erase(found);
      if (one.answer.cause == ApprovalCause::kNoTerminal) return kExitWritFailed;
      if (one.answer.cause == ApprovalCause::kPerson && !hand_over_.interrupted()) decide(id, revision, one.answer);
      if (one.answer.cause == ApprovalCause::kTimedOut) seen_.erase(id);  // asked again
    }
    return 0;
  }

  void decide(const RequestId& id, std::int64_t revision, const ApprovalAnswer& answer) {
    RequestDecision decision;
    decision.outcome = answer.outcome;
    decision.by = decider_text();
    const bool deny = answer.outcome == ApprovalOutcome::kDeny;
    const auto result = store_.decide(id, revision, deny ? RequestAct::kReject : RequestAct::kApprove, decision);
    if (!result) return print_message(result.error().describe());
    if (result->how == Decided::kDone) return;
    const std::string before = result->request ? decided_text(*result->request) : std::string();
    print_message("this answer came too late: " + short_id(id) + " " + (before.empty() ? "is over" : before));
  }

  RequestStore store_;
  StoreWatch files_;
  OutputFormat format_;
  UniqueFd signals_;
  WatchHandOver hand_over_;
  std::unique_ptr<TerminalBackEnd> terminal_;
  std::set<RequestId> seen_;
  std::map<QuestionId, std::pair<RequestId, std::int64_t>> asked_;
  std::uint64_t last_id_ = 0;
};

}  // namespace

int watch_approvals(const ApprovalsOptions& options) {
  Result<RequestStore> store = open_own_queue();
  const auto person = identify_person(::geteuid(), ::getegid());
  if (!store || !person) {
    print_message((store ? person.error() : store.error()).describe());
    return kExitWritFailed;
  }
  return Watch(std::move(*store), store_directory(*person), options.format).run();
}

}  // namespace writ
