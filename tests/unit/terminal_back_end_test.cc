// Asking a person at a real terminal.
#include "broker/approval/terminal_back_end.h"

#include <catch2/catch.hpp>
#include <string>
#include <thread>

#include "broker/approval/approve_option.h"
#include "tests/unit/question_scene.h"

namespace writ::approval_tests {
namespace {

constexpr auto kGuard = 200ms;

ScenePlan plan_of(std::vector<ApprovalQuestion> questions) {
  ScenePlan plan;
  plan.questions = std::move(questions);
  plan.options.guard = kGuard;
  return plan;
}

ApprovalQuestion with_rule(ApprovalQuestion question) {
  question.always_rule = "- {effect: allow, rights: [read], path: /srv/a}";
  return question;
}

TEST_CASE("terminal question: a word and Enter answer it, and the terminal is given back", "[approval]") {
  const auto [typed, report] = GENERATE(table<const char*, const char*>({{"once\r", "1 once person"},
                                                                         {"o\r", "1 once person"},
                                                                         {"run\n", "1 run person"},
                                                                         {"r\r", "1 run person"},
                                                                         {"deny\r", "1 deny person"},
                                                                         {"d\r", "1 deny person"},
                                                                         {"\r", "1 deny person"},
                                                                         {"\x04", "1 deny person"}}));
  Scene scene(plan_of({path_question("/srv/a")}));
  REQUIRE(scene.await_screen("  path    '/srv/a'"));
  REQUIRE(scene.await_question(kGuard));
  CHECK(scene.asks_now());
  scene.type(typed);
  REQUIRE(scene.await_report("end\n"));
  CHECK(scene.report() == "pause\nresume\n" + std::string(report) + "\nend\n");
  CHECK(scene.end() == 0);
  CHECK(scene.settings_are_restored());
}

TEST_CASE("terminal question: keys that were typed before do not answer", "[approval]") {
  const std::string keys = GENERATE(std::string("once\n"), std::string("r"), std::string("\n"), std::string("\x04"));
  Scene scene(plan_of({path_question("/srv/a")}), keys);
  REQUIRE(scene.await_question(kGuard));
  CHECK(scene.report() == "pause\n");
  scene.type("run\r");
  CHECK(scene.await_report("1 run person\n"));
}

TEST_CASE("terminal question: keys within the guard time do not answer", "[approval]") {
  ScenePlan plan = plan_of({path_question("/srv/a")});
  plan.options.guard = 2s;
  Scene scene(std::move(plan));
  REQUIRE(scene.await_screen("Enter alone denies): "));
  scene.type("once\r");
  scene.pass(2'300ms);
  CHECK(scene.report() == "pause\n");
  scene.type("d\r");
  CHECK(scene.await_report("1 deny person\n"));
}

TEST_CASE("terminal question: other words ask again", "[approval]") {
  Scene scene(plan_of({path_question("/srv/a")}));
  REQUIRE(scene.await_question(kGuard));
  for (const char* word : {"yes\r", "always\r", "allow\r", "once\rrun\r"}) {
    scene.type(word);
    REQUIRE(scene.await_screen("Enter alone denies): "));
  }
  CHECK(scene.report() == "pause\n");
  scene.type("once\r");
  CHECK(scene.await_report("1 once person\n"));
}

TEST_CASE("terminal question: always shows the rule and wants a yes", "[approval]") {
  Scene scene(plan_of({with_rule(path_question("/srv/a"))}));
  REQUIRE(scene.await_question(kGuard));
  scene.type("always\r");
  REQUIRE(scene.await_screen("  rule    '- {effect: allow, rights: [read], path: /srv/a}'"));
  REQUIRE(scene.await_screen("Enter to go back: "));
  scene.pass(kGuard + 100ms);
  SECTION("yes") {
    scene.type("yes\r");
    CHECK(scene.await_report("1 always person\n"));
  }
  SECTION("anything else goes back") {
    scene.type(GENERATE("\r", "y\r", "always\r"));
    REQUIRE(scene.await_screen("Enter alone denies): "));
    CHECK(scene.report() == "pause\n");
    scene.type("o\r");
    CHECK(scene.await_report("1 once person\n"));
  }
  SECTION("the end-of-file key denies") {
    scene.type("\x04");
    CHECK(scene.await_report("1 deny person\n"));
  }
}

TEST_CASE("terminal question: everything in full", "[approval]") {
  const std::string path = "/srv/" + std::string(2000, 'x') + "needle" + std::string(1000, 'y');
  Scene scene(plan_of({path_question(path)}));
  REQUIRE(scene.await_question(kGuard));
  CHECK(scene.screen().find("bytes left out") != std::string::npos);
  CHECK(scene.screen().find("needle") == std::string::npos);
  scene.type("?\r");
  REQUIRE(scene.await_screen("needle"));
  REQUIRE(scene.await_question(kGuard));
  scene.type("o\r");
  CHECK(scene.await_report("1 once person\n"));
}

TEST_CASE("terminal question: one at a time, and the others are counted", "[approval]") {
  Scene scene(plan_of({path_question("/srv/a", 1), path_question("/srv/b", 2), path_question("/srv/a", 3)}));
  REQUIRE(scene.await_screen("(2 more waiting)"));
  REQUIRE(scene.await_question(kGuard));
  CHECK(scene.screen().find("/srv/b") == std::string::npos);
  scene.type("run\r");
  REQUIRE(scene.await_screen("  path    '/srv/b'"));
  REQUIRE(scene.await_question(kGuard));
  CHECK(scene.report() == "pause\n1 run person\n3 run person\n");
  scene.type("\r");
  REQUIRE(scene.await_report("end\n"));
  CHECK(scene.report().find("2 deny person\n") != std::string::npos);
  CHECK(scene.settings_are_restored());
}

TEST_CASE("terminal question: the interrupt key denies everything and is passed on", "[approval]") {
  Scene scene(plan_of({path_question("/srv/a", 1), path_question("/srv/b", 2)}));
  REQUIRE(scene.await_screen("Enter alone denies): "));
  scene.pass(50ms);
  scene.type("\x03");
  REQUIRE(scene.await_report("end\n"));
  CHECK(scene.report() == "pause\nresume\ninterrupt\n1 deny person\n2 deny person\nend\n");
  CHECK(scene.settings_are_restored());
}

TEST_CASE("terminal question: a time-out denies and gives the terminal back", "[approval]") {
  ScenePlan plan = plan_of({path_question("/srv/a")});
  plan.options.limits.time_out = 600ms;
  Scene scene(std::move(plan));
  REQUIRE(scene.await_screen("(1 s; Enter alone denies): "));
  CHECK(scene.await_report("1 deny timed_out\n"));
  CHECK(scene.await_screen("this question is over; the call was denied"));
  CHECK(scene.end() == 0);
  CHECK(scene.settings_are_restored());
}

TEST_CASE("terminal question: it ends when the asker is gone", "[approval]") {
  ScenePlan plan = plan_of({path_question("/srv/a", 1), path_question("/srv/b", 2)});
  plan.cancel_first_after = 400ms;
  Scene scene(std::move(plan));
  REQUIRE(scene.await_screen("'/srv/a'"));
  CHECK(scene.await_report("1 deny asker_gone\n"));
  REQUIRE(scene.await_screen("'/srv/b'"));
  REQUIRE(scene.await_question(kGuard));
  scene.type("o\r");
  CHECK(scene.await_report("2 once person\n"));
}

TEST_CASE("terminal question: what a tool put into it does nothing to the screen", "[approval]") {
  ApprovalQuestion question = path_question("/srv/\r\x1b[2K\x1b]52;c;eA==\x07\nwrit: allowed");
  question.asker.argv = {"\x1b[1A", std::string(100'000, '\n')};
  Scene scene(plan_of({question}));
  REQUIRE(scene.await_question(kGuard));
  CHECK(scene.screen().find("\x1b[2K") == std::string::npos);
  CHECK(scene.screen().find("\x1b]52") == std::string::npos);
  CHECK(scene.screen().find("\nwrit: allowed") == std::string::npos);
  CHECK(scene.screen().find("'/srv/\\x0d\\x1b[2K") != std::string::npos);
}

TEST_CASE("terminal question: keys do not count before all of it is on the screen", "[approval]") {
  ScenePlan plan = plan_of({path_question("/srv/" + std::string(4000, '\x1b'))});
  Scene scene(std::move(plan));
  REQUIRE(scene.await_question(kGuard));
  scene.type("?\r");
  // The screen takes no more than a part of it: nobody reads.
  std::this_thread::sleep_for(kGuard + 300ms);
  scene.type("once\r");
  std::this_thread::sleep_for(300ms);
  scene.type("once\r");
  REQUIRE(scene.await_question(kGuard));
  CHECK(scene.report() == "pause\n");
  scene.type("run\r");
  CHECK(scene.await_report("1 run person\n"));
}

TEST_CASE("terminal question: a signal that ends the run gives the terminal back", "[approval]") {
  Scene scene(plan_of({path_question("/srv/a")}));
  REQUIRE(scene.await_question(kGuard));
  REQUIRE(scene.asks_now());
  scene.signal(SIGTERM);
  CHECK(scene.end() == 0);
  CHECK(scene.settings_are_restored());
  CHECK(scene.report() == "pause\nresume\n");
}

TEST_CASE("terminal question: after a stop it is asked again, and restores what the shell had set", "[approval]") {
  Scene scene(plan_of({path_question("/srv/a")}));
  REQUIRE(scene.await_question(kGuard));
  scene.signal(SIGSTOP);
  scene.pass(50ms);
  termios of_shell = tt::settings_of(scene.user().slave.get());
  of_shell.c_lflag |= ICANON | ISIG | ECHO;
  of_shell.c_cc[VSTOP] = 0x01;
  REQUIRE(::tcsetattr(scene.user().slave.get(), TCSANOW, &of_shell) == 0);
  scene.signal(SIGCONT);
  REQUIRE(scene.await_question(kGuard));
  scene.type("o\r");
  CHECK(scene.await_report("1 once person\n"));
  CHECK(scene.end() == 0);
  CHECK(tt::same(tt::settings_of(scene.user().slave.get()), of_shell));
}

TEST_CASE("terminal question: after a stop it is shown again even if nobody has changed the settings", "[approval]") {
  Scene scene(plan_of({path_question("/srv/a")}));
  REQUIRE(scene.await_question(kGuard));
  scene.signal(SIGSTOP);
  scene.pass(50ms);
  scene.signal(SIGCONT);
  REQUIRE(scene.await_question(kGuard));
  scene.type("o\r");
  CHECK(scene.await_report("1 once person\n"));
  CHECK(scene.end() == 0);
  CHECK(scene.settings_are_restored());
}

TEST_CASE("terminal question: a run that has the terminal raw gets it back raw", "[approval]") {
  ScenePlan plan = plan_of({path_question("/srv/a", 1), path_question("/srv/b", 2)});
  plan.raw_run = true;
  Scene scene(std::move(plan));
  REQUIRE(scene.await_question(kGuard));
  CHECK(scene.asks_now());
  scene.type("o\r");
  REQUIRE(scene.await_question(kGuard));
  scene.type("o\r");
  REQUIRE(scene.await_report("end\n"));
  CHECK(scene.report().find("pause\n1 once person\n") == 0);
  CHECK(scene.report().find("resume\n") != std::string::npos);
  CHECK(scene.report().find("other settings") == std::string::npos);
  CHECK(scene.end() == 0);
  CHECK(scene.settings_are_restored());
}

TEST_CASE("terminal question: not from the background", "[approval]") {
  ScenePlan plan = plan_of({path_question("/srv/a")});
  plan.options.limits.time_out = 700ms;
  plan.in_background = true;
  Scene scene(std::move(plan));
  scene.pass(300ms);
  CHECK(scene.settings_are_restored());
  CHECK(scene.await_report("1 deny timed_out\nend\n"));
  CHECK(scene.report() == "1 deny timed_out\nend\n");
  CHECK(scene.screen().empty());
  CHECK(scene.end() == 0);
}

TEST_CASE("terminal question: not while another program of the pipeline drives the terminal", "[approval]") {
  const TerminalCompany company = GENERATE(TerminalCompany::kShared, TerminalCompany::kAlone);
  ScenePlan plan = plan_of({path_question("/srv/a")});
  plan.options.limits.time_out = 4s;
  plan.options.company = company;
  Scene scene(std::move(plan));
  REQUIRE(scene.await_screen("Enter alone denies): "));  // in line mode it is asked
  scene.signal(SIGSTOP);
  scene.pass(50ms);
  tt::make_raw(scene.user().slave.get());  // the pager starts
  const std::size_t before = scene.screen().size();
  scene.signal(SIGCONT);
  CHECK(scene.await_report("1 deny timed_out\n"));
  const bool asked_again = scene.screen().find("Enter alone denies", before) != std::string::npos;
  CHECK(asked_again == (company == TerminalCompany::kAlone));
  CHECK(scene.end() == 0);
  CHECK(tt::is_raw(scene.user().slave.get()));
}

TEST_CASE("terminal question: a closed window denies everything", "[approval]") {
  Scene scene(plan_of({path_question("/srv/a", 1), path_question("/srv/b", 2)}));
  REQUIRE(scene.await_question(kGuard));
  scene.close_window();
  CHECK(scene.await_report("1 deny no_terminal\n2 deny no_terminal\n"));
}

TEST_CASE("terminal question: too many are not asked", "[approval]") {
  ScenePlan plan = plan_of({path_question("/srv/a", 1), path_question("/srv/b", 2)});
  plan.options.limits.questions_in_a_minute = 1;
  Scene scene(std::move(plan));
  CHECK(scene.await_report("2 deny rate_limited\n"));
  REQUIRE(scene.await_question(kGuard));
  scene.type("o\r");
  CHECK(scene.await_report("1 once person\n"));
  CHECK(scene.screen().find("/srv/b") == std::string::npos);
}

TEST_CASE("terminal question: without a terminal nobody can be asked", "[approval]") {
  ScenePlan plan = plan_of({path_question("/srv/a")});
  plan.has_terminal = false;
  Scene scene(std::move(plan));
  CHECK(scene.end() == 97);

  const pid_t child = ::fork();
  if (child == 0) {
    ::setsid();
    auto back_end = open_back_end(AskPerson{}, {}, {});
    if (!back_end) ::_exit(1);
    (*back_end)->submit(path_question("/srv/a"), at(0ms));
    const std::vector<AnsweredQuestion> answers = (*back_end)->on_ready(at(0ms));
    ::_exit(answers.size() == 1 && answers[0].answer.cause == ApprovalCause::kNoTerminal &&
                    answers[0].answer.outcome == ApprovalOutcome::kDeny
                ? 0
                : 2);
  }
  CHECK(tt::wait_for(child) == 0);
}

}  // namespace
}  // namespace writ::approval_tests
