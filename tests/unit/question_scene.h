// A scene for the tests of the terminal back end: a pseudo-terminal, a child that leads a session on it and asks, and
// the person, who is the test: reads the screen and types.
//
// The child tells what happens, one word a line: "pause", "resume", "interrupt" (the hand-over), "ID OUTCOME CAUSE" for
// each answer, "end" when everything is answered.
#ifndef WRIT_TESTS_UNIT_QUESTION_SCENE_H_
#define WRIT_TESTS_UNIT_QUESTION_SCENE_H_

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/approval/terminal_back_end.h"
#include "tests/unit/approval_fixture.h"
#include "tests/unit/terminal_test_support.h"

namespace writ::approval_tests {

namespace tt = writ::terminal_test;

struct ScenePlan {
  std::vector<ApprovalQuestion> questions;
  TerminalBackEndOptions options{};
  std::chrono::milliseconds cancel_first_after{0};  // 0: never
  bool in_background = false;
  bool has_terminal = true;
  bool raw_run = false;  // the run has the terminal raw, as a relay does, but for pause()
};

// ---- the child

class ReportingHandOver final : public TerminalHandOver {
 public:
  ReportingHandOver(int report, int terminal, bool raw) : report_(report), terminal_(terminal), raw_(raw) {
    before_ = tt::settings_of(terminal);
    if (raw_) tt::make_raw(terminal);
  }
  ~ReportingHandOver() override {
    if (raw_) ::tcsetattr(terminal_, TCSANOW, &before_);
  }
  ReportingHandOver(const ReportingHandOver&) = delete;
  ReportingHandOver& operator=(const ReportingHandOver&) = delete;

  void pause() override {
    if (raw_) ::tcsetattr(terminal_, TCSANOW, &before_);
    tt::write_all(report_, "pause\n");
  }
  void resume() override {
    termios now{};
    const bool given_back = ::tcgetattr(terminal_, &now) == 0 && tt::same(now, before_);
    if (raw_) tt::make_raw(terminal_);
    tt::write_all(report_, given_back ? "resume\n" : "resume with other settings\n");
  }
  void interrupt() override { tt::write_all(report_, "interrupt\n"); }

 private:
  int report_;
  int terminal_;
  bool raw_;
  termios before_{};
};

inline void report_answer(int report, const AnsweredQuestion& one) {
  tt::write_all(report, std::to_string(one.id.value) + " " + std::string(outcome_name(one.answer.outcome)) + " " +
                            std::string(cause_name(one.answer.cause)) + "\n");
}

// The loop of a run, as far as it matters here. SIGTERM ends it.
inline int ask_and_report(const ScenePlan& plan, int terminal, int report) {
  sigset_t handled;
  sigemptyset(&handled);
  sigaddset(&handled, SIGTERM);
  sigaddset(&handled, SIGCONT);
  sigaddset(&handled, SIGHUP);
  ::sigprocmask(SIG_BLOCK, &handled, nullptr);
  sigdelset(&handled, SIGHUP);
  const UniqueFd signals(::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
  ReportingHandOver hand_over(report, terminal, plan.raw_run);
  TerminalBackEndOptions options = plan.options;
  options.hand_over = &hand_over;
  auto back_end = TerminalBackEnd::create(options);
  if (!back_end) return 97;
  const ApprovalTime start = ApprovalClock::now();
  for (const ApprovalQuestion& question : plan.questions) (*back_end)->submit(question, start);
  std::size_t answered = 0;
  bool cancelled = plan.cancel_first_after == 0ms;
  while (answered < plan.questions.size()) {
    std::vector<pollfd> entries{{signals.get(), POLLIN, 0}};
    (*back_end)->add_poll_entries(entries);
    ApprovalTime until = (*back_end)->deadline().value_or(ApprovalClock::now() + 1h);
    if (!cancelled) until = std::min(until, start + plan.cancel_first_after);
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(until - ApprovalClock::now()).count();
    ::poll(entries.data(), entries.size(), static_cast<int>(std::max<long>(wait, 0)));
    signalfd_siginfo signal{};
    while (::read(signals.get(), &signal, sizeof signal) == static_cast<ssize_t>(sizeof signal)) {
      if (signal.ssi_signo == SIGTERM) return 0;
      (*back_end)->on_continue();
    }
    if (!cancelled && ApprovalClock::now() >= start + plan.cancel_first_after) {
      (*back_end)->cancel(plan.questions.front().id, ApprovalCause::kAskerGone);
      cancelled = true;
    }
    for (const AnsweredQuestion& one : (*back_end)->on_ready(ApprovalClock::now())) {
      report_answer(report, one);
      ++answered;
    }
  }
  back_end->reset();
  tt::write_all(report, "end\n");
  return 0;
}

// A member of the session that is not in the foreground.
inline int in_background(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setpgid(0, 0);
    ::_exit(tt::guarded(body));
  }
  return tt::wait_for(child);
}

// ---- the test

class Scene {
 public:
  // `typed_ahead` is typed before the child exists.
  explicit Scene(ScenePlan plan, std::string_view typed_ahead = {}) : user_(tt::make_pair_of()) {
    before_ = tt::settings_of(user_.slave.get());
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    report_.reset(ends[0]);
    const UniqueFd writing(ends[1]);
    if (!typed_ahead.empty()) type(typed_ahead);
    child_ = ::fork();
    if (child_ == 0) ::_exit(play(plan, writing.get()));
  }
  ~Scene() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    tt::wait_for(child_);
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  void type(std::string_view keys) const { REQUIRE(tt::type(user_, keys)); }
  void signal(int number) const { ::kill(child_, number); }
  void close_window() {
    user_.master.reset();
    user_.slave.reset();
  }
  [[nodiscard]] const tt::Pair& user() const { return user_; }
  [[nodiscard]] const std::string& screen() const { return screen_; }
  [[nodiscard]] const std::string& report() const { return told_; }
  [[nodiscard]] bool settings_are_restored() const { return tt::same(tt::settings_of(user_.slave.get()), before_); }
  // The terminal has the settings of a question: keys one by one, and output with line ends as in line mode.
  [[nodiscard]] bool asks_now() const {
    const termios now = tt::settings_of(user_.slave.get());
    return (now.c_lflag & (ICANON | ECHO | ISIG)) == 0 && (now.c_oflag & OPOST) != 0;
  }

  // Reads on until `text` has come on the screen, behind what was awaited before. False after ten seconds.
  bool await_screen(std::string_view text) {
    return wait_until([&] {
      const std::size_t at = screen_.find(text, seen_);
      if (at != std::string::npos) seen_ = at + text.size();
      return at != std::string::npos;
    });
  }
  bool await_report(std::string_view text) {
    return wait_until([&] { return told_.find(text) != std::string::npos; });
  }
  // Lets time pass, and reads.
  void pass(std::chrono::milliseconds time) {
    const auto end = tt::Clock::now() + time;
    while (tt::Clock::now() < end) read_on();
  }
  // The exit status of the child.
  int end() {
    const int status = tt::wait_for(child_);
    child_ = 0;
    read_on();
    return status;
  }
  // The prompt is there, and keys count.
  bool await_question(std::chrono::milliseconds guard) {
    const bool there = await_screen("Enter alone denies): ");
    pass(guard + 300ms);
    return there;
  }

 private:
  int play(const ScenePlan& plan, int report) const {
    ::alarm(30);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::setsid() < 0) return 99;
    if (plan.has_terminal && ::ioctl(user_.slave.get(), TIOCSCTTY, 0) != 0) return 99;
    ::close(user_.master.get());
    const auto body = [&] { return ask_and_report(plan, user_.slave.get(), report); };
    return plan.in_background ? in_background(body) : tt::guarded(body);
  }
  void read_on() {
    std::vector<pollfd> entries{{report_.get(), POLLIN, 0}};
    if (user_.master.valid()) entries.push_back({user_.master.get(), POLLIN, 0});
    ::poll(entries.data(), entries.size(), 20);
    if (user_.master.valid()) screen_ += tt::read_now(user_.master.get());
    told_ += tt::read_now(report_.get());
  }
  bool wait_until(const std::function<bool()>& done) {
    for (const auto end = tt::Clock::now() + 10s; tt::Clock::now() < end; read_on())
      if (done()) return true;
    return done();
  }

  tt::Pair user_;
  termios before_{};
  UniqueFd report_;
  pid_t child_ = 0;
  std::string screen_;
  std::string told_;
  std::size_t seen_ = 0;
};

}  // namespace writ::approval_tests

#endif  // WRIT_TESTS_UNIT_QUESTION_SCENE_H_
