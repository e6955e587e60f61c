#include "broker/sandbox/warm_launches.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "broker/kernel/landlock.h"
#include "broker/kernel/seccomp_cache.h"
#include "broker/policy/seccomp_profile.h"

namespace writ {
namespace {

constexpr int kPatienceMilliseconds = 20'000;

struct WarmScene {
  WarmScene() : broker(start_broker(NetworkStart::kOwn)) {
    std::string name = "/tmp/writ-warm-test-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    workspace = name;
    if (!broker.mount_authority || !broker.init || !*broker.init) return;
    auto started = Spawner::start(broker, NetworkStart::kOwn, 0);
    if (started) spawner.emplace(std::move(*started));
  }
  ~WarmScene() { std::filesystem::remove_all(workspace); }

  SandboxRecipe recipe() const {
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
    recipe.home = "/home/somebody";
    recipe.user_name = "writ";
    recipe.landlock_abi = landlock_abi();
    return recipe;
  }

  std::unique_ptr<WarmLaunches> make(WarmOptions options = {}) {
    auto made = WarmLaunches::create(broker, *spawner, recipe(), options);
    INFO((made ? std::string() : made.error().describe()));
    REQUIRE(made);
    return std::move(*made);
  }

  bool possible() const {
    if (!spawner) std::cout << "SKIPPED: this host allows no sandbox\n";
    return spawner.has_value();
  }

  BrokerStart broker;
  std::optional<Spawner> spawner;
  std::string workspace;
};

WarmTool tool_of(std::vector<std::string> argv) {
  WarmTool tool{std::move(argv), {"PATH=/usr/bin:/bin", "HOME=/home/somebody"}, {}};
  for (const int stream : {0, 1, 2})
    tool.descriptors.push_back({stream, UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC))});
  return tool;
}

LaunchId begin_script(WarmLaunches& warm, const std::string& script) {
  const auto id = warm.launch(tool_of({"/bin/bash", "-c", script}));
  REQUIRE(id);
  return *id;
}

// Events until one of `kind` for `id` has come; all of them.
std::vector<WarmEvent> events_until(WarmLaunches& warm, LaunchId id, WarmEventKind kind) {
  std::vector<WarmEvent> all;
  for (;;) {
    for (WarmEvent& event : warm.handle_events()) all.push_back(std::move(event));
    for (const WarmEvent& event : all)
      if (event.id == id && event.kind == kind) return all;
    for (const WarmEvent& event : all) {
      INFO(event.error.error.describe());
      REQUIRE((event.id != id || event.kind != WarmEventKind::kFailed));
    }
    pollfd entry{warm.poll_descriptor(), POLLIN, 0};
    REQUIRE(::poll(&entry, 1, kPatienceMilliseconds) == 1);
  }
}

WarmEvent last_event(WarmLaunches& warm, LaunchId id, WarmEventKind kind) {
  std::vector<WarmEvent> all = events_until(warm, id, kind);
  for (WarmEvent& event : all)
    if (event.id == id && event.kind == kind) return std::move(event);
  return {};
}

int exit_status(WarmLaunches& warm, LaunchId id) {
  const int status = last_event(warm, id, WarmEventKind::kExited).status;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int run_script(WarmLaunches& warm, const std::string& script) { return exit_status(warm, begin_script(warm, script)); }

// What a script prints.
std::string output_of(WarmLaunches& warm, const std::string& script) {
  std::array<int, 2> pipe{};
  REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
  const UniqueFd reader(pipe[0]);
  WarmTool tool = tool_of({"/bin/bash", "-c", script});
  tool.descriptors[1].source.reset(pipe[1]);
  const auto id = warm.launch(std::move(tool));
  REQUIRE(id);
  CHECK(exit_status(warm, *id) == 0);
  std::string text;
  std::array<char, 4096> part{};
  for (ssize_t got = 0; (got = ::read(reader.get(), part.data(), part.size())) > 0;)
    text.append(part.data(), static_cast<std::size_t>(got));
  return text;
}

}  // namespace

TEST_CASE("warm launches report what came of them") {
  WarmScene scene;
  if (!scene.possible()) return;
  auto warm = scene.make();
  CHECK(run_script(*warm, "exit 7") == 7);
  CHECK(run_script(*warm, "kill -9 $$") == -SIGKILL);
  const auto id = warm->launch(tool_of({"no-such-program"}));
  REQUIRE(id);
  pollfd entry{warm->poll_descriptor(), POLLIN, 0};
  REQUIRE(::poll(&entry, 1, kPatienceMilliseconds) == 1);
  std::vector<WarmEvent> events;
  while (events.empty()) events = warm->handle_events();
  REQUIRE(events.size() == 1);
  CHECK(events[0].id == *id);
  CHECK(events[0].kind == WarmEventKind::kFailed);
  CHECK(events[0].error.exit_status == 127);
  CHECK_FALSE(warm->launch(WarmTool{}));
  CHECK(warm->running() == 0);
  CHECK(warm->waiting() == 0);
}

TEST_CASE("nothing of one warm sandbox is left for the next") {
  WarmScene scene;
  if (!scene.possible()) return;
  auto warm = scene.make({.ready = 1, .starting = 1});
  const std::string leave =
      "for d in /tmp $HOME /dev/shm; do test ! -e $d/mine || exit 3; echo > $d/mine || exit 4; done\n"
      "test $(ls -d /proc/[0-9]* | wc -l) -le 5 || exit 5\n"
      "(sleep 100 &)\n"
      "test \"$(sed 1d /proc/sysvipc/shm | wc -l)\" = 0 || exit 6\n"
      "test $(hostname) = $(hostname) || exit 7\n"
      "exit 0";
  for (int i = 0; i < 3; ++i) CHECK(run_script(*warm, leave) == 0);
}

TEST_CASE("a network namespace is used again only if nothing has happened in it") {
  WarmScene scene;
  if (!scene.possible()) return;
  auto warm = scene.make({.ready = 1, .starting = 1});
  const std::string show = "readlink /proc/self/ns/net";
  const std::string counters = "cat /proc/net/dev /proc/net/snmp | md5sum";
  std::map<std::string, int> quiet;
  for (int i = 0; i < 12; ++i) ++quiet[output_of(*warm, show)];
  CHECK(quiet.size() < 6);  // used again, as soon as the one before is gone
  const std::string clean = output_of(*warm, counters);
  std::string used;
  for (int i = 0; i < 6; ++i) {
    const std::string now = output_of(*warm, show + "; echo x > /dev/udp/127.0.0.1/9; cat /proc/net/dev | md5sum");
    CHECK(now != used);
    used = now;
    CHECK(output_of(*warm, counters) == clean);
  }
}

TEST_CASE("a warm sandbox has the layers of every other") {
  WarmScene scene;
  if (!scene.possible()) return;
  auto warm = scene.make();
  const std::string status = output_of(*warm, "cat /proc/self/status");
  for (const char* line : {"CapInh:\t0000000000000000", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
                           "CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"})
    CHECK_THAT(status, Catch::Contains(line));
  CHECK(output_of(*warm, "ls /proc/self/fd | wc -l") == "4\n");  // 0, 1, 2, and the directory itself
  CHECK(run_script(*warm, "echo > /usr/mine") != 0);
  CHECK(run_script(*warm, "echo > /mine") != 0);
  CHECK(run_script(*warm, "echo 1 > /proc/sys/net/ipv4/ip_forward || echo > /proc/self/comm") != 0);
  CHECK(run_script(*warm, "test -e /proc/1/root/etc") != 0);
  CHECK(output_of(*warm, "echo hello > /dev/tcp/127.0.0.1/9 2>&1 || echo refused") != "");
  CHECK(output_of(*warm, "cat /proc/1/cmdline | tr '\\0' ' '") != "");
  CHECK(run_script(*warm, "echo > here && test -e " + scene.workspace + "/here") == 0);
  CHECK(std::filesystem::exists(scene.workspace + "/here"));
}

TEST_CASE("grants within private directories are there in each warm sandbox") {
  WarmScene scene;
  if (!scene.possible()) return;
  SandboxRecipe recipe = scene.recipe();
  recipe.home = "/tmp/writ-warm-home";
  std::filesystem::create_directory(scene.workspace + "/part");
  std::ofstream(scene.workspace + "/part/file") << "seen\n";
  recipe.profile.filesystem.grants.push_back({scene.workspace + "/part", PathAccess::kRead});
  auto made = WarmLaunches::create(scene.broker, *scene.spawner, std::move(recipe));
  REQUIRE(made);
  for (int i = 0; i < 2; ++i) {
    CHECK(output_of(
              **made,
              "cat part/file; ls /tmp; ls -A . && test ! -e /tmp/writ-warm-home/x && echo > /tmp/writ-warm-home/x") ==
          "seen\nwrit-warm-home\n" + std::filesystem::path(scene.workspace).filename().string() + "\npart\n");
    CHECK(run_script(**made, "echo > part/new") != 0);
  }
}

TEST_CASE("warm launches wait for their turn in the order in which they came") {
  WarmScene scene;
  if (!scene.possible()) return;
  auto warm = scene.make({.ready = 1, .starting = 1, .waiting = 8});
  std::vector<LaunchId> ids;
  for (int i = 0; i < 8; ++i) ids.push_back(begin_script(*warm, "sleep 100"));
  std::vector<LaunchId> started;
  for (const WarmEvent& event : events_until(*warm, ids.back(), WarmEventKind::kStarted)) started.push_back(event.id);
  CHECK(started == ids);
  CHECK(warm->running() == 8);
  bool refused = false;
  for (int i = 0; i < 20; ++i) refused = !warm->launch(tool_of({"/bin/true"})) || refused;
  CHECK(refused);
}

TEST_CASE("warm launches are stopped, paused and killed") {
  WarmScene scene;
  if (!scene.possible()) return;
  auto warm = scene.make({.ready = 1, .starting = 1});
  const LaunchId id = begin_script(*warm, "trap 'exit 5' TERM; echo > trapped; while :; do sleep 0.01; done");
  (void)events_until(*warm, id, WarmEventKind::kStarted);
  for (int i = 0; i < 1000 && !std::filesystem::exists(scene.workspace + "/trapped"); ++i) ::usleep(10'000);
  warm->pause(id);
  CHECK(last_event(*warm, id, WarmEventKind::kPaused).status == 0);
  warm->resume(id);
  CHECK(last_event(*warm, id, WarmEventKind::kResumed).status == 0);
  warm->signal(id, SIGTERM);
  CHECK(exit_status(*warm, id) == 5);

  const LaunchId killed = begin_script(*warm, "sleep 100 & wait");
  (void)events_until(*warm, killed, WarmEventKind::kStarted);
  const pid_t init = warm->init_pid(killed);
  REQUIRE(init > 0);
  warm->kill(killed);
  CHECK(exit_status(*warm, killed) == -SIGKILL);
  CHECK(::kill(init, 0) != 0);
  CHECK(warm->init_pid(killed) == 0);
  warm->kill(killed);  // means nothing any more
  CHECK(warm->running() == 0);
}

TEST_CASE("a large order reaches its warm tool") {
  WarmScene scene;
  if (!scene.possible()) return;
  auto warm = scene.make();
  WarmTool tool = tool_of({"/bin/bash", "-c", "test ${#LARGE} = 100000"});
  tool.environment.push_back("LARGE=" + std::string(100'000, 'x'));
  const auto id = warm->launch(std::move(tool));
  REQUIRE(id);
  CHECK(exit_status(*warm, *id) == 0);
}

TEST_CASE("a template whose view is no longer right is made anew") {
  WarmScene scene;
  if (!scene.possible()) return;
  auto warm = scene.make();
  CHECK(run_script(*warm, "test -w .") == 0);
  std::filesystem::create_directory(scene.workspace + "/hooks");
  CHECK(run_script(*warm, "echo > hooks/file && exit 3; exit 4") == 4);
  CHECK_FALSE(std::filesystem::exists(scene.workspace + "/hooks/file"));
}

TEST_CASE("warm launches take their sandboxes with them") {
  WarmScene scene;
  if (!scene.possible()) return;
  std::vector<pid_t> inits;
  {
    auto warm = scene.make();
    for (int i = 0; i < 5; ++i) {
      const LaunchId id = begin_script(*warm, "sleep 100");
      (void)events_until(*warm, id, WarmEventKind::kStarted);
      inits.push_back(warm->init_pid(id));
    }
  }
  for (const pid_t init : inits) CHECK(::kill(init, 0) != 0);
}

TEST_CASE("a profile that needs a broker gets no warm launches") {
  WarmScene scene;
  if (!scene.possible()) return;
  SandboxRecipe recipe = scene.recipe();
  recipe.profile.filesystem.writing = Writing::kMediated;
  CHECK_FALSE(WarmLaunches::create(scene.broker, *scene.spawner, std::move(recipe)));
}

}  // namespace writ
