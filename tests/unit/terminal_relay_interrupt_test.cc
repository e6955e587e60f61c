// Ctrl-C twice.
#include <catch2/catch.hpp>

#include "tests/unit/terminal_test_support.h"

namespace writ {
namespace {

using namespace terminal_test;
using namespace std::chrono_literals;

TEST_CASE("repeated interrupt: two within a second") {
  RepeatedInterrupt interrupts;
  const Clock::time_point start{};
  CHECK_FALSE(interrupts.note(start));
  CHECK_FALSE(interrupts.note(start + 1500ms));
  CHECK(interrupts.note(start + 2400ms));
}

enum class MainProcess { kPlain, kJobControlShell, kLineEditor, kHasAJobInFront };

// The main process of the tool's side: session leader on the tool's terminal, deaf to SIGINT.
pid_t start_main_process(const Pair& tool, MainProcess kind, int ready) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::setsid();
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGTTOU, SIG_IGN);
  ::ioctl(tool.slave.get(), TIOCSCTTY, 0);
  if (kind == MainProcess::kJobControlShell) ::signal(SIGTSTP, SIG_IGN);
  if (kind == MainProcess::kLineEditor) make_raw(tool.slave.get());
  if (kind == MainProcess::kHasAJobInFront && ::fork() == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::setpgid(0, 0);
    ::tcsetpgrp(tool.slave.get(), ::getpgrp());
    write_all(ready, "r");
    for (;;) ::pause();
  }
  if (kind != MainProcess::kHasAJobInFront) write_all(ready, "r");
  for (;;) ::pause();
}

int double_interrupt(const Pair& user, MainProcess kind, std::string_view keys, bool expected) {
  return in_session_on(user, [&] {
    Pair tool = make_pair_of();
    auto relay = relay_on(user, tool);
    int ready[2];
    if (::pipe2(ready, O_CLOEXEC) != 0) return 1;
    const pid_t main_process = start_main_process(tool, kind, ready[1]);
    char byte = 0;
    if (::read(ready[0], &byte, 1) != 1) return 2;
    relay->set_main_process_group(main_process);
    for (const char key : keys) {
      if (!type(user, {&key, 1})) return 3;
      for (int i = 0; i < 3; ++i) turn(*relay);
    }
    const bool requested = relay->kill_requested();
    ::kill(main_process, SIGKILL);
    return requested == expected ? 0 : 4;
  });
}

TEST_CASE("terminal relay: two interrupts ask for the death of a tool that ignores them, never of a shell") {
  const Pair user = make_pair_of();
  CHECK(double_interrupt(user, MainProcess::kPlain, "\x03\x03", true) == 0);
  CHECK(double_interrupt(user, MainProcess::kPlain, "\x03", false) == 0);
  CHECK(double_interrupt(user, MainProcess::kPlain, "\x03x\x03", true) == 0);
  CHECK(double_interrupt(user, MainProcess::kJobControlShell, "\x03\x03", false) == 0);
  CHECK(double_interrupt(user, MainProcess::kLineEditor, "\x03\x03", false) == 0);
  CHECK(double_interrupt(user, MainProcess::kHasAJobInFront, "\x03\x03", false) == 0);
}

TEST_CASE("terminal relay: the interrupt key works although the tool has stuffed its own input") {
  const Pair user = make_pair_of();
  CHECK(in_session_on(user, [&user] {
          Pair tool = make_pair_of();
          auto relay = relay_on(user, tool);
          int ready[2];
          if (::pipe2(ready, O_CLOEXEC) != 0) return 1;
          const pid_t main_process = start_main_process(tool, MainProcess::kPlain, ready[1]);
          char byte = 0;
          if (::read(ready[0], &byte, 1) != 1) return 2;
          relay->set_main_process_group(main_process);
          ::fcntl(user.master.get(), F_SETFL, O_NONBLOCK);
          const std::string answers(4095, '\n');  // whole lines, so that the terminal holds them for the reader
          for (int i = 0; i < 200; ++i) {
            [[maybe_unused]] const ssize_t count = ::write(user.master.get(), answers.data(), answers.size());
            turn(*relay, 1);
          }
          const bool asked = turn_until(
              *relay,
              [&] {
                [[maybe_unused]] const ssize_t count = ::write(user.master.get(), "\x03", 1);
                return relay->kill_requested();
              },
              6s);
          ::kill(main_process, SIGKILL);
          return asked ? 0 : 3;
        }) == 0);
}

}  // namespace
}  // namespace writ
