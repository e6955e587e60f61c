#include "broker/primitives/sandboxed_command.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <utility>

#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kEndGrace{1000};    // for a command that has said everything
constexpr milliseconds kReapLimit{5000};   // for a killed run; longer only where the kernel holds it
constexpr milliseconds kDrainLimit{1000};  // for the last output, once the run has ended
constexpr milliseconds kBackstop{1000};    // the run's own time limit is this much later than ours
// … and this much where the command asks, and answers are waited for that do not count as its time.
constexpr milliseconds kConversationBackstop{60 * 60 * 1000};
constexpr std::size_t kReadSize = 65536;

struct Pipe {
  UniqueFd ours;  // does not block
  UniqueFd theirs;
};

enum class Direction : std::uint8_t { kFromUs, kToUs };

Result<Pipe> make_pipe(Direction direction) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "cannot make a pipe for a command");
  const std::size_t mine = direction == Direction::kToUs ? 0 : 1;
  Pipe pipe{UniqueFd(ends[mine]), UniqueFd(ends[1 - mine])};
  if (::fcntl(pipe.ours.get(), F_SETFL, O_NONBLOCK) != 0) return fail_errno(errno, "cannot make a pipe for a command");
  return pipe;
}

// Waits for one run. Ends it, if it still runs, when it goes.
class Supervision {
 public:
  Supervision(const SandboxedCommand& command, UniqueFd pidfd) : command_(command), pidfd_(std::move(pidfd)) {
    outcome_.output = CapturedOutput(command.output_limit);
    outcome_.errors = CapturedOutput(command.error_limit);
  }
  Supervision(const Supervision&) = delete;
  Supervision& operator=(const Supervision&) = delete;
  ~Supervision() {
    if (!running_ || given_up_at_) return;
    send(SIGKILL);
    reap(0);
  }

  void set_streams(UniqueFd input, UniqueFd output, UniqueFd errors) {
    input_ = std::move(input);
    output_ = std::move(output);
    errors_ = std::move(errors);
  }

  CommandOutcome wait() {
    if (conversation() != nullptr) queue_ = conversation()->open();
    while (!is_over()) {
      wait_for_events();
      handle_timers();
    }
    outcome_.wall = std::chrono::duration_cast<milliseconds>(Clock::now() - started_);
    return std::move(outcome_);
  }

 private:
  enum class Entry : std::uint8_t { kInput, kOutput, kErrors, kRun, kCancel };
  using Entries = std::array<pollfd, 5>;

  [[nodiscard]] static pollfd& at(Entries& entries, Entry entry) { return entries[static_cast<std::size_t>(entry)]; }
  // Nobody to talk with any more once the command is being ended.
  [[nodiscard]] CommandConversation* conversation() const {
    return outcome_.ending == CommandEnding::kByItself ? command_.conversation : nullptr;
  }
  [[nodiscard]] bool has_output() const { return output_.valid() || errors_.valid(); }
  // The run has ended, and what it wrote was read; a process that the kernel does not let go is left to it.
  [[nodiscard]] bool is_over() const {
    const auto now = Clock::now();
    if (running_) return given_up_at_ && now >= *given_up_at_;
    return !has_output() || now >= ended_at_ + kDrainLimit;
  }

  void send(int signal) { (void)raw_syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0); }

  void reap(int options) {
    siginfo_t information{};
    int waited = -1;
    do {
      waited =
          ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd_.get()), &information, WEXITED | options);
    } while (waited != 0 && errno == EINTR);
    if (waited == 0 && information.si_pid == 0) return;
    running_ = false;
    ended_at_ = Clock::now();
    if (waited == 0 && information.si_code == CLD_EXITED)
      outcome_.exit_status = information.si_status;
    else
      outcome_.signal = waited == 0 ? information.si_status : SIGKILL;
  }

  void end(CommandEnding why) {
    if (kill_at_ || !running_) return;
    outcome_.ending = finished_ ? CommandEnding::kByItself : why;
    queue_.clear();
    input_.reset();
    send(SIGTERM);
    kill_at_ = Clock::now() + command_.kill_grace;
  }

  void handle_timers() {
    const auto now = Clock::now();
    if (now >= deadline_) end(CommandEnding::kTimedOut);
    if (!running_ || !kill_at_ || given_up_at_ || now < *kill_at_) return;
    send(SIGKILL);
    given_up_at_ = now + kReapLimit;
  }

  [[nodiscard]] int poll_timeout() const {
    Clock::time_point next = deadline_;
    if (!running_) next = ended_at_ + kDrainLimit;
    if (running_ && kill_at_) next = given_up_at_.value_or(*kill_at_);
    const auto left = std::chrono::ceil<milliseconds>(next - Clock::now()).count();
    return static_cast<int>(std::clamp<long long>(left, 0, 60000));
  }

  void wait_for_events() {
    Entries entries;
    const bool must_write = !queue_.empty();
    at(entries, Entry::kInput) = {must_write ? input_.get() : -1, POLLOUT, 0};
    at(entries, Entry::kOutput) = {must_write ? -1 : output_.get(), POLLIN, 0};
    at(entries, Entry::kErrors) = {errors_.get(), POLLIN, 0};
    at(entries, Entry::kRun) = {running_ ? pidfd_.get() : -1, POLLIN, 0};
    at(entries, Entry::kCancel) = {kill_at_ || !running_ ? -1 : command_.cancel, POLLIN, 0};
    if (::poll(entries.data(), entries.size(), poll_timeout()) <= 0) return;
    if (at(entries, Entry::kCancel).revents != 0) end(CommandEnding::kCancelled);
    if (at(entries, Entry::kErrors).revents != 0) read_from(errors_, outcome_.errors);
    if (at(entries, Entry::kInput).revents != 0) write_queue();
    if (at(entries, Entry::kOutput).revents != 0) read_from(output_, outcome_.output);
    if (at(entries, Entry::kRun).revents != 0) note_end();
  }

  // What nobody will read any more must not keep the output from being read to its end.
  void note_end() {
    reap(WNOHANG);
    if (!running_) queue_.clear();
  }

  void write_queue() {
    const ssize_t wrote = ::write(input_.get(), queue_.data(), queue_.size());
    if (wrote < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (wrote < 0) {  // EPIPE: the command does not listen any more, which is its own affair
      input_.reset();
      queue_.clear();
      return;
    }
    queue_.erase(0, static_cast<std::size_t>(wrote));
    converse();
  }

  void read_from(UniqueFd& stream, CapturedOutput& captured) {
    std::array<char, kReadSize> buffer;
    const ssize_t got = ::read(stream.get(), buffer.data(), buffer.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return stream.reset();
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    if (&stream != &output_ || command_.conversation == nullptr) return captured.take(bytes);
    if (conversation() == nullptr) return;
    conversation()->take(bytes);
    converse();
  }

  void converse() {
    if (conversation() == nullptr) return;
    // What it asked for may take its time: a person, a command. That is not its own.
    const Clock::time_point asked_at = Clock::now();
    ConversationStep step = ConversationStep::kWrite;
    while (step == ConversationStep::kWrite && queue_.empty()) step = conversation()->step(queue_);
    deadline_ += Clock::now() - asked_at;
    if (step == ConversationStep::kBroken) {
      finished_ = false;
      end(CommandEnding::kBroken);
    }
    if (step != ConversationStep::kFinished || finished_) return;
    finished_ = true;
    input_.reset();
    deadline_ = std::min(deadline_, Clock::now() + kEndGrace);
  }

  const SandboxedCommand& command_;
  UniqueFd pidfd_;
  UniqueFd input_;
  UniqueFd output_;
  UniqueFd errors_;
  CommandOutcome outcome_;
  std::string queue_;  // to be written to the command
  bool running_ = true;
  bool finished_ = false;  // the conversation is
  Clock::time_point started_ = Clock::now();
  Clock::time_point deadline_ = started_ + command_.time_limit;
  Clock::time_point ended_at_;
  std::optional<Clock::time_point> kill_at_;      // SIGTERM was sent
  std::optional<Clock::time_point> given_up_at_;  // SIGKILL was sent
};

}  // namespace

std::vector<std::string> sandboxed_arguments(const CommandSandbox& sandbox, const SandboxedCommand& command) {
  // "--option=value" in one word: a value that begins with a dash, or is "--", stays a value.
  std::vector<std::string> words = {"writ", "run", "--quiet", "--profile=" + sandbox.profile};
  if (!sandbox.workspace.empty()) words.push_back("--workspace=" + sandbox.workspace);
  words.push_back("--chdir=" + command.working_directory);
  const milliseconds backstop = command.conversation == nullptr ? kBackstop : kConversationBackstop;
  words.push_back("--timeout=" + std::to_string((command.time_limit + backstop).count()) + "ms");
  words.insert(words.end(), sandbox.options.begin(), sandbox.options.end());
  words.emplace_back("--");
  words.insert(words.end(), command.argv.begin(), command.argv.end());
  return words;
}

Result<CommandOutcome> run_sandboxed(CommandStarter& starter, const CommandSandbox& sandbox,
                                     const SandboxedCommand& command) {
  Pipe input;
  if (command.conversation != nullptr) {
    WRIT_ASSIGN(input, make_pipe(Direction::kFromUs));
  }
  WRIT_ASSIGN(Pipe output, make_pipe(Direction::kToUs));
  WRIT_ASSIGN(Pipe errors, make_pipe(Direction::kToUs));
  WRIT_ASSIGN(UniqueFd pidfd, starter.start(sandboxed_arguments(sandbox, command),
                                            {input.theirs.get(), output.theirs.get(), errors.theirs.get()}));
  Supervision supervision(command, std::move(pidfd));
  // The command's ends are the command's alone, so that their end is the end of everything that holds them.
  for (Pipe* pipe : {&input, &output, &errors}) pipe->theirs.reset();
  supervision.set_streams(std::move(input.ours), std::move(output.ours), std::move(errors.ours));
  return supervision.wait();
}

}  // namespace writ
