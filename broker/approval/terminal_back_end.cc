#include "broker/approval/terminal_back_end.h"

#include <algorithm>
#include <array>
#include <utility>

namespace writ {
namespace {

// How often we look whether the terminal has become ours, or is not ours any more: nothing tells.
constexpr std::chrono::milliseconds kLookAgain{250};

// What a tool could have left the screen in: an unfinished control string, which would swallow the question (ST, CAN);
// a held picture, margins, no automatic line breaks, insertion, a hidden cursor, hidden text, another character set.
// Then a line of our own, with nothing of the tool's below it.
constexpr std::string_view kScreenReset =
    "\033\\\030\033[?2026l\033[!p\033[?69l\0337\033[r\0338\033[?7h\033[4l\033[?25h\033[0m\017\033(B\r\n\033[J";

std::string_view outcome_text(ApprovalOutcome outcome) {
  constexpr std::array<std::string_view, kOutcomeCount> kTexts = {"denied", "allowed once", "allowed for this run",
                                                                  "allowed, and the rule is written"};
  return kTexts[static_cast<std::size_t>(outcome)];
}

// A word of kOutcomeNames, or its first letter.
std::optional<ApprovalOutcome> typed_outcome(std::string_view word) {
  for (std::size_t i = 0; i < kOutcomeCount; ++i)
    if (word == kOutcomeNames[i] || word == kOutcomeNames[i].substr(0, 1)) return static_cast<ApprovalOutcome>(i);
  return std::nullopt;
}

}  // namespace

TerminalBackEnd::TerminalBackEnd(const TerminalBackEndOptions& options, QuestionTerminal terminal)
    : options_(options), terminal_(std::move(terminal)), queue_(options.limits), line_(options.guard) {}

TerminalBackEnd::~TerminalBackEnd() { release_terminal(); }

Result<std::unique_ptr<TerminalBackEnd>> TerminalBackEnd::create(const TerminalBackEndOptions& options) {
  WRIT_ASSIGN(QuestionTerminal terminal, QuestionTerminal::open(options.company));
  return std::unique_ptr<TerminalBackEnd>(new TerminalBackEnd(options, std::move(terminal)));
}

void TerminalBackEnd::submit(ApprovalQuestion question, ApprovalTime now) {
  queue_.add(std::move(question), now);
  next_look_ = now;
}

void TerminalBackEnd::cancel(QuestionId id, ApprovalCause cause) {
  queue_.withdraw(id, cause);
  next_look_ = kAtOnce;
}

// Shown anew, whatever has become of the settings meanwhile.
void TerminalBackEnd::on_continue() {
  shown_.reset();
  next_look_ = kAtOnce;
}

std::optional<ApprovalTime> TerminalBackEnd::deadline() const {
  if (queue_.has_answers()) return kAtOnce;
  if (queue_.first() == nullptr && !paused_ && !shown_ && !terminal_.has_unshown()) return std::nullopt;
  return std::min(next_look_, queue_.next_time_out().value_or(next_look_));
}

std::vector<AnsweredQuestion> TerminalBackEnd::on_ready(ApprovalTime now) {
  next_look_ = now + kLookAgain;
  terminal_.flush();
  queue_.expire(now);
  check_shown();
  if (shown_) read_keys(now);
  if (terminal_.check_lost()) queue_.deny_all(ApprovalCause::kNoTerminal, "the terminal was closed");
  show_next(now);
  terminal_.flush();
  // Keys that nobody reads would be reported again and again.
  if (!shown_ && terminal_.has_unshown() && terminal_.is_taken()) terminal_.discard_input();
  if (queue_.first() == nullptr && !terminal_.has_unshown()) release_terminal();
  return queue_.take_answers();
}

// The shown question may be over by time or by its asker, and the terminal may not be ours any more.
void TerminalBackEnd::check_shown() {
  if (!shown_) return;
  if (!terminal_.is_taken()) {
    shown_.reset();
    release_terminal();
  } else if (queue_.find(*shown_) == nullptr) {
    terminal_.show("\nwrit: this question is over; the call was denied\n");
    shown_.reset();
  }
}

bool TerminalBackEnd::take_terminal() {
  if (terminal_.is_taken()) return true;
  if (!terminal_.in_foreground()) return false;
  if (options_.hand_over != nullptr && !paused_) options_.hand_over->pause();
  paused_ = true;
  if (terminal_.take()) return true;
  release_terminal();
  return false;
}

void TerminalBackEnd::release_terminal() {
  terminal_.give_back();
  if (std::exchange(paused_, false) && options_.hand_over != nullptr) options_.hand_over->resume();
}

void TerminalBackEnd::show_next(ApprovalTime now) {
  const ApprovalQuestion* next = queue_.first();
  if (!shown_ && next != nullptr) {
    queue_.begin(next->id, now);
    if (!take_terminal()) return;
    shown_ = next->id;
    show_question(*next, QuestionDetail::kShort, now);
  }
  terminal_.flush();
  if (terminal_.has_unshown() || answerable_) return;
  // Keys count from here on, because only now there is something to answer.
  terminal_.discard_input();
  line_.set_keys(terminal_.keys());
  line_.open(now);
  answerable_ = now;
}

QuestionView TerminalBackEnd::view(QuestionDetail detail) const {
  return {terminal_.columns(), queue_.size() - 1, detail, options_.colour};
}

void TerminalBackEnd::show_question(const ApprovalQuestion& question, QuestionDetail detail, ApprovalTime now) {
  stage_ = Stage::kAnswer;
  answerable_.reset();
  terminal_.show(options_.screen == ScreenKind::kAnsi ? kScreenReset : "\n");
  terminal_.show(question_text(question, view(detail)));
  show_prompt(now);
}

void TerminalBackEnd::show_prompt(ApprovalTime now) {
  const ApprovalQuestion* question = queue_.find(*shown_);
  if (question == nullptr) return;
  const auto left = queue_.next_time_out().value_or(now) - now;
  stage_ = Stage::kAnswer;
  terminal_.show(answer_prompt(*question, std::chrono::duration_cast<std::chrono::milliseconds>(left)));
}

void TerminalBackEnd::read_keys(ApprovalTime now) {
  std::array<char, 256> space;
  const std::string_view bytes = terminal_.read(space);
  if (bytes.empty() || !answerable_) return;
  const KeyEvent event = line_.feed(bytes, now);
  terminal_.show(line_.take_echo());
  handle_event(event, now);
}

void TerminalBackEnd::handle_event(KeyEvent event, ApprovalTime now) {
  if (event == KeyEvent::kNothing) return;
  if (event == KeyEvent::kInterrupt) return interrupt();
  terminal_.show("\n");
  if (event == KeyEvent::kEnd) return decide(ApprovalOutcome::kDeny);
  if (event == KeyEvent::kDiscarded) return show_prompt(now);
  const std::string word = line_.take_line();
  stage_ == Stage::kConfirm ? handle_confirmation(word, now) : handle_line(word, now);
}

void TerminalBackEnd::handle_line(const std::string& word, ApprovalTime now) {
  const ApprovalQuestion& question = *queue_.find(*shown_);
  if (word.empty()) return decide(ApprovalOutcome::kDeny);
  if (word == "?") return show_question(question, QuestionDetail::kFull, now);
  const std::optional<ApprovalOutcome> outcome = typed_outcome(word);
  if (!outcome || !offered_outcomes(question).has(*outcome)) return show_prompt(now);
  if (*outcome != ApprovalOutcome::kAllowAlways) return decide(*outcome);
  stage_ = Stage::kConfirm;
  answerable_.reset();
  terminal_.show(confirmation_text(question, view(QuestionDetail::kShort)));
}

void TerminalBackEnd::handle_confirmation(std::string_view word, ApprovalTime now) {
  word == "yes" ? decide(ApprovalOutcome::kAllowAlways) : show_prompt(now);
}

void TerminalBackEnd::decide(ApprovalOutcome outcome) {
  terminal_.show("writ: " + std::string(outcome_text(outcome)) + "\n");
  queue_.answer(*shown_, {outcome, ApprovalCause::kPerson, "answered at the terminal"});
  shown_.reset();
}

void TerminalBackEnd::interrupt() {
  terminal_.show("^C\nwrit: denied\n");
  terminal_.flush();
  queue_.deny_all(ApprovalCause::kPerson, "interrupted at the question");
  shown_.reset();
  release_terminal();
  if (options_.hand_over != nullptr) options_.hand_over->interrupt();
}

}  // namespace writ
