#include "broker/sandbox/sandbox_pool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "broker/kernel/landlock.h"
#include "broker/kernel/seccomp_cache.h"
#include "broker/policy/seccomp_profile.h"

namespace writ {
namespace {

class Workspace {
 public:
  Workspace() {
    std::string name = "/tmp/writ-pool-test-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Workspace() { std::filesystem::remove_all(path); }
  std::string path;
};

SandboxRecipe recipe_for(const BrokerStart& broker, const std::string& workspace) {
  SandboxRecipe recipe;
  for (const char* path : {"/usr", "/etc"}) recipe.profile.filesystem.grants.push_back({path, PathAccess::kRead});
  for (const char* path : {"/bin", "/lib", "/lib64"})
    recipe.profile.filesystem.grants.push_back({path, PathAccess::kRead, Presence::kOptional});
  recipe.profile.filesystem.grants.push_back({workspace, PathAccess::kWrite});
  recipe.profile.filesystem.protect = {"hooks"};
  const auto model = build_seccomp_model(recipe.profile.syscalls, recipe.profile.process);
  REQUIRE(model);
  auto filter = seccomp_program_for(*model, nullptr);
  REQUIRE(filter);
  recipe.filter = std::move(*filter);
  struct stat status {};
  REQUIRE(::stat(workspace.c_str(), &status) == 0);
  recipe.identity = choose_identity(broker.uid, broker.gid, status.st_uid, status.st_gid);
  recipe.working_directory = workspace;
  recipe.home = "/nonexistent";
  recipe.user_name = "writ";
  recipe.landlock_abi = landlock_abi();
  return recipe;
}

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

struct Scene {
  Scene() : broker(start_broker(NetworkStart::kOwn)) {
    if (!broker.mount_authority || !broker.init || !*broker.init) return;
    auto started = Spawner::start(broker, NetworkStart::kOwn, 1);
    if (started) spawner.emplace(std::move(*started));
  }
  BrokerStart broker;
  std::optional<Spawner> spawner;
  Workspace workspace;
};

}  // namespace

TEST_CASE("a pool runs each tool in a sandbox of its own") {
  Scene scene;
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
  Scene scene;
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
  Scene scene;
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
