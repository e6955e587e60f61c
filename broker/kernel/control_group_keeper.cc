#include "broker/kernel/control_group_keeper.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <ctime>
#include <optional>

#include "broker/kernel/argument_area.h"
#include "broker/kernel/descriptor_table.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

constexpr std::string_view kPrefix = "writ-";
constexpr std::size_t kKilledAtOnce = 128;
constexpr std::size_t kLongestName = 127;

// Where the keeper's descriptors lie.
constexpr int kLifeNumber = 0;
constexpr int kFirstParentNumber = 1;

struct KeeperPlan {
  std::size_t count = 0;
  std::array<std::array<char, kLongestName + 1>, kKeptGroups> names{};
  // The last descriptor is the group that was left, where there is one.
  bool has_left = false;
  std::array<char, kLongestName + 1> leaf{};
  std::array<char, kLongestName + 1> take_back{};
};

void write_file(int directory, const char* name, const char* text) {
  const long file = raw_syscall(SYS_openat, directory, name, O_WRONLY | O_CLOEXEC, 0);
  if (file < 0) return;
  raw_syscall(SYS_write, file, text, __builtin_strlen(text));
  raw_syscall(SYS_close, file);
}

void pause_for(long nanoseconds) {
  const timespec time{0, nanoseconds};
  raw_syscall(SYS_nanosleep, &time, nullptr);
}

using ProcessList = std::array<pid_t, kKilledAtOnce>;

// Reads the first processes of a group. Without allocation. Returns how many, or -errno.
long read_processes(int group, ProcessList& list) {
  const long file = raw_syscall(SYS_openat, group, "cgroup.procs", O_RDONLY | O_CLOEXEC, 0);
  if (file < 0) return file;
  std::array<char, kKilledAtOnce * 8> text{};
  const long got = raw_syscall(SYS_read, file, text.data(), text.size());
  raw_syscall(SYS_close, file);
  if (got < 0) return got;
  std::size_t found = 0;
  pid_t number = 0;
  // A number that the buffer cuts off has no newline behind it and is left for the next time.
  for (long i = 0; i < got && found < list.size(); ++i) {
    const char c = text[static_cast<std::size_t>(i)];
    if (c >= '0' && c <= '9') number = number * 10 + (c - '0');
    if (c != '\n') continue;
    if (number > 0) list[found++] = number;
    number = 0;
  }
  return static_cast<long>(found);
}

// A number that was read may belong to another process by now; one whose descriptor was opened before it was read
// *again* is the one that is in the group.
void kill_members(int group, const ProcessList& before, std::size_t count) {
  std::array<int, kKilledAtOnce> opened{};
  for (std::size_t i = 0; i < count; ++i) opened[i] = static_cast<int>(raw_syscall(SYS_pidfd_open, before[i], 0));
  ProcessList after{};
  const long still = read_processes(group, after);
  for (std::size_t i = 0; i < count; ++i) {
    if (opened[i] < 0) continue;
    for (long k = 0; k < still; ++k)
      if (after[static_cast<std::size_t>(k)] == before[i])
        raw_syscall(SYS_pidfd_send_signal, opened[i], SIGKILL, nullptr, 0);
    raw_syscall(SYS_close, opened[i]);
  }
}

// Kernel 5.14 kills a whole v2 group at once.
bool kill_by_kernel(int group) {
  const long file = raw_syscall(SYS_openat, group, "cgroup.kill", O_WRONLY | O_CLOEXEC, 0);
  if (file < 0) return false;
  const long written = raw_syscall(SYS_write, file, "1", 1);
  raw_syscall(SYS_close, file);
  return written == 1;
}

// What the keeper needs of root's: to kill processes of the tool's identity, and to remove directories where the
// directory above has no permission to write, as the roots of cgroup v1 have none.
void keep_few_capabilities() {
  constexpr std::uint32_t kKept = 1u << CAP_KILL | 1u << CAP_DAC_OVERRIDE;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (raw_syscall(SYS_capget, &header, sets.data()) < 0) return;
  sets[0].permitted &= kKept;
  sets[0].effective &= kKept;
  sets[0].inheritable = 0;
  sets[1] = {};
  raw_syscall(SYS_capset, &header, sets.data());
}

// The keeper is in the leaf as well. What else is in it belonged to the owner and ends with it.
void return_to_group(const KeeperPlan& plan, int group, bool owner_lives) {
  constexpr int kPatience = 200;
  constexpr long kPause = 10'000'000;
  write_file(group, "cgroup.subtree_control", plan.take_back.data());
  write_file(group, "cgroup.procs", "0");
  if (owner_lives) return;
  for (int i = 0; i < kPatience && raw_syscall(SYS_unlinkat, group, plan.leaf.data(), AT_REMOVEDIR) == -EBUSY; ++i)
    pause_for(kPause);
}

[[noreturn]] void run_keeper(const KeeperPlan& plan) {
  keep_few_capabilities();
  bool said_good_bye = false;
  for (;;) {
    char byte = 0;
    const long got = raw_syscall(SYS_read, kLifeNumber, &byte, 1);
    if (got > 0) said_good_bye = true;
    if (got != -EINTR && got <= 0) break;
  }
  for (std::size_t i = 0; i < plan.count; ++i)
    (void)remove_control_group(kFirstParentNumber + static_cast<int>(i), plan.names[i].data());
  if (plan.has_left) return_to_group(plan, kFirstParentNumber + static_cast<int>(plan.count), said_good_bye);
  for (;;) raw_syscall(SYS_exit_group, 0);
}

// In the child: everything of the owner's that is not needed is given back.
[[noreturn]] void become_keeper(const KeeperPlan& plan, int life, const std::array<int, kKeptGroups + 1>& parents) {
  raw_syscall(SYS_setsid);
  blank_argument_area("writ-keeper");
  const std::size_t held = plan.count + (plan.has_left ? 1 : 0);
  // First out of the way of the numbers that will be used.
  constexpr int kOutOfTheWay = 64;
  std::array<long, kKeptGroups + 2> moved{};
  moved[0] = raw_syscall(SYS_fcntl, life, F_DUPFD, kOutOfTheWay);
  for (std::size_t i = 0; i < held; ++i) moved[i + 1] = raw_syscall(SYS_fcntl, parents[i], F_DUPFD, kOutOfTheWay);
  for (std::size_t i = 0; i <= held; ++i) {
    if (moved[i] < 0 || raw_syscall(SYS_dup3, moved[i], static_cast<int>(i), 0) < 0) raw_syscall(SYS_exit_group, 1);
  }
  if (close_descriptors_from(static_cast<unsigned>(held) + 1) < 0) raw_syscall(SYS_exit_group, 1);
  run_keeper(plan);
}

// Field 22 of proc_pid_stat(5); the name in the second field may hold anything.
std::optional<std::uint64_t> start_time(pid_t process) {
  std::array<char, 64> path{};
  const auto written = std::to_chars(path.data(), path.data() + 20, process);
  const std::string name = "/proc/" + std::string(path.data(), written.ptr) + "/stat";
  const UniqueFd file(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 1024> text{};
  const ssize_t got = file.valid() ? ::read(file.get(), text.data(), text.size()) : 0;
  if (got <= 0) return std::nullopt;
  std::string_view rest(text.data(), static_cast<std::size_t>(got));
  const std::size_t bracket = rest.rfind(')');
  if (bracket == std::string_view::npos) return std::nullopt;
  rest.remove_prefix(bracket + 1);
  for (int field = 2; field < 22; ++field) {
    const std::size_t blank = rest.find(' ');
    if (blank == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(blank + 1);
  }
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (problem != std::errc()) return std::nullopt;
  return value;
}

template <class Number>
bool take_number(std::string_view& text, Number& number) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end == text.data() + text.size() || *end != '-') return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return true;
}

}  // namespace

long kill_control_group(int group) {
  if (kill_by_kernel(group)) return 1;
  ProcessList list{};
  const long found = read_processes(group, list);
  if (found > 0) kill_members(group, list, static_cast<std::size_t>(found));
  return found;
}

// Members that were killed leave the group when they are dead, not when they are reaped, but that takes a moment: a
// sandbox of many processes with much memory some 100 ms.
long remove_control_group(int above, const char* name) {
  constexpr int kPatience = 1000;  // looks, the last ones 10 ms apart
  constexpr long kFirstPause = 50'000;
  constexpr long kLongestPause = 10'000'000;
  long pause = kFirstPause;
  long removed = raw_syscall(SYS_unlinkat, above, name, AT_REMOVEDIR);
  for (int i = 0; i < kPatience && removed == -EBUSY; ++i) {
    const long group = raw_syscall(SYS_openat, above, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (group >= 0) {
      (void)kill_control_group(static_cast<int>(group));
      raw_syscall(SYS_close, group);
    }
    pause_for(pause);
    pause = std::min(2 * pause, kLongestPause);
    removed = raw_syscall(SYS_unlinkat, above, name, AT_REMOVEDIR);
  }
  return removed == -ENOENT ? 0 : removed;
}

Result<ControlGroupKeeper> ControlGroupKeeper::start(const std::vector<KeptGroup>& groups, const LeftGroup& left) {
  KeeperPlan plan;
  std::array<int, kKeptGroups + 1> parents{};
  for (const KeptGroup& group : groups) {
    if (plan.count == kKeptGroups || group.name.size() > kLongestName) return fail("too many control groups");
    std::copy(group.name.begin(), group.name.end(), plan.names[plan.count].begin());
    parents[plan.count++] = group.parent;
  }
  if (left.leaf.size() > kLongestName || left.take_back.size() > kLongestName) return fail("too many controllers");
  plan.has_left = left.group >= 0;
  if (plan.has_left) parents[plan.count] = left.group;
  std::copy(left.leaf.begin(), left.leaf.end(), plan.leaf.begin());
  std::copy(left.take_back.begin(), left.take_back.end(), plan.take_back.begin());
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "cannot make a pipe to the keeper of a group");
  UniqueFd reading(ends[0]);
  UniqueFd life(ends[1]);
  const pid_t keeper = ::fork();
  if (keeper == 0) become_keeper(plan, reading.get(), parents);
  if (keeper < 0) return fail_errno(errno, "cannot start the keeper of a control group");
  return ControlGroupKeeper(keeper, std::move(life));
}

void ControlGroupKeeper::finish() {
  if (!life_.valid()) return;
  (void)!::write(life_.get(), "q", 1);
  life_.reset();
  while (::waitpid(keeper_, nullptr, __WALL) < 0 && errno == EINTR) {
  }
}

Result<std::string> make_control_group_name() {
  const auto started = start_time(::getpid());
  std::array<unsigned char, 6> random{};
  if (!started || ::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return fail("cannot make a name for a control group", "/proc must be mounted");
  std::string name = std::string(kPrefix).append(std::to_string(::getpid())).append("-");
  name.append(std::to_string(*started)).append("-");
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const unsigned char byte : random) name.append({kDigits[byte >> 4], kDigits[byte & 15]});
  return name;
}

bool is_abandoned_control_group(std::string_view name) {
  if (!name.starts_with(kPrefix)) return false;
  name.remove_prefix(kPrefix.size());
  pid_t maker = 0;
  std::uint64_t started = 0;
  if (!take_number(name, maker) || !take_number(name, started) || maker <= 0) return false;
  const auto now = start_time(maker);
  return !now || *now != started;
}

// Only empty ones: their makers may have been of another pid namespace, in which they still run. The kernel does not
// remove a group that has members, wherever they are.
void sweep_control_groups(int above) {
  DIR* const list = ::fdopendir(::openat(above, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (list == nullptr) return;
  while (const dirent* entry = ::readdir(list))
    if (entry->d_type == DT_DIR && is_abandoned_control_group(entry->d_name))
      (void)::unlinkat(above, entry->d_name, AT_REMOVEDIR);
  ::closedir(list);
}

}  // namespace writ
