#include "broker/kernel/control_group_scope.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "broker/base/escape.h"

namespace writ {
namespace {

constexpr std::chrono::milliseconds kScopePatience{2000};

// What a program that was started for a moment came to.
struct Helper {
  pid_t process = -1;
  UniqueFd said;  // its standard error
};

Result<Helper> start_helper(const std::string& program, const std::vector<std::string>& words) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "cannot make a pipe for " + quote_bytes(program));
  Helper helper;
  helper.said.reset(ends[0]);
  const UniqueFd writing(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, writing.get(), 2);
  std::vector<std::string> texts{program};
  texts.insert(texts.end(), words.begin(), words.end());
  std::vector<char*> arguments;
  arguments.reserve(texts.size() + 1);
  for (std::string& text : texts) arguments.push_back(text.data());
  arguments.push_back(nullptr);
  std::string path = "PATH=/usr/bin:/bin";
  const std::array<char*, 2> environment{path.data(), nullptr};
  const int error =
      ::posix_spawn(&helper.process, program.c_str(), &actions, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return fail_errno(error, "cannot start " + quote_bytes(program));
  return helper;
}

// Waits for the end of the program, and ends it when it takes too long.
Status finish_helper(const Helper& helper, const std::string& program) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, helper.process, 0)));
  pollfd ending{process.get(), POLLIN, 0};
  const int ready = process.valid() ? ::poll(&ending, 1, static_cast<int>(kScopePatience.count())) : 0;
  if (ready <= 0) ::kill(helper.process, SIGKILL);
  int status = 0;
  while (::waitpid(helper.process, &status, 0) < 0 && errno == EINTR) {
  }
  if (ready <= 0) return fail(quote_bytes(program) + " did not come to an end in time");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  std::array<char, 300> text{};
  ::fcntl(helper.said.get(), F_SETFL, O_NONBLOCK);
  const ssize_t got = ::read(helper.said.get(), text.data(), text.size());
  std::string said(text.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  while (said.ends_with('\n')) said.pop_back();
  return fail("systemd does not make a scope: " + (said.empty() ? "no reason given" : escape_bytes(said)));
}

std::string read_proc_text(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string content;
  std::array<char, 4096> buffer;
  for (ssize_t got = 1; file.valid() && got > 0;) {
    got = ::read(file.get(), buffer.data(), buffer.size());
    if (got > 0) content.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return content;
}

// Where the group of `member` is visible, once it is the one called `unit`.
std::string directory_of_scope(pid_t member, const std::string& unit) {
  const auto groups = parse_control_group_membership(read_proc_text("/proc/" + std::to_string(member) + "/cgroup"));
  for (const ControlGroupMembership& group : groups) {
    if (!group.controllers.empty() || !group.path.ends_with("/" + unit)) continue;
    for (const ControlGroupMount& mount : parse_control_group_mounts(read_proc_text("/proc/self/mountinfo")))
      if (mount.unified)
        if (std::string path = visible_control_group(mount, group.path); !path.empty()) return path;
  }
  return {};
}

}  // namespace

std::vector<std::string> scope_order(const std::string& socket, const std::string& name, pid_t member,
                                     const ControlGroupLimits& limits) {
  std::vector<std::string> words = {"--address=unix:path=" + socket,
                                    "call",
                                    "org.freedesktop.systemd1",
                                    "/org/freedesktop/systemd1",
                                    "org.freedesktop.systemd1.Manager",
                                    "StartTransientUnit",
                                    "ssa(sv)a(sa(sv))",
                                    name + ".scope",
                                    "fail"};
  std::vector<std::string> properties = {"PIDs", "au",          "1", std::to_string(member), "Delegate", "b",
                                         "true", "CollectMode", "s", "inactive-or-failed"};
  std::size_t count = 3;
  const auto add = [&](const char* property, std::uint64_t value) {
    properties.insert(properties.end(), {property, "t", std::to_string(value)});
    ++count;
  };
  if (limits.memory) add("MemoryMax", *limits.memory);
  if (limits.memory) add("MemorySwapMax", limits.swap);
  if (limits.cpus) add("CPUQuotaPerSecUSec", *limits.cpus * 1000);
  if (limits.cpu_weight) add("CPUWeight", *limits.cpu_weight);
  if (limits.processes) add("TasksMax", *limits.processes);
  words.push_back(std::to_string(count));
  words.insert(words.end(), properties.begin(), properties.end());
  words.emplace_back("0");
  return words;
}

Result<GroupDirectory> make_scope(const ControlGroupPlace& place, const std::string& name, pid_t member,
                                  const ControlGroupLimits& limits) {
  const auto begun = std::chrono::steady_clock::now();
  WRIT_ASSIGN(const Helper helper,
              start_helper(place.bus_program, scope_order(place.bus_socket, name, member, limits)));
  WRIT_TRY(finish_helper(helper, place.bus_program));
  // The order is only queued by now.
  std::string path;
  while (path.empty() && std::chrono::steady_clock::now() - begun < kScopePatience) {
    path = directory_of_scope(member, name + ".scope");
    if (path.empty()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  if (path.empty()) return fail("systemd made no scope in time");
  GroupDirectory group;
  group.path = path;
  group.name = name + ".scope";
  group.parent.reset(::open(path.substr(0, path.rfind('/')).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  group.directory.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!group.parent.valid() || !group.directory.valid())
    return fail_errno(errno, "cannot open the scope " + quote_bytes(path));
  for (const char* controller : {"memory", "cpu", "pids"})
    if ((" " + group.read("cgroup.controllers")).find(std::string(" ") + controller) != std::string::npos)
      group.controllers.emplace_back(controller);
  return group;
}

}  // namespace writ
