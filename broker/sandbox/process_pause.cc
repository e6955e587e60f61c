#include "broker/sandbox/process_pause.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

// Somebody waits for the answer. In order for so long, then all that is left at once, and a little time for that.
constexpr std::int64_t kOrderedNanoseconds = 400'000'000;
constexpr std::int64_t kLongestNanoseconds = 500'000'000;
constexpr std::int64_t kLookAgainNanoseconds = 100'000;
constexpr int kQuietLooks = 2;  // one look is not a moment: who was behind it may have forked before it

// The first members of what getdents64(2) fills in.
struct DirectoryRecord {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t length;
  std::uint8_t type;
  char name[1];
};

// The number that `name` consists of, or 0.
std::int32_t process_number(const char* name) {
  std::int64_t number = 0;
  for (; *name >= '0' && *name <= '9'; ++name) {
    number = number * 10 + (*name - '0');
    if (number > INT32_MAX) return 0;
  }
  return *name == '\0' ? static_cast<std::int32_t>(number) : 0;
}

// The number of a process with `end` behind it, as in "42/stat".
std::array<char, 24> path_of(std::int32_t pid, std::string_view end) {
  std::array<char, 24> path{};
  std::size_t digits = 0;
  for (std::int32_t rest = pid; rest > 0; rest /= 10) ++digits;
  for (std::size_t at = digits; at > 0; pid /= 10) path[--at] = static_cast<char>('0' + pid % 10);
  std::copy(end.begin(), end.end(), path.begin() + static_cast<std::ptrdiff_t>(digits));
  return path;
}

// False: the process is gone, or (never seen with a /proc of our own) not to be looked at.
bool read_state(int proc, std::int32_t pid, ProcessState& process) {
  const long file = raw_syscall(SYS_openat, proc, path_of(pid, "/stat").data(), O_RDONLY | O_CLOEXEC, 0);
  if (file < 0) return false;
  std::array<char, 1024> text;
  const long got = raw_syscall(SYS_read, file, text.data(), text.size());
  raw_syscall(SYS_close, file);
  return got > 0 && parse_process_state({text.data(), static_cast<std::size_t>(got)}, process);
}

// Calls `visit` with the state of every process but pid 1, which is ourselves. 0 or -errno.
template <class Visit>
long for_each_process(int proc, Visit visit) {
  if (const long r = raw_syscall(SYS_lseek, proc, 0, SEEK_SET); r < 0) return r;
  alignas(DirectoryRecord) std::array<char, 4096> records;
  for (;;) {
    const long got = raw_syscall(SYS_getdents64, proc, records.data(), records.size());
    if (got <= 0) return got;
    for (long at = 0; at < got;) {
      const auto* record = reinterpret_cast<const DirectoryRecord*>(records.data() + at);
      at += record->length;
      ProcessState process;
      const std::int32_t pid = process_number(record->name);
      if (pid > 1 && read_state(proc, pid, process)) visit(process);
    }
  }
}

// The /proc of our own pid namespace, or -errno. Another one counts processes differently.
long open_own_proc() {
  std::array<char, 2> self{};
  if (raw_syscall(SYS_readlinkat, AT_FDCWD, "/proc/self", self.data(), self.size()) != 1 || self[0] != '1')
    return -ENOENT;
  return raw_syscall(SYS_open, "/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
}

// Runs no code of its own, and will not before it is continued, once it was told to stop. A zombie runs no more.
bool is_still(char state) { return state == 'T' || state == 't' || state == 'D' || state == 'Z' || state == 'X'; }

void count_state(const ProcessState& process, PauseOutcome& outcome) {
  if (process.state == 'T' || process.state == 't') ++outcome.stopped;
  if (process.state == 'D') ++outcome.in_kernel;
  if (!is_still(process.state)) ++outcome.running;
}

// Threads stop one by one, and the one that waits for a child need not be the first of them.
bool all_threads_are_still(int proc, std::int32_t pid) {
  const long threads =
      raw_syscall(SYS_openat, proc, path_of(pid, "/task").data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (threads < 0) return true;  // gone
  bool still = true;
  for_each_process(static_cast<int>(threads),
                   [&](const ProcessState& thread) { still = still && is_still(thread.state); });
  raw_syscall(SYS_close, threads);
  return still;
}

std::int64_t now() {
  timespec time{};
  raw_syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void wait_a_moment() {
  const timespec moment{0, kLookAgainNanoseconds};
  raw_syscall(SYS_nanosleep, &moment, nullptr);
}

}  // namespace

bool parse_process_state(std::string_view text, ProcessState& process) {
  const std::size_t name_end = text.rfind(')');  // the name itself may contain one
  if (name_end == std::string_view::npos || name_end + 3 >= text.size()) return false;
  process = {};
  for (const char c : text) {
    if (c < '0' || c > '9') break;
    process.pid = process.pid * 10 + (c - '0');
  }
  process.state = text[name_end + 2];
  std::string_view rest = text.substr(name_end + 2);
  constexpr int kFromStateToStart = 19;  // fields 3 and 22 of proc(5)
  for (int field = 0; field < kFromStateToStart; ++field) {
    const std::size_t space = rest.find(' ');
    if (space == std::string_view::npos) return false;
    rest.remove_prefix(space + 1);
  }
  for (const char c : rest) {
    if (c < '0' || c > '9') break;
    process.started = process.started * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return process.pid > 0 && !rest.empty() && rest.front() >= '0' && rest.front() <= '9';
}

long ProcessPause::pause(PauseOutcome& outcome) {
  outcome = {};
  if (raw_syscall(SYS_getpid) != 1) return -EOPNOTSUPP;
  const long proc = open_own_proc();
  if (!paused_ && proc >= 0) remember_stopped(static_cast<int>(proc));
  paused_ = true;
  if (proc < 0) {
    raw_syscall(SYS_kill, -1, SIGSTOP);
    return proc;
  }
  const long result = stop_until_quiet(static_cast<int>(proc), outcome);
  raw_syscall(SYS_close, proc);
  return result;
}

long ProcessPause::stop_until_quiet(int proc, PauseOutcome& outcome) {
  const std::int64_t begin = now();
  int quiet = 0;
  while (quiet < kQuietLooks && now() - begin < kLongestNanoseconds) {
    if (now() - begin < kOrderedNanoseconds)
      stop_in_order(proc, begin + kOrderedNanoseconds);
    else
      raw_syscall(SYS_kill, -1, SIGSTOP);
    outcome = {};
    if (const long r = for_each_process(proc, [&](const ProcessState& process) { count_state(process, outcome); });
        r < 0)
      return r;
    quiet = outcome.running == 0 ? quiet + 1 : 0;
    if (quiet == 0) wait_a_moment();
  }
  return 0;
}

// A parent that waits for changes of a child takes note of its stop even when it has been told to stop itself, so it
// must have stopped before. Its children are younger than it.
void ProcessPause::stop_in_order(int proc, std::int64_t until) {
  std::size_t running = 0;
  (void)for_each_process(proc, [&](const ProcessState& process) {
    if (process.state != 'T' && running < batch_.size()) batch_[running++] = {process.pid, process.started};
  });
  const auto end = batch_.begin() + static_cast<std::ptrdiff_t>(running);
  std::sort(batch_.begin(), end, [](const Known& a, const Known& b) {
    return a.started != b.started ? a.started < b.started : a.pid < b.pid;
  });
  std::for_each(batch_.begin(), end, [&](const Known& process) {
    raw_syscall(SYS_kill, process.pid, SIGSTOP);
    while (!all_threads_are_still(proc, process.pid) && now() < until) wait_a_moment();
  });
}

long ProcessPause::remember_stopped(int proc) {
  remembered_count_ = 0;
  return for_each_process(proc, [this](const ProcessState& process) {
    if (process.state != 'T' || remembered_count_ == remembered_.size()) return;
    remembered_[remembered_count_++] = {process.pid, process.started};
  });
}

bool ProcessPause::was_stopped_before(const ProcessState& process) const {
  for (std::size_t i = 0; i < remembered_count_; ++i)
    if (remembered_[i].pid == process.pid && remembered_[i].started == process.started) return true;
  return false;
}

long ProcessPause::resume(PauseOutcome& outcome) {
  outcome = {};
  if (!paused_) return 0;
  paused_ = false;
  const long proc = open_own_proc();
  if (proc < 0) {
    raw_syscall(SYS_kill, -1, SIGCONT);
    return proc;
  }
  const long result = continue_all(static_cast<int>(proc), outcome);
  raw_syscall(SYS_close, proc);
  remembered_count_ = 0;
  return result;
}

long ProcessPause::continue_all(int proc, PauseOutcome& outcome) {
  std::size_t waiting = 0;
  const long result = for_each_process(proc, [&](const ProcessState& process) {
    if (process.state == 'D') ++outcome.in_kernel;
    if (was_stopped_before(process)) {
      ++outcome.stopped;
      return;
    }
    batch_[waiting++] = {process.pid, process.started};
    if (waiting == batch_.size()) continue_batch(std::exchange(waiting, 0));
  });
  continue_batch(waiting);
  return result;
}

// SIGCONT takes away what wait4(2) would have reported in the very call that sends it.
void ProcessPause::continue_batch(std::size_t count) {
  const auto end = batch_.begin() + static_cast<std::ptrdiff_t>(count);
  std::sort(batch_.begin(), end, [](const Known& a, const Known& b) {
    return a.started != b.started ? a.started > b.started : a.pid > b.pid;
  });
  std::for_each(batch_.begin(), end, [](const Known& process) { raw_syscall(SYS_kill, process.pid, SIGCONT); });
}

}  // namespace writ
