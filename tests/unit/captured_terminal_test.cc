#include "broker/daemon/captured_terminal.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <functional>
#include <string>

using namespace writ;

namespace {

using Clock = std::chrono::steady_clock;

// A terminal, and a program that believes in it.
struct Scene {
  explicit Scene(std::size_t kept = OutputRing::kUsualCapacity) {
    CapturedTerminalOptions options;
    options.kept = kept;
    options.size = {30, 90, 0, 0};
    options.instance = DevptsInstance::kHost;
    auto made = CapturedTerminal::create(options);
    REQUIRE(made);
    terminal = std::move(*made);
  }
  ~Scene() {
    if (tool <= 0) return;
    ::kill(tool, SIGKILL);
    ::waitpid(tool, nullptr, 0);
  }

  void run(const char* script) {
    tool = ::fork();
    if (tool != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::setsid();
    ::ioctl(terminal->slave(), TIOCSCTTY, 0);
    for (int number = 0; number < 3; ++number) ::dup2(terminal->slave(), number);
    ::execl("/bin/sh", "sh", "-c", script, nullptr);
    ::_exit(127);
  }

  // Serves the terminal until `done`, or not longer than ten seconds.
  bool serve(const std::function<bool()>& done) const {
    const auto end = Clock::now() + std::chrono::seconds(10);
    while (!done()) {
      if (Clock::now() > end) return false;
      pollfd entry{terminal->descriptor(), terminal->poll_events(), 0};
      ::poll(&entry, 1, 20);
      terminal->handle_events(entry.revents);
    }
    return true;
  }

  // The tool has ended by itself; its exit status.
  int wait_for_end() {
    int status = -1;
    REQUIRE(serve([&] { return ::waitpid(tool, &status, WNOHANG) == tool; }));
    tool = -1;
    terminal->tool_ended();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  ViewerId attach(ViewerRole role) const {
    const auto viewer = terminal->attach(role);
    REQUIRE(viewer);
    return *viewer;
  }

  // What is there for a viewer at this moment.
  std::string take(ViewerId viewer, std::uint64_t* lost = nullptr) const {
    std::string bytes;
    for (;;) {
      const auto piece = terminal->next(viewer, 1000);
      REQUIRE(piece);
      if (lost != nullptr) *lost += piece->lost;
      if (piece->bytes.empty()) return bytes;
      bytes += piece->bytes;
      terminal->advance(viewer, piece->bytes.size());
    }
  }

  std::unique_ptr<CapturedTerminal> terminal;
  pid_t tool = -1;
};

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("captured terminal: the tool has a terminal, and all of its output is kept", "[captured_terminal]") {
  Scene scene;
  scene.run("stty size; test -t 0 && test -t 1 && tty > /dev/null && printf 'last words'; exit 7");
  CHECK(scene.wait_for_end() == 7);
  CHECK(scene.terminal->has_ended());
  const ViewerId late = scene.attach(ViewerRole::kReader);
  CHECK(scene.take(late) == "30 90\r\nlast words");
}

TEST_CASE("captured terminal: several readers each get everything, one writer types", "[captured_terminal]") {
  Scene scene;
  scene.run("echo ready; while read -r line; do echo \"<$line>\"; done");
  const ViewerId reader = scene.attach(ViewerRole::kReader);
  const ViewerId writer = scene.attach(ViewerRole::kWriter);
  CHECK(scene.terminal->attach(ViewerRole::kWriter).error().system_errno == EBUSY);
  CHECK(scene.terminal->type(reader, "no\n").error().system_errno == EPERM);
  CHECK(scene.terminal->resize(reader, {1, 1, 0, 0}).error().system_errno == EPERM);

  CHECK(scene.terminal->type(writer, "hello\n") == std::size_t{6});
  std::string seen;
  REQUIRE(scene.serve([&] { return contains(seen += scene.take(reader), "<hello>\r\n"); }));
  CHECK(contains(scene.take(writer), "<hello>\r\n"));
  CHECK(!contains(seen, "no"));

  // Who leaves makes room, and whoever comes gets what was before.
  scene.terminal->detach(writer);
  CHECK(scene.terminal->type(writer, "x").error().system_errno == EPERM);
  CHECK(scene.terminal->next(writer).error().system_errno == ENOENT);
  const ViewerId other = scene.attach(ViewerRole::kWriter);
  CHECK(contains(scene.take(other), "<hello>\r\n"));
  CHECK(scene.terminal->type(other, "\x04") == std::size_t{1});
  CHECK(scene.wait_for_end() == 0);
  CHECK(scene.terminal->type(other, "late").error().system_errno == EPIPE);
}

TEST_CASE("captured terminal: the tool is told of a new size, and of an interrupt key", "[captured_terminal]") {
  Scene scene;
  scene.run("trap 'stty size' WINCH; trap 'echo interrupted; exit 3' INT; echo ready; while :; do sleep 0.02; done");
  const ViewerId writer = scene.attach(ViewerRole::kWriter);
  std::string seen;
  REQUIRE(scene.serve([&] { return contains(seen += scene.take(writer), "ready"); }));
  REQUIRE(scene.terminal->resize(writer, {41, 121, 0, 0}));
  REQUIRE(scene.serve([&] { return contains(seen += scene.take(writer), "41 121"); }));
  REQUIRE(scene.terminal->type(writer, "\x03"));
  CHECK(scene.wait_for_end() == 3);
  CHECK(contains(seen += scene.take(writer), "interrupted"));
}

TEST_CASE("captured terminal: a flood passes in bounded memory, and a slow reader is told what it lost",
          "[captured_terminal]") {
  Scene scene(4096);
  scene.run("i=0; while [ $i -lt 40000 ]; do echo line-$i; i=$((i+1)); done");
  const ViewerId slow = scene.attach(ViewerRole::kReader);  // reads nothing while the tool runs
  // The control: the tool ends although nobody reads, which it could not if anything waited for the reader.
  CHECK(scene.wait_for_end() == 0);
  CHECK(scene.terminal->output().reserved() <= 4096 + 16);
  std::uint64_t lost = 0;
  const std::string kept = scene.take(slow, &lost);
  CHECK(kept.size() == 4096);
  CHECK(kept.ends_with("line-39999\r\n"));
  CHECK(lost + kept.size() == scene.terminal->output().end());
  std::uint64_t whole = 0;
  for (int i = 0; i < 40000; ++i) whole += ("line-" + std::to_string(i) + "\r\n").size();
  CHECK(lost + kept.size() == whole);
}

TEST_CASE("captured terminal: a tool that does not read bounds what can be typed", "[captured_terminal]") {
  Scene scene;
  scene.run("stty raw -echo; echo ready; sleep 100");
  const ViewerId writer = scene.attach(ViewerRole::kWriter);
  std::string seen;
  REQUIRE(scene.serve([&] { return contains(seen += scene.take(writer), "ready"); }));
  const std::string keys(CapturedTerminal::kTypedLimit, 'k');
  CHECK(scene.terminal->type(writer, keys) == keys.size());
  std::size_t more = 0;
  for (int i = 0; i < 8; ++i) more += *scene.terminal->type(writer, keys);
  CHECK(more < keys.size());  // what the kernel's own buffer took
  CHECK(scene.terminal->type(writer, keys) == std::size_t{0});
}

TEST_CASE("captured terminal: too many viewers are refused", "[captured_terminal]") {
  const Scene scene;
  for (std::size_t i = 0; i < CapturedTerminal::kViewerLimit; ++i) REQUIRE(scene.terminal->attach(ViewerRole::kReader));
  CHECK(scene.terminal->attach(ViewerRole::kReader).error().system_errno == EAGAIN);
}
