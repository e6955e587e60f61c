#include "launcher/ci_run.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>
#include <utility>

#include "broker/sandbox/launch.h"

extern char** environ;

namespace writ {
namespace {

constexpr std::array<int, 5> kPassedSignals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1};
// A run has ended and something still holds its streams: without a process namespace a tool can leave processes.
constexpr std::chrono::milliseconds kDrainPatience{1000};

class CiChild {
 public:
  CiChild(const std::vector<std::string>& arguments, CiStreams& streams) : streams_(streams), words_(arguments) {}

  Result<CiRunResult> run();

 private:
  using Clock = std::chrono::steady_clock;

  Status prepare();
  Status start();
  [[noreturn]] void become_run(const std::vector<char*>& argv, pid_t parent) const;
  void poll_once();
  void serve(const pollfd& entry);
  void read_report();
  void pass_signals();
  [[nodiscard]] bool is_over() const;
  [[nodiscard]] int patience() const;
  void give_up_streams();
  void wait_for_child();

  CiStreams& streams_;
  std::vector<std::string> words_;
  UniqueFd executable_;
  UniqueFd signals_;
  UniqueFd report_source_;
  UniqueFd report_end_;  // for the child
  UniqueFd child_;
  pid_t pid_ = -1;
  sigset_t former_mask_{};
  bool shares_terminal_ = false;
  std::optional<Clock::time_point> ended_;  // the last time that something came after the end
  CiRunResult result_;
};

Status CiChild::prepare() {
  executable_.reset(::open("/proc/self/exe", O_PATH | O_CLOEXEC));
  if (!executable_.valid()) return fail_errno(errno, "cannot find Writ's own program in /proc");
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "cannot make a pipe for the report");
  report_source_.reset(ends[0]);
  report_end_.reset(ends[1]);
  sigset_t passed;
  sigemptyset(&passed);
  for (const int signal : kPassedSignals) sigaddset(&passed, signal);
  sigprocmask(SIG_BLOCK, &passed, &former_mask_);
  signals_.reset(::signalfd(-1, &passed, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.valid()) return fail_errno(errno, "cannot receive signals by descriptor");
  std::signal(SIGPIPE, SIG_IGN);  // a log that nobody reads must not cost the reports
  shares_terminal_ = ::isatty(STDIN_FILENO) == 1;
  return {};
}

// A forked copy of this process until it executes Writ.
void CiChild::become_run(const std::vector<char*>& argv, pid_t parent) const {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(kExitWritFailed);
  // Out of the reach of signals for the whole group, which are passed on once. A terminal's are left where they go.
  if (!shares_terminal_) ::setpgid(0, 0);
  const std::array<int, 2> given = {::fcntl(streams_.for_tool[0], F_DUPFD_CLOEXEC, 10),
                                    ::fcntl(streams_.for_tool[1], F_DUPFD_CLOEXEC, 10)};
  const bool arranged = ::dup2(given[0], 1) == 1 && ::dup2(given[1], 2) == 2;
  std::signal(SIGPIPE, SIG_DFL);
  sigprocmask(SIG_SETMASK, &former_mask_, nullptr);
  ::fcntl(report_end_.get(), F_SETFD, 0);
  if (arranged) ::syscall(SYS_execveat, executable_.get(), "", argv.data(), environ, AT_EMPTY_PATH);
  ::_exit(kExitWritFailed);
}

Status CiChild::start() {
  std::vector<std::string> words = {"writ", "run", "--supervisor=" + std::to_string(::getpid()),
                                    "--report=/dev/fd/" + std::to_string(report_end_.get())};
  words.insert(words.end(), words_.begin(), words_.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) return fail_errno(errno, "cannot start `writ run`");
  if (pid_ == 0) become_run(argv, parent);
  child_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!child_.valid()) return fail_errno(errno, "cannot watch `writ run`");
  report_end_.reset();
  streams_.owned.clear();
  return {};
}

void CiChild::read_report() {
  std::array<char, 16384> bytes;
  const ssize_t got = ::read(report_source_.get(), bytes.data(), bytes.size());
  if (got < 0 && errno == EINTR) return;
  const auto size = static_cast<std::size_t>(std::max<ssize_t>(got, 0));
  if (got <= 0 || result_.report.size() + size > kCiReportLimit) return report_source_.reset();
  result_.report.append(bytes.data(), size);
}

void CiChild::pass_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    // What the terminal sends has reached the child already.
    if (shares_terminal_ && info.ssi_code == SI_KERNEL) continue;
    ::syscall(SYS_pidfd_send_signal, child_.get(), static_cast<int>(info.ssi_signo), nullptr, 0);
  }
}

bool CiChild::is_over() const {
  return ended_ && std::all_of(streams_.routes.begin(), streams_.routes.end(),
                               [](const CiRoute& route) { return route.is_over(); });
}

int CiChild::patience() const {
  if (!ended_) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*ended_ + kDrainPatience - Clock::now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, kDrainPatience.count()));
}

void CiChild::give_up_streams() {
  for (CiRoute& route : streams_.routes) route.close_source();
}

void CiChild::serve(const pollfd& entry) {
  if (entry.fd == signals_.get()) return pass_signals();
  if (entry.fd == report_source_.get()) return read_report();
  if (entry.fd == child_.get()) return wait_for_child();
  for (CiRoute& route : streams_.routes) {
    if (entry.fd == route.destination() && route.wants_to_write()) return route.write();
    if (entry.fd != route.source() || !route.wants_to_read()) continue;
    if (ended_) ended_ = Clock::now();
    return route.read();
  }
}

void CiChild::poll_once() {
  std::vector<pollfd> entries = {{signals_.get(), POLLIN, 0}};
  if (report_source_.valid()) entries.push_back({report_source_.get(), POLLIN, 0});
  if (!ended_) entries.push_back({child_.get(), POLLIN, 0});
  bool writes = false;
  for (const CiRoute& route : streams_.routes) {
    if (route.wants_to_read()) entries.push_back({route.source(), POLLIN, 0});
    if (!route.wants_to_write()) continue;
    entries.push_back({route.destination(), POLLOUT, 0});
    writes = true;
  }
  const int ready = ::poll(entries.data(), entries.size(), writes ? -1 : patience());
  if (ready == 0) return give_up_streams();
  if (ready < 0) return;
  for (const pollfd& entry : entries)
    if (entry.revents != 0) serve(entry);
}

void CiChild::wait_for_child() {
  int status = 0;
  pid_t ended = -1;
  do {
    ended = ::waitpid(pid_, &status, 0);
  } while (ended < 0 && errno == EINTR);
  ended_ = Clock::now();
  const bool exited = ended == pid_ && WIFEXITED(status);
  result_.exit_status = exited ? WEXITSTATUS(status) : kExitWritFailed;
}

Result<CiRunResult> CiChild::run() {
  WRIT_TRY(prepare());
  WRIT_TRY(start());
  while (!is_over()) poll_once();
  while (report_source_.valid()) read_report();
  // What comes from here on is about this process, as ever. What came before was for the run.
  signalfd_siginfo passed{};
  while (::read(signals_.get(), &passed, sizeof passed) == static_cast<ssize_t>(sizeof passed)) {
  }
  sigprocmask(SIG_SETMASK, &former_mask_, nullptr);
  return std::move(result_);
}

}  // namespace

Result<CiRunResult> run_for_ci(const std::vector<std::string>& arguments, CiStreams& streams) {
  return CiChild(arguments, streams).run();
}

}  // namespace writ
