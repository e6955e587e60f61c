#include "broker/approval/answering_program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

namespace writ {
namespace {

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

Result<AnsweringProgram> AnsweringProgram::start(ProgramStarter& starter, std::string question) {
  WRIT_ASSIGN(Pipe input, make_pipe());
  WRIT_ASSIGN(Pipe output, make_pipe());
  WRIT_ASSIGN(Pipe complaint, make_pipe());
  WRIT_ASSIGN(StartedProgram started, starter.run({input.read.get(), output.write.get(), complaint.write.get()}));
  AnsweringProgram running;
  running.pid_ = started.pid;
  running.pidfd_ = std::move(started.pidfd);
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
