// `writ tool run`: a program of one's own in an ordinary sandbox, with a broker socket.

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/protocol/connection_state.h"
#include "broker/protocol/message_channel.h"
#include "broker/protocol/message_forms.h"
#include "broker/sandbox/launch.h"
#include "launcher/message.h"
#include "launcher/tool_actions.h"
#include "launcher/tool_host.h"

namespace writ {
namespace {

// One program's connection. What it says out of turn ends the connection, not the program.
class ProgramConnection {
 public:
  ProgramConnection(ToolSession& session, UniqueFd socket) : session_(session), channel_(std::move(socket)) {}

  [[nodiscard]] int descriptor() const { return open_ ? channel_->descriptor() : -1; }

  void take() {
    auto received = channel_->receive();
    if (!received) return close(received.error().describe());
    if (!*received) return close({});
    Message& message = **received;
    if (const Status admitted = state_.admit(message.type, message.id); !admitted)
      return close(admitted.error().describe());
    if (message.type == MessageType::kHello) return welcome(std::move(message));
    const auto request = read_request(std::move(message.payload));
    if (!request) return close(request.error().describe());
    answer(message.id, *request);
  }

 private:
  void close(const std::string& why) {
    if (!why.empty()) print_message("the program's broker socket is closed: " + why);
    channel_.reset();
    open_ = false;
  }

  void welcome(Message hello) {
    if (const auto name = read_hello(std::move(hello.payload)); !name) return close(name.error().describe());
    (void)state_.announce(MessageType::kWelcome, 0);
    if (const Status sent = channel_->send(welcome_message(), SendWait::kNever); !sent) close(sent.error().describe());
  }

  void answer(std::uint64_t id, const NamedArguments& request) {
    const Status sent = send_answer(*channel_, state_, id, session_.request(request.name, request.arguments));
    if (!sent) close(sent.error().describe());
  }

  ToolSession& session_;
  std::optional<MessageChannel> channel_;
  BrokerEnd state_;
  bool open_ = true;
};

// Everything that the session has been given, as `writ run` understands it.
std::vector<std::string> run_arguments(const ToolOptions& options) {
  const RunOptions& grants = options.grants;
  std::vector<std::string> words = {"writ", "run", "--broker-socket=" + std::to_string(::getpid()),
                                    "--profile=" + grants.profile};
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) words.push_back(std::string(name) + "=" + value);
  };
  add("--workspace", grants.workspace);
  add("--subject", grants.subject);
  add("--approve", grants.approve);
  add("--audit", grants.audit);
  for (const std::string& manifest : grants.manifests) add("--manifest", manifest);
  if (grants.verbosity == Verbosity::kQuiet) words.emplace_back("--quiet");
  words.emplace_back("--");
  words.insert(words.end(), grants.command.begin(), grants.command.end());
  return words;
}

// What waitid(2) says, as env(1) and timeout(1) would.
int exit_status_of(int pidfd) {
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED) != 0)
    if (errno != EINTR) return kExitWritFailed;
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

int serve_program(ToolHost& host, UniqueFd socket, int program) {
  ProgramConnection connection(host.session(), std::move(socket));
  host.set_cancel(program);
  for (;;) {
    std::array<pollfd, 2> entries{{{program, POLLIN, 0}, {connection.descriptor(), POLLIN, 0}}};
    if (::poll(entries.data(), entries.size(), 1000) < 0 && errno != EINTR) return kExitWritFailed;
    if (entries[1].revents != 0) connection.take();
    host.write_when_due();
    if (entries[0].revents != 0) return exit_status_of(program);
  }
}

// The program is in a session of its own, where nothing that is typed reaches it. A request may be waiting for a person
// or the clock meanwhile, so the signals are passed on where they arrive: the end of the program ends that wait.
volatile std::sig_atomic_t signalled_program = -1;  // a pidfd: not the number of a process that has taken its place
volatile std::sig_atomic_t interrupts = 0;
constexpr int kPatience = 2;  // interrupts that the run handles: the second one kills its sandbox

extern "C" void pass_signal_on(int signal) {
  const int before = errno;
  if (signal == SIGINT) interrupts = interrupts + 1;
  const bool impatient = interrupts > kPatience;
  (void)::syscall(SYS_pidfd_send_signal, signalled_program, impatient ? SIGKILL : signal, nullptr, 0);
  errno = before;
}

void pass_signals_to(int program) {
  signalled_program = program;
  struct sigaction passing {};
  passing.sa_handler = pass_signal_on;
  passing.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGQUIT, SIGTERM, SIGHUP}) (void)::sigaction(signal, &passing, nullptr);
}

Result<int> run_program(const ToolOptions& options, ToolHost& host) {
  WRIT_ASSIGN(auto pair, MessageChannel::pair());
  WRIT_ASSIGN(const UniqueFd program,
              host.starter().start(run_arguments(options), {pair.second.get(), STDOUT_FILENO, STDERR_FILENO}));
  pair.second.reset();
  pass_signals_to(program.get());
  return serve_program(host, std::move(pair.first), program.get());
}

}  // namespace

int run_tool_run(const ToolOptions& options, const CeilingFile& ceiling) {
  auto host = ToolHost::create(options, ceiling);
  if (!host) {
    print_message(host.error().describe());
    return kExitWritFailed;
  }
  const auto status = run_program(options, **host);
  if (!status) print_message(status.error().describe());
  if (const Status finished = (*host)->finish(status.value_or(kExitWritFailed)); !finished) {
    print_message(finished.error().describe());
    return kExitWritFailed;
  }
  return status.value_or(kExitWritFailed);
}

}  // namespace writ
