#include "broker/kernel/control_group.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "broker/kernel/control_group_backend.h"
#include "broker/kernel/control_group_keeper.h"
#include "broker/kernel/control_group_scope.h"

namespace writ {
namespace {

constexpr std::string_view kHybrid =
    "30 22 0:27 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "31 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "34 30 0:31 /docker/abc /sys/fs/cgroup/mem\\040ory rw shared:5 master:1 - cgroup cgroup rw,memory\n"
    "40 30 0:37 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n"
    "41 30 0:38 / short\n";

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = "/tmp/writ-control-group-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string file(const std::string& name, const std::string& text) const {
    const std::string path = path_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A hierarchy of plain files: enough for looking.
ControlGroupSources fake_separate(const TemporaryDirectory& directory, const std::string& controllers) {
  ControlGroupSources sources;
  std::string mounts;
  std::string members;
  int number = 10;
  for (const char* name : {"memory", "cpu", "pids", "freezer"}) {
    if (controllers.find(name) == std::string::npos) continue;
    (void)directory.file(std::string(name) + "/job/cgroup.procs", "");
    mounts += "31 30 0:28 / " + directory.path() + "/" + name + " rw - cgroup cgroup rw," + name + "\n";
    members += std::to_string(--number) + ":" + name + ":/job\n";
  }
  sources.membership = directory.file("membership", members);
  sources.mounts = directory.file("mounts", mounts);
  sources.bus_socket = "/nonexistent/bus";
  return sources;
}

bool is_root_with_separate_groups() {
  return ::geteuid() == 0 && find_control_group_place({}, {"memory", "cpu"}).has_value();
}

// A process that waits, in a session of its own.
pid_t start_waiting_process() {
  const pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  return child;
}

int end_of(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

bool any_exists(const std::vector<std::string>& paths) {
  return std::any_of(paths.begin(), paths.end(), [](const auto& path) { return ::access(path.c_str(), F_OK) == 0; });
}

template <class Condition>
bool becomes(Condition condition) {
  for (int i = 0; i < 500; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace

TEST_CASE("the own control groups are read", "[control_group]") {
  const auto groups =
      parse_control_group_membership("9:name=systemd:/a\n4:cpu,cpuacct:/x:y\n0::/user.slice\nbad\n3:pids:\n");
  REQUIRE(groups.size() == 3);
  CHECK(groups[1].controllers == std::vector<std::string>{"cpu", "cpuacct"});
  CHECK(groups[1].path == "/x:y");
  CHECK(groups[2].controllers.empty());
  CHECK(groups[2].path == "/user.slice");
  CHECK(parse_control_group_membership("").empty());
}

TEST_CASE("mounted hierarchies are read", "[control_group]") {
  const auto mounts = parse_control_group_mounts(kHybrid);
  REQUIRE(mounts.size() == 3);
  CHECK_FALSE(mounts[0].unified);
  CHECK(mounts[1].point == "/sys/fs/cgroup/mem ory");
  CHECK(mounts[1].root == "/docker/abc");
  CHECK(mounts[2].unified);
}

TEST_CASE("a group is visible below the mount of its hierarchy only", "[control_group]") {
  const ControlGroupMount part{false, "/docker/abc", "/cg/memory", {"memory"}};
  CHECK(visible_control_group(part, "/docker/abc") == "/cg/memory");
  CHECK(visible_control_group(part, "/docker/abc/x/y") == "/cg/memory/x/y");
  CHECK(visible_control_group(part, "/docker/abcd").empty());
  CHECK(visible_control_group(part, "/").empty());
  const ControlGroupMount whole{true, "/", "/cg", {}};
  CHECK(visible_control_group(whole, "/") == "/cg");
  CHECK(visible_control_group(whole, "/../other").empty());
  CHECK(visible_control_group({true, "/../..", "/cg", {}}, "/a").empty());
}

TEST_CASE("separate hierarchies that can be written are a place", "[control_group]") {
  const TemporaryDirectory directory;
  const auto all = find_control_group_place(fake_separate(directory, "memory cpu pids freezer"), {"memory", "cpu"});
  REQUIRE(all);
  CHECK(all->form == ControlGroupForm::kSeparate);
  CHECK(all->describe() == "cgroup v1: memory, pids, cpu");
  CHECK(all->parents.size() == 3);
}

TEST_CASE("what is missing is said", "[control_group]") {
  const TemporaryDirectory directory;
  const ControlGroupSources sources = fake_separate(directory, "cpu pids");
  const auto without = find_control_group_place(sources, {"memory", "cpu"});
  REQUIRE_FALSE(without);
  CHECK(without.error().what ==
        "no control group can be made here (no cgroup v1 hierarchy for memory that this user may write)");
  CHECK_FALSE(without.error().hint.empty());
  CHECK(find_control_group_place(sources, {"cpu"}));
  const auto nothing = find_control_group_place({"/nonexistent", "/nonexistent", "/nonexistent", "/nonexistent", {}});
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error().what.find("memory and cpu") != std::string::npos);
}

TEST_CASE("names of control groups tell their makers", "[control_group]") {
  const auto name = make_control_group_name();
  REQUIRE(name);
  CHECK(name->starts_with("writ-" + std::to_string(::getpid()) + "-"));
  CHECK_FALSE(is_abandoned_control_group(*name));
  CHECK(
      is_abandoned_control_group("writ-" + std::to_string(::getpid()) + "-1-abc"));  // another process with our number
  const pid_t gone = start_waiting_process();
  ::kill(gone, SIGKILL);
  end_of(gone);
  CHECK(is_abandoned_control_group("writ-" + std::to_string(gone) + "-123-abc"));
  for (const char* other :
       {"writ", "writ-", "writ-1", "writ-1-", "writ-leaf", "writ-0-1-a", "writ--1-1-a", "user.slice"})
    CHECK_FALSE(is_abandoned_control_group(other));
}

TEST_CASE("systemd is asked for a scope with the limits", "[control_group]") {
  ControlGroupLimits limits;
  limits.memory = 1000;
  limits.cpus = 500;
  std::string all;
  for (const std::string& word : scope_order("/run/user/1/bus", "writ-1-2-3", 77, limits)) all += word + " ";
  CHECK(
      all ==
      "--address=unix:path=/run/user/1/bus call org.freedesktop.systemd1 /org/freedesktop/systemd1 "
      "org.freedesktop.systemd1.Manager StartTransientUnit ssa(sv)a(sa(sv)) writ-1-2-3.scope fail 6 PIDs au 1 77 "
      "Delegate b true CollectMode s inactive-or-failed MemoryMax t 1000 MemorySwapMax t 0 CPUQuotaPerSecUSec t 500000 "
      "0 ");
}

TEST_CASE("a systemd that refuses, hangs or does nothing is an error", "[control_group]") {
  const TemporaryDirectory directory;
  const auto stand_in = [&](const std::string& script) {
    const std::string path = directory.file("busctl", "#!/bin/sh\n" + script);
    ::chmod(path.c_str(), 0755);
    ControlGroupPlace place;
    place.form = ControlGroupForm::kUserScope;
    place.bus_program = path;
    place.bus_socket = "/nonexistent";
    return make_scope(place, "writ-1-2-3", ::getpid(), {}).error();
  };
  CHECK(stand_in("echo 'Access \033denied' >&2; exit 1\n")
            .what.find("systemd does not make a scope: Access \\x1bdenied") == 0);
  CHECK(stand_in("exec sleep 60\n").what.find("did not come to an end in time") != std::string::npos);
  CHECK(stand_in("exit 0\n").what == "systemd made no scope in time");
  ControlGroupPlace nowhere;
  nowhere.bus_program = directory.path() + "/nothing";
  CHECK(make_scope(nowhere, "writ-1-2-3", ::getpid(), {}).error().system_errno == ENOENT);
}

// A stand-in for systemd: makes the group and moves the process, as the real one does.
TEST_CASE("a scope that was made is used and goes away", "[control_group][root]") {
  const std::string root = "/sys/fs/cgroup/unified";
  if (::geteuid() != 0 || ::access((root + "/cgroup.procs").c_str(), W_OK) != 0) return;
  const TemporaryDirectory directory;
  const std::string busctl =
      directory.file("busctl", "#!/bin/sh\nmkdir " + root + "/$8 && echo ${14} > " + root + "/$8/cgroup.procs\n");
  ::chmod(busctl.c_str(), 0755);
  ControlGroupPlace place;
  place.form = ControlGroupForm::kUserScope;
  place.bus_program = busctl;
  place.bus_socket = "/nonexistent";
  const pid_t member = start_waiting_process();
  const auto scope = make_scope(place, "writ-1-2-3", member, {});
  REQUIRE(scope);
  CHECK(scope->path == root + "/writ-1-2-3.scope");
  CHECK(scope->read("cgroup.procs") == std::to_string(member) + "\n");
  CHECK(remove_control_group(scope->parent.get(), scope->name.c_str()) == 0);
  CHECK(WTERMSIG(end_of(member)) == SIGKILL);
  CHECK(::access(scope->path.c_str(), F_OK) != 0);
}

TEST_CASE("limits of cgroup v2 are written as the kernel reads them", "[control_group]") {
  const TemporaryDirectory directory;
  for (const char* name : {"memory.max", "memory.oom.group", "memory.swap.max", "cpu.max", "cpu.weight", "pids.max"})
    (void)directory.file(name, "");
  const auto backend = make_unified_control_group({});
  GroupDirectory group;
  group.path = directory.path();
  group.controllers = {"memory", "cpu", "pids"};
  group.directory.reset(::open(directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  backend->directories.push_back(std::move(group));
  ControlGroupLimits limits;
  limits.memory = 64 << 20;
  limits.cpus = 1500;
  limits.cpu_weight = 50;
  limits.processes = 33;
  REQUIRE(backend->set_limits(limits));
  const GroupDirectory& written = backend->directories[0];
  CHECK(written.read("memory.max") == "67108864");
  CHECK(written.read("memory.swap.max") == "0");
  CHECK(written.read("memory.oom.group") == "1");
  CHECK(written.read("cpu.max") == "150000 100000");
  CHECK(written.read("cpu.weight") == "50");
  CHECK(written.read("pids.max") == "33");
  (void)directory.file("memory.events", "low 0\noom 3\noom_kill 2\noom_group_kill 1\n");
  (void)directory.file("memory.peak", "1234\n");
  (void)directory.file("pids.events", "max 7\n");
  (void)directory.file("cpu.stat", "usage_usec 99\nnr_throttled 4\n");
  const ControlGroupUse use = backend->use();
  CHECK(use.killed_for_memory == 2);
  CHECK(use.memory_peak == 1234);
  CHECK(use.processes_refused == 7);
  CHECK(use.cpu_time == std::chrono::microseconds(99));
  CHECK(use.periods_throttled == 4);
}

TEST_CASE("a control group holds, counts and goes away", "[control_group][root]") {
  if (!is_root_with_separate_groups()) return;
  const pid_t member = start_waiting_process();
  ControlGroupLimits limits;
  limits.memory = 32 << 20;
  limits.processes = 5;
  limits.cpus = 500;
  auto group = ControlGroup::create(limits, member);
  REQUIRE(group);
  const std::vector<std::string> paths = group->paths();
  REQUIRE(!paths.empty());
  CHECK(any_exists(paths));
  CHECK(group->use().killed_for_memory == 0);
  CHECK_FALSE((group->name() == "control group v1" && group->can_freeze()));
  group->kill_all();
  CHECK(WTERMSIG(end_of(member)) == SIGKILL);
  REQUIRE(group->remove());
  CHECK_FALSE(any_exists(paths));
}

TEST_CASE("whoever takes more memory than the group may is ended", "[control_group][root]") {
  if (!is_root_with_separate_groups()) return;
  std::array<int, 2> go{};
  REQUIRE(::pipe(go.data()) == 0);
  const pid_t member = ::fork();
  if (member == 0) {
    char c = 0;
    (void)!::read(go[0], &c, 1);
    const std::size_t size = 64 << 20;
    void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::fill_n(static_cast<char*>(memory), size, 'x');
    ::_exit(0);
  }
  ControlGroupLimits limits;
  limits.memory = 16 << 20;
  auto group = ControlGroup::create(limits, member);
  REQUIRE(group);
  (void)!::write(go[1], "g", 1);
  CHECK(WTERMSIG(end_of(member)) == SIGKILL);
  const ControlGroupUse use = group->use();
  CHECK(use.killed_for_memory == 1);
  CHECK(use.memory_peak.value_or(0) > (8 << 20));
  CHECK(use.memory_peak.value_or(0) <= (16 << 20));
  ::close(go[0]);
  ::close(go[1]);
}

TEST_CASE("the group of a maker that is killed goes away with everything in it", "[control_group][root]") {
  if (!is_root_with_separate_groups()) return;
  std::array<int, 2> told{};
  REQUIRE(::pipe(told.data()) == 0);
  const pid_t maker = ::fork();
  if (maker == 0) {
    const pid_t member = start_waiting_process();
    ControlGroupLimits limits;
    limits.memory = 16 << 20;
    auto group = ControlGroup::create(limits, member);
    std::string text = std::to_string(member) + "\n";
    if (group)
      for (const std::string& path : group->paths()) text += path + "\n";
    (void)!::write(told[1], text.data(), text.size());
    for (;;) ::pause();
  }
  std::array<char, 4096> text{};
  REQUIRE(::read(told[0], text.data(), text.size()) > 0);
  std::istringstream lines{std::string(text.data())};
  pid_t member = 0;
  lines >> member;
  std::vector<std::string> paths;
  for (std::string path; lines >> path;) paths.push_back(path);
  REQUIRE(!paths.empty());
  CHECK(any_exists(paths));
  ::kill(maker, SIGKILL);
  end_of(maker);
  CHECK(becomes([&] { return !any_exists(paths); }));
  CHECK(becomes(
      [&] { return ::kill(member, 0) != 0 || std::filesystem::is_empty("/proc/" + std::to_string(member) + "/fd"); }));
  ::close(told[0]);
  ::close(told[1]);
}

// The v2 hierarchy of a hybrid host has few controllers; any will do.
TEST_CASE("cgroup v2: who is alone in a group that gives no controllers moves into a leaf for a while",
          "[control_group][root]") {
  const std::string root = "/sys/fs/cgroup/unified";
  std::string controller;
  std::ifstream(root + "/cgroup.controllers") >> controller;
  if (::geteuid() != 0 || controller.empty()) return;
  std::string given;
  std::ifstream(root + "/cgroup.subtree_control") >> given;
  std::ofstream(root + "/cgroup.subtree_control") << "+" << controller;
  const std::string own = root + "/writ-unit-test";
  ::rmdir(own.c_str());
  REQUIRE(::mkdir(own.c_str(), 0755) == 0);
  for (const bool killed : {false, true}) {
    const pid_t maker = ::fork();
    if (maker == 0) {
      std::ofstream(own + "/cgroup.procs") << "0" << std::flush;
      const pid_t member = start_waiting_process();
      ControlGroupSources sources;
      sources.also_needed = {controller};
      auto group = ControlGroup::create({}, member, sources);
      bool good = group && group->name() == "control group v2" && group->paths()[0].starts_with(own + "/writ-");
      good = good && group->can_freeze() && group->set_frozen(Frozen::kYes) && group->set_frozen(Frozen::kNo);
      if (killed && good) ::kill(::getpid(), SIGKILL);
      good = good && group->remove();
      good = good && WTERMSIG(end_of(member)) == SIGKILL;
      std::ifstream members(own + "/cgroup.procs");
      std::string first;
      good = good && members >> first && first == std::to_string(::getpid());
      ::_exit(good ? 0 : 1);
    }
    const int status = end_of(maker);
    CHECK((killed ? WIFSIGNALED(status) : status == 0));
    const auto only_files = [&] {
      for (const auto& entry : std::filesystem::directory_iterator(own))
        if (entry.is_directory()) return false;
      return true;
    };
    CHECK(becomes(only_files));
  }
  CHECK(becomes([&] { return ::rmdir(own.c_str()) == 0; }));
  if (given.empty()) std::ofstream(root + "/cgroup.subtree_control") << "-" << controller;
}

TEST_CASE("empty groups of makers that are gone are swept", "[control_group][root]") {
  if (!is_root_with_separate_groups()) return;
  const auto place = find_control_group_place({}, {"memory"});
  REQUIRE(place);
  const std::string parent = place->parents[0].path;
  const std::string left = parent + "/writ-4190000-1-0123456789ab";
  const std::string stranger = parent + "/writ-sweep-test";
  ::mkdir(left.c_str(), 0755);
  ::mkdir(stranger.c_str(), 0755);
  const UniqueFd directory(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  sweep_control_groups(directory.get());
  CHECK(::access(left.c_str(), F_OK) != 0);
  CHECK(::access(stranger.c_str(), F_OK) == 0);
  ::rmdir(stranger.c_str());
}

}  // namespace writ
