#include "broker/approval/answering_program.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "broker/base/escape.h"
#include "broker/kernel/acting_identity.h"
#include "broker/kernel/descriptor_table.h"
#include "broker/kernel/pid_namespace.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

constexpr int kCannotExecute = 127;  // as shells say it
constexpr unsigned kFirstForeign = 3;
constexpr int kLastSignal = 64;
constexpr std::string_view kSystemPath = "PATH=/usr/local/bin:/usr/bin:/bin";
constexpr auto kPassedVariables = std::to_array<std::string_view>(
    {"HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "TZ", "DISPLAY", "XAUTHORITY",
     "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DBUS_SESSION_BUS_ADDRESS"});

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "cannot make a pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// Each end of a pipe is an open file of its own: the other end, the program's, stays as programs expect it.
void make_nonblocking(const UniqueFd& end) { (void)::fcntl(end.get(), F_SETFL, O_NONBLOCK); }

// The signal dispositions and the mask that a new program expects; exec keeps what is ignored.
void reset_signals() {
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;
  for (int number = 1; number <= kLastSignal; ++number) (void)::sigaction(number, &usual, nullptr);
  sigset_t none;
  sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
}

struct ChildStart {
  std::array<int, 3> streams;
  const char* path;
  char* const* arguments;
  char* const* environment;
  pid_t parent;
};

// A forked copy of this process until exec: what allocates was done before.
[[noreturn]] void become_program(const ChildStart& start) {
  raw_syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (raw_syscall(SYS_getppid) != start.parent) raw_syscall(SYS_exit_group, kCannotExecute);
  raw_syscall(SYS_setsid);
  // The pipes were made while 0, 1 and 2 were open (main.cc), so no number is overwritten before its turn.
  for (int number = 0; number < 3; ++number)
    if (raw_syscall(SYS_dup3, start.streams[static_cast<std::size_t>(number)], number, 0) < 0)
      raw_syscall(SYS_exit_group, kCannotExecute);
  if (close_descriptors_from(kFirstForeign) < 0) raw_syscall(SYS_exit_group, kCannotExecute);
  reset_signals();
  raw_syscall(SYS_execve, start.path, start.arguments, start.environment);
  raw_syscall(SYS_exit_group, kCannotExecute);
  for (;;) raw_syscall(SYS_pause);
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::string_view name_of(std::string_view variable) { return variable.substr(0, variable.find('=')); }

}  // namespace

std::vector<std::string> answering_environment(const char* const* environment) {
  std::vector<std::string> passed{std::string(kSystemPath)};
  for (; *environment != nullptr; ++environment) {
    const std::string_view name = name_of(*environment);
    if (std::find(kPassedVariables.begin(), kPassedVariables.end(), name) != kPassedVariables.end())
      passed.emplace_back(*environment);
  }
  return passed;
}

Result<AnsweringProgram> AnsweringProgram::start(const ProgramToAsk& program, std::string question) {
  WRIT_ASSIGN(Pipe input, make_pipe());
  WRIT_ASSIGN(Pipe output, make_pipe());
  WRIT_ASSIGN(Pipe complaint, make_pipe());
  std::vector<std::string> words{program.path};
  std::vector<std::string> variables = program.environment;
  const std::vector<char*> arguments = pointers_to(words);
  const std::vector<char*> environment = pointers_to(variables);
  const ChildStart start{{input.read.get(), output.write.get(), complaint.write.get()},
                         words.front().c_str(),
                         arguments.data(),
                         environment.data(),
                         ::getpid()};
  // A mediated call may have left root's broker acting as the tool: the program is the person's.
  ActingIdentity::step_back();
  int pidfd = -1;
  const long child = fork_into_namespaces(0, &pidfd);
  if (child == 0) become_program(start);
  if (child < 0) return fail_errno(static_cast<int>(-child), "cannot start " + quote_bytes(program.path));
  AnsweringProgram running;
  running.pid_ = static_cast<pid_t>(child);
  running.pidfd_.reset(pidfd);
  running.to_ = std::move(input.write);
  running.output_ = std::move(output.read);
  running.complaint_ = std::move(complaint.read);
  running.unwritten_ = std::move(question);
  for (const UniqueFd* end : {&running.to_, &running.output_, &running.complaint_}) make_nonblocking(*end);
  return running;
}

AnsweringProgram::AnsweringProgram(AnsweringProgram&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      to_(std::move(other.to_)),
      output_(std::move(other.output_)),
      complaint_(std::move(other.complaint_)),
      unwritten_(std::move(other.unwritten_)),
      complained_(other.complained_),
      end_(std::move(other.end_)) {}

AnsweringProgram::~AnsweringProgram() {
  if (pid_ <= 0) return;
  kill_all();
  reap();
}

void AnsweringProgram::add_poll_entries(std::vector<pollfd>& entries) const {
  if (to_.valid()) entries.push_back({to_.get(), POLLOUT, 0});
  if (output_.valid()) entries.push_back({output_.get(), POLLIN, 0});
  if (complaint_.valid()) entries.push_back({complaint_.get(), POLLIN, 0});
  entries.push_back({pidfd_.get(), POLLIN, 0});
}

std::optional<ProgramEnd> AnsweringProgram::serve() {
  if (pid_ <= 0) return std::nullopt;
  write_question();
  const bool exited = has_exited();
  // What was written before the exit is in the pipes by now; who else holds their ends is not waited for.
  read_output();
  read_complaint();
  if (!exited && !end_.too_much) return std::nullopt;
  kill_all();
  reap();
  return std::move(end_);
}

// A program need not read the question: it may answer everything alike (EPIPE).
void AnsweringProgram::write_question() {
  while (to_.valid() && !unwritten_.empty()) {
    const ssize_t count = ::write(to_.get(), unwritten_.data(), unwritten_.size());
    if (count > 0) unwritten_.erase(0, static_cast<std::size_t>(count));
    if (count >= 0 || errno == EINTR) continue;
    if (errno == EAGAIN) return;
    unwritten_.clear();
  }
  to_.reset();
}

void AnsweringProgram::read_output() {
  std::array<char, kOutputLimit> space{};
  while (output_.valid()) {
    const ssize_t count = ::read(output_.get(), space.data(), space.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) return output_.reset();
    const std::size_t room = kOutputLimit - end_.output.size();
    end_.output.append(space.data(), std::min(room, static_cast<std::size_t>(count)));
    end_.too_much = end_.too_much || static_cast<std::size_t>(count) > room;
    if (end_.too_much) return output_.reset();
  }
}

void AnsweringProgram::read_complaint() {
  std::array<char, 4096> space{};
  while (complaint_.valid()) {
    const ssize_t count = ::read(complaint_.get(), space.data(), space.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) return complaint_.reset();
    const std::size_t room = kComplaintKept - end_.complaint.size();
    end_.complaint.append(space.data(), std::min(room, static_cast<std::size_t>(count)));
    complained_ += static_cast<std::size_t>(count);
    end_.too_much = end_.too_much || complained_ > kComplaintLimit;
    if (end_.too_much) return complaint_.reset();
  }
}

// WNOWAIT: until it is reaped, its number cannot become another process's, and the group can be killed by it.
bool AnsweringProgram::has_exited() const {
  siginfo_t information{};
  const int result = ::waitid(P_PID, static_cast<id_t>(pid_), &information, WEXITED | WNOHANG | WNOWAIT);
  return result == 0 && information.si_pid == pid_;
}

void AnsweringProgram::kill_all() const {
  (void)::kill(-pid_, SIGKILL);
  (void)::kill(pid_, SIGKILL);  // in the moment before it has its group
}

void AnsweringProgram::reap() {
  while (::waitpid(pid_, &end_.wait_status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

}  // namespace writ
