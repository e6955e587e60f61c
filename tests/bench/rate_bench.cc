// How many sandboxes a second one broker launches, what processor time each takes, and what memory the broker needs for
// each that runs. Prints JSON.
//
//   rate_bench rate [LAUNCHES [IN_FLIGHT]]   launches of /bin/true by WarmLaunches, this many at the same time
//   rate_bench pool [LAUNCHES [IN_FLIGHT]]   the same by SandboxPool, which assembles every sandbox anew
//   rate_bench many [COUNT]                  COUNT sandboxes that sleep at the same time
//
// Processor time is that of everything: this process, spawner, inits and tools, with their namespaces made and taken
// down. What the kernel does later in its own threads is not in it; the time that passes is.

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "broker/kernel/landlock.h"
#include "broker/kernel/seccomp_cache.h"
#include "broker/policy/seccomp_profile.h"
#include "broker/sandbox/sandbox_pool.h"
#include "broker/sandbox/spawner.h"
#include "broker/sandbox/warm_launches.h"

extern char** environ;

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kDefaultLaunches = 2000;
constexpr int kDefaultInFlight = 4;
constexpr int kWarmUp = 50;

[[noreturn]] void fail_bench(const std::string& why) {
  std::fprintf(stderr, "rate_bench: %s\n", why.c_str());
  std::exit(1);
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// Busy time of all processors since boot: what kernel threads do is in it too (proc(5), /proc/stat).
double machine_seconds() {
  std::FILE* const file = std::fopen("/proc/stat", "re");
  if (file == nullptr) return 0;
  unsigned long long user = 0, nice = 0, system = 0, idle = 0, wait = 0, hard = 0, soft = 0;
  const int read =
      std::fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &wait, &hard, &soft);
  std::fclose(file);
  if (read != 7) return 0;
  return static_cast<double>(user + nice + system + hard + soft) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

struct Usage {
  Clock::time_point at = Clock::now();
  double machine = machine_seconds();
};

// Processes of ours that have ended and were waited for, and ourselves. The spawner is waited for at the very end.
double processor_seconds() {
  rusage self{};
  rusage children{};
  ::getrusage(RUSAGE_SELF, &self);
  ::getrusage(RUSAGE_CHILDREN, &children);
  return seconds_of(self.ru_utime) + seconds_of(self.ru_stime) + seconds_of(children.ru_utime) +
         seconds_of(children.ru_stime);
}

writ::SandboxRecipe bench_recipe(const writ::BrokerStart& broker, const std::string& workspace) {
  writ::SandboxRecipe recipe;
  recipe.profile.name = "bench";
  auto& grants = recipe.profile.filesystem.grants;
  for (const char* path : {"/usr", "/etc"}) grants.push_back({path, writ::PathAccess::kRead});
  for (const char* path : {"/bin", "/lib", "/lib64"})
    grants.push_back({path, writ::PathAccess::kRead, writ::Presence::kOptional});
  grants.push_back({workspace, writ::PathAccess::kWrite});
  auto model = writ::build_seccomp_model(recipe.profile.syscalls, recipe.profile.process);
  if (!model) fail_bench(model.error().describe());
  auto filter = writ::seccomp_program_for(*model, nullptr);
  if (!filter) fail_bench(filter.error().describe());
  recipe.filter = std::move(*filter);
  struct stat status {};
  if (::stat(workspace.c_str(), &status) != 0) fail_bench("no workspace");
  recipe.identity = writ::choose_identity(broker.uid, broker.gid, status.st_uid, status.st_gid);
  recipe.working_directory = workspace;
  recipe.home = "/nonexistent";
  recipe.user_name = "writ";
  recipe.landlock_abi = writ::landlock_abi();
  return recipe;
}

void print_rate(const char* what, int launches, int in_flight, double wall, double processor, double machine) {
  std::printf(
      "{\"engine\": \"%s\", \"launches\": %d, \"in_flight\": %d, \"per_second\": %.1f, \"processor_us\": %.1f, "
      "\"machine_us\": %.1f}\n",
      what, launches, in_flight, launches / wall, processor / launches * 1e6, machine / launches * 1e6);
}

// --- posix_spawn -----------------------------------------------------------------------------------------------------

void run_native(int launches, int in_flight) {
  const char* const argv[] = {"/bin/true", nullptr};
  for (int begun = 0, ended = 0; ended < launches;) {
    for (; begun < launches && begun - ended < in_flight; ++begun) {
      pid_t child = -1;
      if (::posix_spawn(&child, "/bin/true", nullptr, nullptr, const_cast<char**>(argv), environ) != 0)
        fail_bench("posix_spawn failed");
    }
    if (::wait(nullptr) > 0) ++ended;
  }
}

// --- SandboxPool -----------------------------------------------------------------------------------------------------

writ::ReadySandbox begin_true(writ::SandboxPool& pool) {
  auto started = pool.begin({{"/bin/true"}, {"PATH=/usr/bin:/bin"}, {{0, 0}, {1, 1}, {2, 2}}});
  if (!started) fail_bench(started.error().error.describe());
  return std::move(*started);
}

void run_pool(writ::SandboxPool& pool, int launches, int in_flight) {
  std::list<writ::ReadySandbox> flying;
  std::list<writ::SandboxProcess> over;
  for (int begun = 0, ended = 0; ended < launches;) {
    while (begun < launches && static_cast<int>(flying.size()) < in_flight) {
      flying.push_back(begin_true(pool));
      ++begun;
    }
    std::vector<pollfd> entries;
    for (const auto& one : flying) entries.push_back({one.process.descriptor(), POLLIN, 0});
    ::poll(entries.data(), entries.size(), -1);
    std::size_t index = 0;
    for (auto it = flying.begin(); it != flying.end(); ++index) {
      const auto current = it++;
      if (entries[index].revents == 0) continue;
      const auto message = current->process.receive();
      if (!message || message->report.event == writ::InitEvent::kFailed) fail_bench("a launch failed");
      if (message->report.event != writ::InitEvent::kExited) continue;
      over.push_back(std::move(current->process));
      flying.erase(current);
      ++ended;
    }
    while (over.size() > 4) {
      over.front().wait();
      over.pop_front();
    }
  }
}

// --- WarmLaunches ----------------------------------------------------------------------------------------------------

writ::WarmTool warm_tool(std::vector<std::string> argv) {
  writ::WarmTool tool{std::move(argv), {"PATH=/usr/bin:/bin"}, {}};
  for (const int stream : {0, 1, 2})
    tool.descriptors.push_back({stream, writ::UniqueFd(::fcntl(stream, F_DUPFD_CLOEXEC, 3))});
  return tool;
}

void begin_warm(writ::WarmLaunches& warm, std::vector<std::string> argv) {
  if (auto id = warm.launch(warm_tool(std::move(argv))); !id) fail_bench(id.error().describe());
}

void wait_for(writ::WarmLaunches& warm) {
  pollfd entry{warm.poll_descriptor(), POLLIN, 0};
  ::poll(&entry, 1, -1);
}

void run_warm(writ::WarmLaunches& warm, int launches, int in_flight) {
  int begun = 0;
  for (; begun < launches && begun < in_flight; ++begun) begin_warm(warm, {"/bin/true"});
  for (int ended = 0; ended < launches;) {
    wait_for(warm);
    for (const writ::WarmEvent& event : warm.handle_events()) {
      if (event.kind == writ::WarmEventKind::kFailed) fail_bench(event.error.error.describe());
      if (event.kind != writ::WarmEventKind::kExited) continue;
      if (event.status != 0) fail_bench("a tool did not end well");
      ++ended;
      if (begun < launches) {
        begin_warm(warm, {"/bin/true"});
        ++begun;
      }
    }
  }
}

std::unique_ptr<writ::WarmLaunches> make_warm(const writ::BrokerStart& broker, writ::Spawner& spawner,
                                              const char* workspace, std::size_t starting) {
  writ::WarmOptions options;
  options.ready = 4;
  options.starting = starting;
  auto warm = writ::WarmLaunches::create(broker, spawner, bench_recipe(broker, workspace), options);
  if (!warm) fail_bench(warm.error().describe());
  return std::move(*warm);
}

// Anonymous memory of this process, in KB: heap and everything else that it does not share (proc(5), smaps_rollup).
long private_kilobytes() {
  std::FILE* const file = std::fopen("/proc/self/smaps_rollup", "re");
  if (file == nullptr) fail_bench("cannot read /proc/self/smaps_rollup");
  char line[256];
  long total = 0;
  while (std::fgets(line, sizeof line, file) != nullptr) {
    long kilobytes = 0;
    if (std::sscanf(line, "Private_Clean: %ld", &kilobytes) == 1 ||
        std::sscanf(line, "Private_Dirty: %ld", &kilobytes) == 1)
      total += kilobytes;
  }
  std::fclose(file);
  return total;
}

void run_many(const writ::BrokerStart& broker, const char* workspace, int count) {
  auto spawner = writ::Spawner::start(broker, writ::NetworkStart::kOwn, 0);
  if (!spawner) fail_bench(spawner.error().describe());
  auto warm = make_warm(broker, *spawner, workspace, 16);
  run_warm(*warm, kWarmUp, 4);
  const long before = private_kilobytes();
  const Usage start;
  for (int i = 0; i < count; ++i) begin_warm(*warm, {"/bin/sleep", "1000"});
  std::vector<writ::LaunchId> running;
  while (static_cast<int>(running.size()) < count) {
    wait_for(*warm);
    for (const writ::WarmEvent& event : warm->handle_events()) {
      if (event.kind == writ::WarmEventKind::kFailed) fail_bench(event.error.error.describe());
      if (event.kind == writ::WarmEventKind::kStarted) running.push_back(event.id);
    }
  }
  const Usage all;
  const long after = private_kilobytes();
  for (const writ::LaunchId id : running) warm->kill(id);
  for (int ended = 0; ended < count;) {
    wait_for(*warm);
    for (const writ::WarmEvent& event : warm->handle_events()) ended += event.kind == writ::WarmEventKind::kExited;
  }
  const Usage gone;
  std::printf(
      "{\"engine\": \"warm\", \"sandboxes\": %d, \"start_ms\": %.1f, \"end_ms\": %.1f, \"broker_kb_each\": %.2f}\n",
      count, std::chrono::duration<double, std::milli>(all.at - start.at).count(),
      std::chrono::duration<double, std::milli>(gone.at - all.at).count(), static_cast<double>(after - before) / count);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "rate";
  const int launches = argc > 2 ? std::atoi(argv[2]) : kDefaultLaunches;
  const int in_flight = argc > 3 ? std::atoi(argv[3]) : kDefaultInFlight;
  if (launches < 1 || in_flight < 1) fail_bench("usage: rate_bench rate|pool|many [COUNT [IN_FLIGHT]]");
  const writ::BrokerStart broker = writ::start_broker(writ::NetworkStart::kOwn);
  char workspace[] = "/tmp/writ-rate-bench-XXXXXX";
  if (::mkdtemp(workspace) == nullptr) fail_bench("cannot make a workspace");
  if (mode == "pool") {
    double wall = 0;
    double machine = 0;
    double before = 0;
    {
      auto spawner = writ::Spawner::start(broker, writ::NetworkStart::kOwn);
      if (!spawner) fail_bench(spawner.error().describe());
      writ::SandboxPool pool(broker, *spawner, bench_recipe(broker, workspace));
      run_pool(pool, kWarmUp, in_flight);
      before = processor_seconds();
      const Usage start;
      run_pool(pool, launches, in_flight);
      const Usage end;
      wall = std::chrono::duration<double>(end.at - start.at).count();
      machine = end.machine - start.machine;
    }
    print_rate("pool", launches, in_flight, wall, processor_seconds() - before, machine);
  }
  if (mode == "native") {
    run_native(kWarmUp, in_flight);
    const double before = processor_seconds();
    const Usage start;
    run_native(launches, in_flight);
    const Usage end;
    print_rate("native", launches, in_flight, std::chrono::duration<double>(end.at - start.at).count(),
               processor_seconds() - before, end.machine - start.machine);
  }
  if (mode == "rate") {
    double wall = 0;
    double machine = 0;
    double before = 0;
    {
      auto spawner = writ::Spawner::start(broker, writ::NetworkStart::kOwn, 0);
      if (!spawner) fail_bench(spawner.error().describe());
      auto warm = make_warm(broker, *spawner, workspace, 16);
      run_warm(*warm, kWarmUp, in_flight);
      before = processor_seconds();
      const Usage start;
      run_warm(*warm, launches, in_flight);
      const Usage end;
      wall = std::chrono::duration<double>(end.at - start.at).count();
      machine = end.machine - start.machine;
    }
    print_rate("warm", launches, in_flight, wall, processor_seconds() - before, machine);
  }
  if (mode == "many") run_many(broker, workspace, launches);
  ::rmdir(workspace);
  return 0;
}
