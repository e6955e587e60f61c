#include "broker/daemon/daemon.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "broker/base/escape.h"
#include "broker/requests/request_store.h"
#include "broker/sandbox/broker_start.h"

namespace writ {
namespace {

constexpr int kSignalledBase = 128;
constexpr int kWritFailed = 125;
constexpr std::chrono::milliseconds kClientGoneGrace{2000};

// What a supervised run learns of its daemon: broker_start.h.
std::string supervisor_variable() {
  return std::string(kSupervisorVariable).append("=").append(std::to_string(::getpid()));
}

// What the kernel says about a pidfd (proc(5), fdinfo); 0 when it cannot be read.
pid_t process_of(int pidfd) {
  const UniqueFd file(::open(("/proc/self/fdinfo/" + std::to_string(pidfd)).c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 512> text{};
  if (!file.valid() || ::read(file.get(), text.data(), text.size() - 1) <= 0) return 0;
  const char* found = std::strstr(text.data(), "Pid:");
  return found == nullptr ? 0 : static_cast<pid_t>(std::strtol(found + 4, nullptr, 10));
}

std::string describe_end(const siginfo_t& information) {
  if (information.si_code == CLD_EXITED) return "exit status " + std::to_string(information.si_status);
  std::string text = "its broker was ended by ";
  return text.append(::strsignal(information.si_status));
}

SandboxEnd end_of(const siginfo_t& information) {
  SandboxEnd end;
  const bool exited = information.si_code == CLD_EXITED;
  end.exit_status = exited ? information.si_status : kSignalledBase + information.si_status;
  end.reason = describe_end(information);
  return end;
}

}  // namespace

Daemon::Daemon(EventLoop& loop, SandboxStore& store, CommandLauncher& launcher, DaemonOptions options)
    : loop_(loop), store_(store), launcher_(launcher), options_(std::move(options)) {}

Daemon::~Daemon() {
  for (auto& [number, sandbox] : sandboxes_) {
    if (!is_over(sandbox.record.state)) kill_now(sandbox);
    if (sandbox.pidfd.valid()) loop_.forget(sandbox.pidfd.get());
  }
  if (launcher_.poll_descriptor() >= 0) loop_.forget(launcher_.poll_descriptor());
  if (socket_ != nullptr) loop_.forget(socket_->descriptor());
}

void Daemon::announce(const std::string& line) const {
  if (options_.announce) options_.announce(line);
}

Status Daemon::start(DaemonSocket& socket) {
  socket_ = &socket;
  WRIT_TRY(loop_.watch(socket.descriptor(), EPOLLIN, [this](std::uint32_t) { accept_clients(); }));
  return loop_.watch(launcher_.poll_descriptor(), EPOLLIN, [this](std::uint32_t) { receive_started(); });
}

void Daemon::accept_clients() {
  constexpr int kAtOnce = 64;
  for (int i = 0; i < kAtOnce; ++i) {
    if (connections_.size() >= options_.connections) break;
    auto taken = socket_->accept();
    if (!taken) announce(taken.error().describe());
    if (taken && !taken->valid()) return;
    if (!taken) break;
    auto peer = peer_identity(taken->get());
    // The mode of the socket keeps others away. Root could come all the same, and is nobody we act for.
    if (!peer || peer->uid != options_.uid) continue;
    auto connection = std::make_unique<DaemonConnection>(loop_, *this, std::move(*taken), *peer);
    if (connection->start()) connections_.push_back(std::move(connection));
  }
  // Those that wait stay in the kernel's queue until there is room again.
  full_ = connections_.size() >= options_.connections;
  if (full_) loop_.change(socket_->descriptor(), 0);
}

void Daemon::closed(DaemonConnection& connection) {
  connections_closed_ = true;
  const auto of_it = [&](const Waiter& waiter) { return waiter.connection == &connection; };
  const auto concerns = concerns_.extract(&connection);
  if (concerns.empty()) return;
  for (const SandboxNumber number : concerns.mapped()) {
    Sandbox* sandbox = find(number);
    if (sandbox == nullptr) continue;
    std::erase_if(sandbox->waiters, of_it);
    if (sandbox->launch && of_it(*sandbox->launch)) sandbox->launch.reset();
    if (sandbox->owner != &connection) continue;
    sandbox->owner = nullptr;
    if (!is_over(sandbox->record.state)) ask_to_end(*sandbox, kClientGoneGrace);
  }
}

Result<Daemon::Sandbox*> Daemon::add_sandbox(DaemonConnection& from, const LaunchWish& wish) {
  if (alive_ >= options_.sandboxes) return fail("too many sandboxes run already");
  WRIT_ASSIGN(const SandboxNumber number, store_.next_number());
  Sandbox& sandbox = sandboxes_[number];
  sandbox.record.number = number;
  sandbox.record.attendance = wish.attendance;
  sandbox.record.has_terminal = wish.terminal.has_value();
  sandbox.record.client = from.peer().pid;
  sandbox.record.started_ms = wall_clock_ms();
  const auto separator = std::find(wish.words.begin(), wish.words.end(), "--");
  const bool has_command = separator != wish.words.end();
  sandbox.record.command =
      command_line_text(has_command ? std::vector<std::string>(separator + 1, wish.words.end()) : wish.words);
  if (wish.attendance == Attendance::kForeground) sandbox.owner = &from;
  note_concern(from, number);
  ++alive_;
  unstored_.push_back(number);
  return &sandbox;
}

// The first one stays: it is what a connection means that names no sandbox. Of the others, those that are forgotten
// need not be kept for a client that stays for ever.
void Daemon::note_concern(const DaemonConnection& connection, SandboxNumber number) {
  std::vector<SandboxNumber>& concerns = concerns_[&connection];
  if (concerns.size() >= 2 * options_.kept + 64)
    concerns.erase(std::remove_if(concerns.begin() + 1, concerns.end(),
                                  [this](SandboxNumber known) { return find(known) == nullptr; }),
                   concerns.end());
  concerns.push_back(number);
}

Status Daemon::start_sandbox(Sandbox& sandbox, LaunchForm form, std::array<UniqueFd, 3> streams) {
  std::array<int, 3> borrowed = {streams[0].get(), streams[1].get(), streams[2].get()};
  if (sandbox.output) borrowed = sandbox.output->streams();
  const bool may_be_warm = warm_ != nullptr && !sandbox.record.has_terminal;
  WarmAnswer answer = WarmAnswer::kNotWarm;
  if (may_be_warm) {
    WRIT_ASSIGN(answer, warm_->launch(sandbox.record.number, form, borrowed));
  }
  sandbox.record.way = answer == WarmAnswer::kTaken ? SandboxWay::kWarm : SandboxWay::kSupervised;
  if (answer == WarmAnswer::kTaken) {
    if (sandbox.output) sandbox.output->handed_over();
    return {};
  }
  form.words.insert(form.words.begin(), "writ");
  std::erase_if(form.environment, [](const std::string& variable) {
    return variable.starts_with(std::string(kSupervisorVariable).append("="));
  });
  form.environment.push_back(supervisor_variable());
  queued_.push_back({sandbox.record.number, std::move(form), std::move(streams)});
  start_supervised();
  return {};
}

// One after the other: the launcher's process takes them as fast as it can, and says when each was started.
void Daemon::start_supervised() {
  while (!queued_.empty()) {
    Launching& next = queued_.front();
    Sandbox* sandbox = find(next.number);
    if (sandbox == nullptr || is_over(sandbox->record.state)) {  // ended before it began
      queued_.pop_front();
      continue;
    }
    std::array<int, 3> streams = {next.streams[0].get(), next.streams[1].get(), next.streams[2].get()};
    if (sandbox->output) streams = sandbox->output->streams();
    const LaunchPlace place{next.form.environment, next.form.directory.get()};
    auto request = launcher_.launch(next.form.words, streams, &place);
    if (!request && request.error().system_errno == EAGAIN && !asked_.empty()) return;
    Launching launching = std::move(next);
    queued_.pop_front();
    if (request)
      asked_.emplace(*request, std::move(launching));
    else
      end_sandbox(*sandbox, {kWritFailed, request.error().describe(), request.error().describe()});
  }
}

void Daemon::receive_started() {
  while (auto launched = launcher_.receive()) {
    auto found = asked_.extract(launched->request);
    if (!found.empty()) supervised_started(found.mapped().number, std::move(*launched));
  }
  if (launcher_.poll_descriptor() < 0) {
    announce("the process that starts sandboxes has ended; this broker ends as well");
    stop();
  }
  start_supervised();
}

void Daemon::supervised_started(SandboxNumber number, LaunchedCommand launched) {
  Sandbox* sandbox = find(number);
  if (sandbox == nullptr) return;
  const bool over = is_over(sandbox->record.state);
  if (launched.error == 0 && !over) {
    sandbox->pidfd = std::move(launched.pidfd);
    sandbox->record.pid = process_of(sandbox->pidfd.get());
    sandbox->record.state = SandboxState::kRunning;
    supervised_.insert(number);
    (void)loop_.watch(sandbox->pidfd.get(), EPOLLIN, [this, number](std::uint32_t) { supervised_changed(number); });
    // Its end was asked for, or its client went away, before there was anything to send a signal to.
    if (sandbox->will_be_killed) send_signal(*sandbox, SIGKILL);
  } else if (!over) {
    const Error error{"cannot start a broker for the sandbox", launched.error, ""};
    end_sandbox(*sandbox, {kWritFailed, error.describe(), error.describe()});
  }
  if (sandbox->output) sandbox->output->handed_over();
  answer_launch(*sandbox);
}

void Daemon::supervised_changed(SandboxNumber number) {
  Sandbox* sandbox = find(number);
  if (sandbox == nullptr || !sandbox->pidfd.valid()) return;
  siginfo_t information{};
  const auto pidfd = static_cast<id_t>(sandbox->pidfd.get());
  const int kinds = WEXITED | WSTOPPED | WCONTINUED | WNOHANG;
  while (::waitid(static_cast<idtype_t>(P_PIDFD), pidfd, &information, kinds) == 0 && information.si_pid != 0) {
    if (information.si_code == CLD_STOPPED) sandbox->record.state = SandboxState::kPaused;
    if (information.si_code == CLD_CONTINUED) sandbox->record.state = SandboxState::kRunning;
    const bool ended = information.si_code != CLD_STOPPED && information.si_code != CLD_CONTINUED;
    if (ended) return end_sandbox(*sandbox, end_of(information));
    unstored_.push_back(number);
    information = {};
  }
}

// Warm sandboxes are our children as well, and end a thousand times a second: only those are looked at that can stop.
void Daemon::on_child() {
  const std::vector<SandboxNumber> numbers(supervised_.begin(), supervised_.end());
  for (const SandboxNumber number : numbers) supervised_changed(number);
}

void Daemon::warm_started(SandboxNumber number, pid_t init) {
  Sandbox* sandbox = find(number);
  if (sandbox == nullptr || is_over(sandbox->record.state)) return;
  sandbox->record.pid = init;
  sandbox->record.state = SandboxState::kRunning;
  answer_launch(*sandbox);
}

void Daemon::warm_changed(SandboxNumber number, SandboxState state) {
  Sandbox* sandbox = find(number);
  if (sandbox == nullptr || is_over(sandbox->record.state)) return;
  sandbox->record.state = state;
  unstored_.push_back(number);
}

void Daemon::warm_ended(SandboxNumber number, SandboxEnd end) {
  Sandbox* sandbox = find(number);
  if (sandbox != nullptr && !is_over(sandbox->record.state)) end_sandbox(*sandbox, std::move(end));
}

void Daemon::end_sandbox(Sandbox& sandbox, SandboxEnd end) {
  --alive_;
  if (sandbox.pidfd.valid()) loop_.forget(sandbox.pidfd.get());
  sandbox.pidfd.reset();
  supervised_.erase(sandbox.record.number);
  sandbox.record.state = SandboxState::kEnded;
  sandbox.record.ended_ms = wall_clock_ms();
  sandbox.record.exit_status = end.exit_status;
  sandbox.record.reason = std::move(end.reason);
  sandbox.message = std::move(end.message);
  if (sandbox.output) sandbox.output->ended();
  answer_launch(sandbox);
  const std::vector<Waiter> waiters = std::exchange(sandbox.waiters, {});
  for (const Waiter& waiter : waiters) waiter.connection->reply(waiter.id, ended_json(sandbox.record, sandbox.message));
  if (sandbox.stored) unstored_.push_back(sandbox.record.number);
  over_.push_back(sandbox.record.number);
}

void Daemon::forget_oldest() {
  while (over_.size() > options_.kept) {
    sandboxes_.erase(over_.front());
    over_.pop_front();
  }
}

void Daemon::send_signal(Sandbox& sandbox, int signal) {
  if (sandbox.record.way == SandboxWay::kWarm && warm_ != nullptr) return warm_->signal(sandbox.record.number, signal);
  if (sandbox.pidfd.valid()) (void)::syscall(SYS_pidfd_send_signal, sandbox.pidfd.get(), signal, nullptr, 0);
}

void Daemon::kill_now(Sandbox& sandbox) {
  sandbox.will_be_killed = true;
  if (sandbox.record.way == SandboxWay::kWarm && warm_ != nullptr) return warm_->kill(sandbox.record.number);
  send_signal(sandbox, SIGKILL);
}

void Daemon::ask_to_end(Sandbox& sandbox, std::chrono::milliseconds grace) {
  if (grace.count() == 0) return kill_now(sandbox);
  send_signal(sandbox, SIGTERM);
  // A stopped run takes no signal but this one, and no paused tool can end itself.
  if (sandbox.record.state == SandboxState::kPaused) resume_sandbox(sandbox);
  if (!std::exchange(sandbox.will_be_killed, true)) kills_.emplace(Clock::now() + grace, sandbox.record.number);
}

void Daemon::resume_sandbox(Sandbox& sandbox) {
  if (sandbox.record.way == SandboxWay::kWarm && warm_ != nullptr) {
    warm_->resume(sandbox.record.number);
    return;
  }
  send_signal(sandbox, SIGCONT);
}

void Daemon::stop() {
  stopping_ = true;
  for (auto& [number, sandbox] : sandboxes_)
    if (!is_over(sandbox.record.state)) ask_to_end(sandbox, options_.grace);
}

void Daemon::finish() {
  for (auto& [number, sandbox] : sandboxes_) {
    if (is_over(sandbox.record.state)) continue;
    kill_now(sandbox);
    end_sandbox(sandbox, {kSignalledBase + SIGKILL, "the broker ended", "the broker ended"});
  }
  write_store(true);
  warm_ = nullptr;
}

void Daemon::write_store(bool all) {
  if (unstored_.empty() || (!all && store_at_ && Clock::now() < *store_at_)) return;
  store_at_ = Clock::now() + options_.store_every;
  std::vector<SandboxRecord> records;
  std::sort(unstored_.begin(), unstored_.end());
  unstored_.erase(std::unique(unstored_.begin(), unstored_.end()), unstored_.end());
  for (const SandboxNumber number : unstored_) {
    Sandbox* sandbox = find(number);
    // What came and went between two writes is nobody's to find after a crash.
    if (sandbox == nullptr || (is_over(sandbox->record.state) && !sandbox->stored)) continue;
    sandbox->stored = true;
    records.push_back(sandbox->record);
  }
  unstored_.clear();
  if (const Status written = store_.write(records); !written) announce(written.error().describe());
}

void Daemon::kill_those_due() {
  const auto now = Clock::now();
  while (!kills_.empty() && kills_.begin()->first <= now) {
    Sandbox* sandbox = find(kills_.begin()->second);
    kills_.erase(kills_.begin());
    if (sandbox != nullptr && !is_over(sandbox->record.state)) kill_now(*sandbox);
  }
}

std::optional<std::chrono::milliseconds> Daemon::tick() {
  const auto now = Clock::now();
  if (connections_closed_) {
    connections_closed_ = false;
    std::erase_if(connections_, [](const auto& connection) { return connection->is_closed(); });
    if (std::exchange(full_, false)) loop_.change(socket_->descriptor(), EPOLLIN);
  }
  kill_those_due();
  write_store(false);
  forget_oldest();
  std::optional<Clock::time_point> next;
  if (!kills_.empty()) next = kills_.begin()->first;
  if (!unstored_.empty() && store_at_ && (!next || *store_at_ < *next)) next = store_at_;
  if (!next) return std::nullopt;
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(*next - now), std::chrono::milliseconds(0));
}

}  // namespace writ
