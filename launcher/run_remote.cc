#include "launcher/run_remote.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/strict_object.h"
#include "broker/daemon/daemon_client.h"
#include "broker/daemon/daemon_requests.h"
#include "broker/daemon/sandbox_record.h"
#include "broker/sandbox/launch.h"
#include "launcher/message.h"
#include "launcher/sandboxes_command.h"
#include "launcher/standard_output.h"

extern char** environ;

namespace writ {
namespace {

// What a person or a supervisor sends us is for the sandbox.
constexpr std::array<int, 9> kForwarded = {SIGINT,  SIGTERM,  SIGHUP,  SIGQUIT, SIGUSR1,
                                           SIGUSR2, SIGWINCH, SIGTSTP, SIGCONT};

struct Ended {
  SandboxRecord record;
  std::string message;
};

int refuse(const Error& error) {
  print_message(error.describe());
  return kExitWritFailed;
}

Result<Ended> read_ended(const JsonValue& value) {
  WRIT_ASSIGN(StrictObject object, StrictObject::open(value, "answer"));
  Ended ended;
  const JsonValue* record = object.member("sandbox");
  if (record == nullptr) return fail("the broker's answer names no sandbox");
  WRIT_ASSIGN(ended.record, read_sandbox_json(*record));
  WRIT_ASSIGN(ended.message, object.text("message"));
  return ended;
}

winsize terminal_size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) return size;
  return {24, 80, 0, 0};
}

LaunchWish wish_of(const RunOptions& options) {
  LaunchWish wish;
  wish.words = {"run"};
  wish.words.insert(wish.words.end(), options.words.begin(), options.words.end());
  wish.words.emplace_back("--");
  wish.words.insert(wish.words.end(), options.command.begin(), options.command.end());
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) wish.environment.emplace_back(*entry);
  std::array<char, PATH_MAX> directory{};
  if (::getcwd(directory.data(), directory.size()) != nullptr) wish.directory = directory.data();
  if (options.via == RunVia::kBroker) return wish;
  wish.attendance = Attendance::kDetached;
  if (options.terminal) wish.terminal = terminal_size();
  return wish;
}

Result<std::vector<UniqueFd>> descriptors_of(const LaunchWish& wish) {
  std::vector<UniqueFd> descriptors;
  descriptors.emplace_back(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!descriptors.front().valid()) return fail_errno(errno, "cannot open the current directory");
  if (wish.attendance == Attendance::kDetached) return descriptors;
  for (int stream = 0; stream < 3; ++stream) {
    descriptors.emplace_back(::fcntl(stream, F_DUPFD_CLOEXEC, 3));
    if (!descriptors.back().valid()) return fail_errno(errno, "cannot pass a standard stream on");
  }
  return descriptors;
}

// Waits for the end of what was launched, and passes signals on meanwhile.
class Foreground {
 public:
  explicit Foreground(DaemonClient client) : client_(std::move(client)) {}

  [[nodiscard]] Result<DaemonAnswer> wait_for(std::uint64_t launch) {
    while (true) {
      std::array<pollfd, 2> entries = {{{client_.descriptor(), POLLIN, 0}, {signals_.get(), POLLIN, 0}}};
      if (::poll(entries.data(), entries.size(), -1) < 0) continue;
      if (entries[1].revents != 0) WRIT_TRY(forward_signals());
      if (entries[0].revents == 0) continue;
      WRIT_ASSIGN(DaemonAnswer answer, client_.receive());
      if (answer.id == launch) return answer;
    }
  }

  [[nodiscard]] Status take_over_signals() {
    sigset_t handled;
    sigemptyset(&handled);
    for (const int signal : kForwarded) sigaddset(&handled, signal);
    ::sigprocmask(SIG_BLOCK, &handled, nullptr);
    signals_.reset(::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_.valid()) return fail_errno(errno, "cannot receive signals by descriptor");
    return {};
  }

  [[nodiscard]] DaemonClient& client() { return client_; }

 private:
  Status forward_signals() {
    signalfd_siginfo information{};
    while (::read(signals_.get(), &information, sizeof information) == static_cast<ssize_t>(sizeof information)) {
      const int signal = static_cast<int>(information.ssi_signo);
      std::string_view request = "sandbox.signal";
      JsonObject arguments;
      if (signal == SIGTSTP) request = "sandbox.pause";
      if (signal == SIGCONT) request = "sandbox.resume";
      if (request == "sandbox.signal") arguments.set("signal", signal);
      auto sent = client_.send(request, std::move(arguments));
      if (!sent) return tl::unexpected<Error>(std::move(sent.error()));
      if (signal == SIGTSTP) ::raise(SIGSTOP);  // for the shell that sees us; SIGCONT brings both back
    }
    return {};
  }

  DaemonClient client_;
  UniqueFd signals_;
};

Result<int> launch(const RunOptions& options) {
  WRIT_ASSIGN(DaemonClient client, connect_to_own_broker());
  Foreground foreground(std::move(client));
  const LaunchWish wish = wish_of(options);
  WRIT_ASSIGN(std::vector<UniqueFd> descriptors, descriptors_of(wish));
  WRIT_TRY(foreground.take_over_signals());
  WRIT_ASSIGN(const std::uint64_t id,
              foreground.client().send("sandbox.launch", launch_arguments(wish), std::move(descriptors)));
  WRIT_ASSIGN(const DaemonAnswer answer, foreground.wait_for(id));
  if (!answer.refusal.empty()) return tl::unexpected<Error>(refusal_error(answer.refusal, ""));
  WRIT_ASSIGN(const Ended ended, read_ended(answer.value));
  const bool over = is_over(ended.record.state);
  if (over && !ended.message.empty() && options.verbosity == Verbosity::kNormal) print_message(ended.message);
  if (over || options.via == RunVia::kBroker) return ended.record.exit_status;
  return print_result(std::to_string(value_of(ended.record.number)) + "\n", 0);
}

}  // namespace

int run_through_broker(const RunOptions& options) {
  auto status = launch(options);
  return status ? *status : refuse(status.error());
}

}  // namespace writ
