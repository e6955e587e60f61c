// Compares one launch through a running spawner with posix_spawn(3) of the same program, alternately, and prints JSON
// with medians in microseconds. Everything that a broker does for one launch is inside the measured time: view, filter
// copy, plan, start, end, and the wait until everything in the sandbox is dead.

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "broker/kernel/landlock.h"
#include "broker/kernel/seccomp_cache.h"
#include "broker/policy/seccomp_profile.h"
#include "broker/sandbox/launch.h"
#include "broker/sandbox/spawner.h"

extern char** environ;

namespace {

using Clock = std::chrono::steady_clock;

double microseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

double median(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  return samples[samples.size() / 2];
}

[[noreturn]] void fail_bench(const std::string& why) {
  std::fprintf(stderr, "spawner_bench: %s\n", why.c_str());
  std::exit(1);
}

double spawn_natively() {
  const auto start = Clock::now();
  const char* const argv[] = {"/bin/true", nullptr};
  pid_t child = -1;
  if (::posix_spawn(&child, "/bin/true", nullptr, nullptr, const_cast<char**>(argv), environ) != 0)
    fail_bench("posix_spawn failed");
  int status = 0;
  ::waitpid(child, &status, 0);
  return microseconds_since(start);
}

writ::Profile bench_profile(const std::string& workspace) {
  writ::Profile profile;
  profile.name = "bench";
  for (const char* path : {"/usr", "/etc"}) profile.filesystem.grants.push_back({path, writ::PathAccess::kRead});
  for (const char* path : {"/bin", "/lib", "/lib64"})
    profile.filesystem.grants.push_back({path, writ::PathAccess::kRead, writ::Presence::kOptional});
  profile.filesystem.grants.push_back({workspace, writ::PathAccess::kWrite});
  return profile;
}

class SpawnerLaunches {
 public:
  SpawnerLaunches(const writ::BrokerStart& broker, writ::Spawner& spawner, std::string workspace)
      : broker_(broker), spawner_(spawner), workspace_(std::move(workspace)), profile_(bench_profile(workspace_)) {
    auto model = writ::build_seccomp_model(profile_.syscalls, profile_.process);
    if (!model) fail_bench(model.error().describe());
    auto filter = writ::seccomp_program_for(*model, nullptr);
    if (!filter) fail_bench(filter.error().describe());
    filter_ = std::move(*filter);
    struct stat status {};
    if (::stat(workspace_.c_str(), &status) != 0) fail_bench("no workspace");
    identity_ = writ::choose_identity(broker.uid, broker.gid, status.st_uid, status.st_gid);
  }

  double launch() {
    const auto start = Clock::now();
    auto sandbox = spawner_.take();
    if (!sandbox) fail_bench(sandbox.error().describe());
    writ::UniqueFd ownership;
    if (broker_.uid == 0) {
      if (!sandbox->map_identity(identity_.init_map)) fail_bench("cannot map the identity");
      auto opened = sandbox->user_namespace();
      if (!opened) fail_bench(opened.error().describe());
      ownership = std::move(*opened);
    }
    auto prepared = writ::prepare_launch(broker_, request(ownership.valid() ? ownership.get() : -1));
    if (!prepared) fail_bench(prepared.error().error.describe());
    prepared->content.filter = filter_;
    if (auto begun = writ::begin_start(*sandbox, *prepared); !begun) fail_bench(begun.error().error.describe());
    auto tool = writ::finish_start(*sandbox, *prepared);
    if (!tool) fail_bench(tool.error().error.describe());
    const auto message = sandbox->receive();
    if (!message || message->report.event != writ::InitEvent::kExited || message->report.status != 0)
      fail_bench("the tool did not end well");
    sandbox->wait();
    return microseconds_since(start);
  }

 private:
  writ::LaunchRequest request(int ownership_namespace) {
    writ::LaunchRequest request;
    request.profile = &profile_;
    request.identity = identity_;
    request.working_directory = workspace_;
    request.home = "/nonexistent";
    request.user_name = "writ";
    request.argv = {"/bin/true"};
    request.environment = {"PATH=/usr/bin:/bin"};
    request.descriptors = {{0, 0}, {1, 1}, {2, 2}};
    request.landlock_abi = landlock_abi_;
    request.ownership_namespace = ownership_namespace;
    return request;
  }

  const writ::BrokerStart& broker_;
  writ::Spawner& spawner_;
  std::string workspace_;
  writ::Profile profile_;
  writ::BpfProgram filter_;
  writ::ToolIdentity identity_;
  int landlock_abi_ = writ::landlock_abi();
};

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 500;
  if (rounds < 1) fail_bench("usage: spawner_bench [ROUNDS]");
  const writ::BrokerStart broker = writ::start_broker(writ::NetworkStart::kOwn);
  auto spawner = writ::Spawner::start(broker, writ::NetworkStart::kOwn);
  if (!spawner) fail_bench(spawner.error().describe());
  char workspace[] = "/tmp/writ-spawner-bench-XXXXXX";
  if (::mkdtemp(workspace) == nullptr) fail_bench("cannot make a workspace");
  std::vector<double> native;
  std::vector<double> sandboxed;
  {
    SpawnerLaunches launches(broker, *spawner, workspace);
    for (int i = 0; i < 20; ++i) (void)launches.launch();  // warm up
    for (int i = 0; i < rounds; ++i) {
      native.push_back(spawn_natively());
      sandboxed.push_back(launches.launch());
    }
  }
  ::rmdir(workspace);
  std::printf("{\"rounds\": %d, \"posix_spawn_us\": %.1f, \"spawner_us\": %.1f, \"ratio\": %.3f}\n", rounds,
              median(native), median(sandboxed), median(sandboxed) / median(native));
  return 0;
}
