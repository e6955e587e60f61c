// A broker with a spawner, and what a pool of sandboxes needs to begin.
#ifndef WRIT_TESTS_UNIT_POOL_SCENE_H_
#define WRIT_TESTS_UNIT_POOL_SCENE_H_

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <optional>
#include <string>

#include "broker/kernel/landlock.h"
#include "broker/kernel/seccomp_cache.h"
#include "broker/policy/seccomp_profile.h"
#include "broker/sandbox/sandbox_pool.h"

namespace writ {

class PoolWorkspace {
 public:
  PoolWorkspace() {
    std::string name = "/tmp/writ-pool-test-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~PoolWorkspace() { std::filesystem::remove_all(path); }
  std::string path;
};

inline SandboxRecipe recipe_for(const BrokerStart& broker, const std::string& workspace) {
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

struct PoolScene {
  PoolScene() : broker(start_broker(NetworkStart::kOwn)) {
    if (!broker.mount_authority || !broker.init || !*broker.init) return;
    auto started = Spawner::start(broker, NetworkStart::kOwn, 1);
    if (started) spawner.emplace(std::move(*started));
  }
  BrokerStart broker;
  std::optional<Spawner> spawner;
  PoolWorkspace workspace;
};

}  // namespace writ

#endif  // WRIT_TESTS_UNIT_POOL_SCENE_H_
