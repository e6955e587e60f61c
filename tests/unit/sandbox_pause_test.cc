// Pausing and resuming a sandbox through its init.
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>

#include "tests/unit/pool_scene.h"

namespace writ {
namespace {

// The next report that is `event`, within five seconds.
InitReport next_report(SandboxProcess& process, InitEvent event) {
  for (;;) {
    pollfd entry{process.descriptor(), POLLIN, 0};
    REQUIRE(::poll(&entry, 1, 5000) == 1);
    const auto message = process.receive();
    REQUIRE(message);
    if (message->report.event == event) return message->report;
  }
}

bool says_nothing(const SandboxProcess& process) {
  pollfd entry{process.descriptor(), POLLIN, 0};
  return ::poll(&entry, 1, 100) == 0;
}

InitReport pause(SandboxProcess& process) {
  REQUIRE(process.pause());
  const InitReport report = next_report(process, InitEvent::kPaused);
  CHECK(report.error == 0);
  return report;
}

InitReport resume(SandboxProcess& process) {
  REQUIRE(process.resume());
  const InitReport report = next_report(process, InitEvent::kResumed);
  CHECK(report.error == 0);
  return report;
}

void wait_for_file(const std::string& path) {
  for (int i = 0; i < 500 && !std::filesystem::exists(path); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  REQUIRE(std::filesystem::exists(path));
}

int exit_status(SandboxProcess& process) {
  const InitReport report = next_report(process, InitEvent::kExited);
  process.wait();
  return WIFEXITED(report.status) ? WEXITSTATUS(report.status) : -1;
}

}  // namespace

TEST_CASE("a sandbox is paused and resumed by its init", "[sandbox_pause]") {
  PoolScene scene;
  if (!scene.spawner) {
    std::cout << "SKIPPED: no user namespaces on this host\n";
    return;
  }
  SandboxPool pool(scene.broker, *scene.spawner, recipe_for(scene.broker, scene.workspace.path));
  const auto launch = [&](const std::string& script) {
    auto running = pool.launch({{"/bin/sh", "-c", script}, {"PATH=/usr/bin:/bin"}, {{0, 0}, {1, 1}, {2, 2}}});
    REQUIRE(running);
    return std::move(running->process);
  };
  const std::string started = scene.workspace.path + "/started";
  const std::string go = scene.workspace.path + "/go";

  SECTION("everything is counted, and what was stopped before is left alone") {
    SandboxProcess process = launch(
        "sh -c 'kill -STOP $$' & sleep 100 & while ! grep -qs 'State:.T' /proc/[0-9]*/status; do :; done; : > started; "
        "while ! test -e go; do sleep 0.05; done; exit 7");
    wait_for_file(started);
    for (int round = 0; round < 3; ++round) {
      const InitReport paused = pause(process);
      CHECK(paused.pause.stopped >= 3);
      CHECK(paused.pause.running == 0);
      CHECK(pause(process).pause.stopped == paused.pause.stopped);  // paused already
      std::ofstream{go};
      CHECK(says_nothing(process));  // the control comes below: running, it would end now
      std::filesystem::remove(go);
      CHECK(resume(process).pause.stopped == 1);
      CHECK(resume(process).pause.stopped == 0);  // nothing was paused
    }
    std::ofstream{go};
    CHECK(exit_status(process) == 7);
  }
  SECTION("a signal that comes during a pause arrives after it, and a stop by the tool itself is still reported") {
    SandboxProcess process = launch("trap 'exit 8' TERM; : > started; while :; do sleep 0.05; done");
    wait_for_file(started);
    pause(process);
    process.signal_tool(SIGTERM);
    CHECK(says_nothing(process));
    resume(process);
    CHECK(exit_status(process) == 8);
    SandboxProcess stopping = launch("kill -STOP $$; exit 9");
    next_report(stopping, InitEvent::kStopped);
    pause(stopping);
    CHECK(resume(stopping).pause.stopped == 1);
    CHECK(says_nothing(stopping));
    stopping.signal_tool(SIGCONT);
    CHECK(exit_status(stopping) == 9);
  }
  SECTION("a paused sandbox can be killed") {
    SandboxProcess process = launch(": > started; while :; do :; done");
    wait_for_file(started);
    pause(process);
    process.kill();
    process.wait();
    CHECK(!process.receive());
  }
}

}  // namespace writ
