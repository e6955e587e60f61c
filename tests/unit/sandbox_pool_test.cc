#include "broker/sandbox/sandbox_pool.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "tests/unit/pool_scene.h"

namespace writ {
namespace {

// Exit status of a shell script in a sandbox of the pool.
int run_script(SandboxPool& pool, const std::string& script) {
  auto running = pool.launch({{"/bin/sh", "-c", script}, {"PATH=/usr/bin:/bin"}, {{0, 0}, {1, 1}, {2, 2}}});
  INFO((running ? std::string() : running.error().error.describe()));
  REQUIRE(running);
  const auto message = running->process.receive();
  REQUIRE(message);
  REQUIRE(message->report.event == InitEvent::kExited);
  running->process.wait();
  return WIFEXITED(message->report.status) ? WEXITSTATUS(message->report.status) : -1;
}

}  // namespace

TEST_CASE("a pool runs each tool in a sandbox of its own") {
  PoolScene scene;
  if (!scene.spawner) {
    std::cout << "SKIPPED: this host allows no sandbox\n";
    return;
  }
  SandboxPool pool(scene.broker, *scene.spawner, recipe_for(scene.broker, scene.workspace.path));
  REQUIRE(pool.fill(2));
  CHECK(pool.ready() == 2);
  CHECK(run_script(pool, "test ! -e /tmp/mine && echo > /tmp/mine && exit 7") == 7);
  CHECK(run_script(pool, "test ! -e /tmp/mine && echo > /tmp/mine && exit 8") == 8);
  CHECK(pool.ready() == 0);
  CHECK(run_script(pool, "exit 9") == 9);  // made on the spot
}

TEST_CASE("what the tool left running is dead when its end is reported") {
  PoolScene scene;
  if (!scene.spawner) {
    std::cout << "SKIPPED: this host allows no sandbox\n";
    return;
  }
  SandboxPool pool(scene.broker, *scene.spawner, recipe_for(scene.broker, scene.workspace.path));
  auto running = pool.launch({{"/bin/sh", "-c", "(while :; do echo > here; done) & while ! test -e here; do :; done"},
                              {"PATH=/usr/bin:/bin"},
                              {{0, 0}, {1, 1}, {2, 2}}});
  REQUIRE(running);
  const auto message = running->process.receive();
  REQUIRE(message);
  REQUIRE(message->report.event == InitEvent::kExited);
  std::filesystem::remove(scene.workspace.path + "/here");
  ::usleep(20'000);
  CHECK_FALSE(std::filesystem::exists(scene.workspace.path + "/here"));
}

TEST_CASE("a ready sandbox whose view is no longer right is not used") {
  PoolScene scene;
  if (!scene.spawner) {
    std::cout << "SKIPPED: this host allows no sandbox\n";
    return;
  }
  SandboxPool pool(scene.broker, *scene.spawner, recipe_for(scene.broker, scene.workspace.path));
  REQUIRE(pool.fill(1));
  // A protected name appears while the sandbox waits: in its view it would be an ordinary, writable directory.
  std::filesystem::create_directory(scene.workspace.path + "/hooks");
  CHECK(run_script(pool, "echo > hooks/file && exit 3; exit 4") == 4);
  CHECK_FALSE(std::filesystem::exists(scene.workspace.path + "/hooks/file"));
}

}  // namespace writ
