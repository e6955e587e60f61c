// Whose terminal it is, its settings, its size, input and output.
#include <catch2/catch.hpp>

#include "tests/unit/terminal_test_support.h"

namespace writ {
namespace {

using namespace terminal_test;
using namespace std::chrono_literals;

TEST_CASE("terminal relay: raw while it runs, the old settings afterwards") {
  const Pair user = make_pair_of();
  termios before = settings_of(user.slave.get());
  before.c_cc[VERASE] = 8;
  REQUIRE(::tcsetattr(user.slave.get(), TCSANOW, &before) == 0);
  const int result = in_session_on(user, [&user, &before] {
    Pair tool = make_pair_of();
    auto relay = relay_on(user, tool);
    if (!is_raw(user.slave.get())) return 1;
    if (!same(settings_of(tool.slave.get()), before)) return 2;
    relay.reset();
    return same(settings_of(user.slave.get()), before) ? 0 : 3;
  });
  CHECK(result == 0);
  CHECK(same(settings_of(user.slave.get()), before));
}

TEST_CASE("terminal relay: keys and output cross, with the signal keys for the tool") {
  const Pair user = make_pair_of();
  CHECK(in_session_on(user, [&user] {
          Pair tool = make_pair_of();
          auto relay = relay_on(user, tool);
          if (!type(user, "ls\r")) return 1;
          std::string got;
          turn_until(*relay, [&] { return (got += read_now(tool.slave.get())).size() >= 3; });
          if (got != "ls\n") return 2;
          if (::write(tool.slave.get(), "a\nb", 3) != 3) return 3;
          std::string seen;
          turn_until(*relay, [&] { return (seen += read_now(user.master.get())).size() >= 8; });
          return seen == "ls\r\na\r\nb" ? 0 : 4;  // the echo, then the output, each CR once
        }) == 0);
}

TEST_CASE("terminal relay: window size at start and after a change") {
  winsize size{};
  size.ws_row = 33;
  size.ws_col = 101;
  const Pair user = make_pair_of(nullptr, &size);
  Pair tool = make_pair_of();
  auto relay = relay_on(user, tool);
  winsize seen{};
  REQUIRE(::ioctl(tool.slave.get(), TIOCGWINSZ, &seen) == 0);
  CHECK(seen.ws_row == 33);
  CHECK(seen.ws_col == 101);
  size.ws_row = 50;
  REQUIRE(::ioctl(user.slave.get(), TIOCSWINSZ, &size) == 0);
  relay->on_window_change();
  REQUIRE(::ioctl(tool.slave.get(), TIOCGWINSZ, &seen) == 0);
  CHECK(seen.ws_row == 50);
}

// Background

// As a shell does: `body` in a process group of its own, in the background; then what the leader does meanwhile.
int with_background_job(const Pair& user, const std::function<int()>& body,
                        const std::function<int(pid_t)>& meanwhile) {
  return in_session_on(user, [&] {
    ::signal(SIGTTOU, SIG_IGN);
    const pid_t job = ::fork();
    if (job == 0) {
      ::signal(SIGTTOU, SIG_DFL);
      ::setpgid(0, 0);
      ::_exit(guarded(body));
    }
    ::setpgid(job, job);
    const int shell = meanwhile(job);
    int status = 0;
    if (::waitpid(job, &status, WUNTRACED) != job || !WIFEXITED(status)) {
      ::kill(job, SIGKILL);
      return WIFSTOPPED(status) ? 90 : 91;
    }
    return shell != 0 ? shell : WEXITSTATUS(status);
  });
}

TEST_CASE("terminal relay: a background start neither stops nor touches the terminal nor takes input") {
  const Pair user = make_pair_of();
  const termios before = settings_of(user.slave.get());
  const int result = with_background_job(
      user,
      [&user, &before] {
        Pair tool = make_pair_of();
        auto relay = relay_on(user, tool);
        if (!same(settings_of(user.slave.get()), before)) return 1;
        if (!type(user, "for the shell\n")) return 2;
        if (::write(tool.slave.get(), "out\n", 4) != 4) return 3;
        std::string seen;
        turn_until(*relay, [&] { return (seen += read_now(user.master.get())).find("out") != std::string::npos; });
        for (int i = 0; i < 10; ++i) turn(*relay);
        if (!read_now(tool.slave.get()).empty()) return 4;
        if (relay->poll_timeout_ms() < 0) return 5;  // or it would never learn that it was brought forward
        if (seen.find("\r\r") != std::string::npos) return 6;
        relay.reset();
        return same(settings_of(user.slave.get()), before) ? 0 : 7;
      },
      [](pid_t) { return 0; });
  CHECK(result == 0);
  CHECK(read_now(user.slave.get()) == "for the shell\n");
}

TEST_CASE("terminal relay: brought to the foreground without SIGCONT it takes over, sent back it lets go") {
  const Pair user = make_pair_of();
  const int result = with_background_job(
      user,
      [&user] {
        Pair tool = make_pair_of();
        auto relay = relay_on(user, tool);
        if (is_raw(user.slave.get())) return 1;
        if (!turn_until(*relay, [&] { return ::tcgetpgrp(user.slave.get()) == ::getpgrp(); })) return 2;
        turn(*relay);
        if (!is_raw(user.slave.get())) return 3;
        if ((settings_of(tool.slave.get()).c_oflag & OPOST) == 0) return 4;
        relay.reset();
        return is_raw(user.slave.get()) ? 5 : 0;
      },
      [&user](pid_t job) {
        ::usleep(200000);
        return ::tcsetpgrp(user.slave.get(), job) == 0 ? 0 : 80;
      });
  CHECK(result == 0);
}

TEST_CASE("terminal relay: suspend_self stops like Ctrl-Z with the settings restored, and is raw again afterwards") {
  const Pair user = make_pair_of();
  const termios before = settings_of(user.slave.get());
  const int result = with_background_job(
      user,
      [&user] {
        Pair tool = make_pair_of();
        sigset_t all;  // as a caller with a signalfd has it
        sigemptyset(&all);
        sigaddset(&all, SIGTSTP);
        ::sigprocmask(SIG_BLOCK, &all, nullptr);
        while (::tcgetpgrp(user.slave.get()) != ::getpgrp()) ::usleep(1000);
        auto relay = relay_on(user, tool);
        if (!is_raw(user.slave.get())) return 1;
        relay->suspend_self();
        return is_raw(user.slave.get()) ? 0 : 2;
      },
      [&user, &before](pid_t job) {
        ::tcsetpgrp(user.slave.get(), job);
        int status = 0;
        if (::waitpid(job, &status, WUNTRACED) != job || !WIFSTOPPED(status)) return 80;
        const bool stopped_as_by_key = WSTOPSIG(status) == SIGTSTP;
        const bool restored = same(settings_of(user.slave.get()), before);
        ::kill(-job, SIGCONT);
        if (!stopped_as_by_key) return 81;
        return restored ? 0 : 82;
      });
  CHECK(result == 0);
}

TEST_CASE("terminal relay: in a pipeline the terminal stays in line mode, and a pager's keys are not taken") {
  const Pair user = make_pair_of();
  CHECK(in_session_on(user, [&user] {
          Pair tool = make_pair_of();
          auto relay = relay_on(user, tool, TerminalUse::kShared);
          const termios before = settings_of(user.slave.get());
          if ((before.c_lflag & ICANON) == 0) return 1;
          if (!type(user, "line\n")) return 2;
          std::string got;
          turn_until(*relay, [&] { return !(got += read_now(tool.slave.get())).empty(); });
          if (got != "line\n") return 3;
          termios pager = before;
          pager.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
          ::tcsetattr(user.slave.get(), TCSANOW, &pager);
          if (!type(user, "q")) return 4;
          for (int i = 0; i < 10; ++i) turn(*relay);
          if (!read_now(tool.slave.get()).empty()) return 5;
          return read_now(user.slave.get()) == "q" ? 0 : 6;
        }) == 0);
}

TEST_CASE("terminal relay: input from a pipe ends with one end-of-file, its bytes are no keys, nothing is echoed") {
  const Pair user = make_pair_of();
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd from(ends[0]);
  UniqueFd to(ends[1]);
  Pair tool = make_pair_of();
  TerminalRelayOptions options;
  options.user_input = from.get();
  options.user_output = user.slave.get();
  options.master = std::move(tool.master);
  auto relay = TerminalRelay::create(std::move(options));
  REQUIRE(relay);
  CHECK((settings_of(tool.slave.get()).c_oflag & OPOST) == 0);
  CHECK((settings_of(user.slave.get()).c_lflag & ICANON) != 0);
  REQUIRE(::write(to.get(), "one\r\ntwo", 8) == 8);
  to.reset();
  for (int i = 0; i < 10; ++i) turn(**relay);
  char buffer[64];
  ::fcntl(tool.slave.get(), F_SETFL, O_NONBLOCK);
  CHECK(::read(tool.slave.get(), buffer, sizeof(buffer)) == 5);
  CHECK(::read(tool.slave.get(), buffer, sizeof(buffer)) == 3);  // an open line is delivered first
  CHECK(::read(tool.slave.get(), buffer, sizeof(buffer)) == 0);  // and then the end, once
  CHECK(::read(tool.slave.get(), buffer, sizeof(buffer)) == -1);
  CHECK(errno == EAGAIN);
  write_all(tool.slave.get(), "x\n");
  for (int i = 0; i < 5; ++i) turn(**relay);
  CHECK(read_now(user.master.get()) == "x\r\n");  // the user's terminal adds the CR, and nothing else was echoed
}

TEST_CASE("terminal relay: dangerous output is filtered unless that is switched off") {
  for (const auto filtering : {OutputFiltering::kDropDangerous, OutputFiltering::kNone}) {
    const Pair user = make_pair_of();
    make_raw(user.slave.get());
    Pair tool = make_pair_of();
    TerminalRelayOptions options;
    options.user_output = user.slave.get();
    options.filtering = filtering;
    options.master = std::move(tool.master);
    auto relay = TerminalRelay::create(std::move(options));
    REQUIRE(relay);
    write_all(tool.slave.get(),
              "a\x1b]52;c;QQ==\x07"
              "b");
    tool.slave.reset();
    REQUIRE((*relay)->drain(1s));
    const bool on = filtering == OutputFiltering::kDropDangerous;
    CHECK(read_now(user.master.get()) == (on ? "ab"
                                             : "a\x1b]52;c;QQ==\x07"
                                               "b"));
    CHECK((*relay)->dropped_sequences() == (on ? 1U : 0U));
  }
}

TEST_CASE("terminal relay: what is no terminal is refused") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const UniqueFd writing(ends[1]);
  TerminalRelayOptions options;
  options.master = UniqueFd(ends[0]);
  CHECK_FALSE(TerminalRelay::create(std::move(options)));
}

}  // namespace
}  // namespace writ
