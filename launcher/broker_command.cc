#include "launcher/broker_command.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "broker/base/escape.h"
#include "broker/daemon/daemon.h"
#include "broker/daemon/daemon_place.h"
#include "broker/daemon/event_loop.h"
#include "broker/daemon/sandbox_store.h"
#include "broker/kernel/capabilities.h"
#include "broker/mediation/command_launcher.h"
#include "broker/requests/request_store.h"
#include "broker/sandbox/broker_start.h"
#include "broker/sandbox/launch.h"
#include "broker/sandbox/spawner.h"
#include "launcher/approval_queue.h"
#include "launcher/message.h"
#include "launcher/person.h"
#include "launcher/sandboxes_command.h"
#include "launcher/warm_recipes.h"

namespace writ {
namespace {

constexpr std::size_t kUsualReady = 4;
constexpr std::size_t kReadyLimit = 64;

// Each sandbox costs some; those who start us mostly have a soft limit for programs that use select(2).
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

// systemd's protocol in one datagram (sd_notify(3)).
void tell_service_manager(const char* state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (path == nullptr || std::strlen(path) >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path, std::strlen(path));
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  (void)::sendto(socket.get(), state, std::strlen(state), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
                 size);
}

Result<UniqueFd> receive_signals() {
  sigset_t handled;
  sigemptyset(&handled);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&handled, signal);
  ::sigprocmask(SIG_BLOCK, &handled, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  UniqueFd signals(::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.valid()) return fail_errno(errno, "cannot receive signals by descriptor");
  return signals;
}

Result<std::size_t> ready_count(const std::string& typed) {
  std::size_t count = kUsualReady;
  if (typed.empty()) return count;
  const auto [end, problem] = std::from_chars(typed.data(), typed.data() + typed.size(), count);
  if (problem != std::errc() || *end != '\0' || count > kReadyLimit) return fail("--ready is a number from 0 to 64");
  return count;
}

// What is ignored here would be ignored in every sandbox (execve(2)), and clients mean the signals that they send: a
// daemon that a shell started with "&" has SIGINT and SIGQUIT ignored. SIGKILL and SIGSTOP refuse, which does no harm.
void ignore_no_signal() {
  for (int signal = 1; signal < SIGRTMAX + 1; ++signal) std::signal(signal, SIG_DFL);
}

// The processes are started in an order that matters: each knows no more than what was there before it.
class BrokerProcess {
 public:
  BrokerProcess(const BrokerOptions& options, const CeilingFile& ceiling) : options_(options), ceiling_(ceiling) {}

  Status run() {
    WRIT_ASSIGN(const std::size_t ready, ready_count(options_.ready));
    (void)::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    raise_descriptor_limit();
    ignore_no_signal();
    WRIT_TRY(start_processes());
    WRIT_TRY(open_store());
    WRIT_ASSIGN(UniqueFd signals, receive_signals());
    signals_ = std::move(signals);
    WRIT_ASSIGN(EventLoop loop, EventLoop::create());
    loop_.emplace(std::move(loop));
    WRIT_TRY(listen());
    make_daemon(ready);
    WRIT_TRY(daemon_->start(*socket_));
    WRIT_TRY(loop_->watch(signals_.get(), EPOLLIN, [this](std::uint32_t) { take_signals(); }));
    announce("listens at " + escape_path());
    tell_service_manager("READY=1");
    return serve();
  }

 private:
  Status start_processes() {
    // Before the namespaces of our own: what it starts is as if the person had started it.
    WRIT_ASSIGN(CommandLauncher launcher, CommandLauncher::start());
    launcher_.emplace(std::move(launcher));
    broker_.emplace(start_broker(NetworkStart::kOwn));
    broker_->init.reset();  // this process launches nothing by itself
    if (broker_->uid == 0) WRIT_TRY(require_launcher_capabilities());
    if (broker_->mount_authority) {
      auto spawner = Spawner::start(*broker_, NetworkStart::kOwn);
      if (spawner) spawner_.emplace(std::move(*spawner));
    }
    // Nobody of the same user reads our memory from here on.
    (void)::prctl(PR_SET_DUMPABLE, 0);
    return {};
  }

  Status open_store() {
    // Nobody's directory is kept busy for as long as we live.
    WRIT_ASSIGN(Person person, identify_person(broker_->uid, broker_->gid));
    person_ = std::move(person);
    if (::chdir("/") != 0) return fail_errno(errno, "cannot leave the current directory");
    WRIT_ASSIGN(ProcessIdentity self, ProcessIdentity::current());
    WRIT_ASSIGN(SandboxStore store, SandboxStore::open(store_directory(person_), std::move(self)));
    store_.emplace(std::move(store));
    WRIT_ASSIGN(const std::vector<SandboxRecord> lost, store_->mark_lost(wall_clock_ms()));
    for (const SandboxRecord& record : lost)
      announce("sandbox " + std::to_string(value_of(record.number)) + " was lost with its broker: " + record.command);
    return {};
  }

  Status listen() {
    WRIT_ASSIGN(std::optional<DaemonSocket> inherited, DaemonSocket::inherited());
    if (inherited) {
      socket_.emplace(std::move(*inherited));
      return {};
    }
    WRIT_ASSIGN(DaemonSocket socket,
                DaemonSocket::listen_at(options_.socket.empty() ? own_broker_path() : options_.socket));
    socket_.emplace(std::move(socket));
    return {};
  }

  void make_daemon(std::size_t ready) {
    DaemonOptions options;
    options.uid = broker_->uid;
    options.announce = [this](const std::string& line) { announce(line); };
    daemon_.emplace(*loop_, *store_, *launcher_, std::move(options));
    if (!spawner_) {
      announce("no sandboxes are kept ready: this host does not allow it to this user");
      return;
    }
    warm_.emplace(WarmRecipes::Parts{*broker_, *spawner_, *loop_, ceiling_, *daemon_}, ready);
    daemon_->set_warm_runs(*warm_);
  }

  void take_signals() {
    signalfd_siginfo information{};
    while (::read(signals_.get(), &information, sizeof information) == static_cast<ssize_t>(sizeof information)) {
      if (information.ssi_signo == SIGCHLD) {
        daemon_->on_child();
        continue;
      }
      if (++ends_asked_ > 1) return;
      tell_service_manager("STOPPING=1");
      daemon_->stop();
    }
  }

  Status serve() {
    while (ends_asked_ == 0 || (ends_asked_ == 1 && !daemon_->is_idle())) {
      auto wait = daemon_->tick();
      if (warm_) {
        warm_->tick();
        const auto other = warm_->timeout();
        if (other && (!wait || *other < *wait)) wait = other;
      }
      WRIT_TRY(loop_->run_once(wait));
    }
    daemon_->finish();
    announce("ended");
    return {};
  }

  [[nodiscard]] std::string escape_path() const {
    return socket_->path().empty() ? "the service manager's socket" : escape_bytes(socket_->path());
  }

  void announce(const std::string& line) const {
    if (!options_.quiet) print_message("broker: " + line);
  }

  const BrokerOptions& options_;
  const CeilingFile& ceiling_;
  std::optional<CommandLauncher> launcher_;
  std::optional<BrokerStart> broker_;
  std::optional<Spawner> spawner_;
  Person person_;
  std::optional<SandboxStore> store_;
  UniqueFd signals_;
  std::optional<EventLoop> loop_;
  std::optional<DaemonSocket> socket_;
  std::optional<Daemon> daemon_;
  std::optional<WarmRecipes> warm_;  // its sandboxes end before the daemon does, which hears of no end any more
  int ends_asked_ = 0;
};

}  // namespace

int run_broker_command(const BrokerOptions& options, const CeilingFile& ceiling) {
  const Status done = BrokerProcess(options, ceiling).run();
  if (done) return 0;
  print_message(done.error().describe());
  return kExitWritFailed;
}

}  // namespace writ
