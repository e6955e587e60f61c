#include "broker/sandbox/spawner.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>

#include "broker/kernel/broker_confinement.h"

namespace writ {
namespace {

constexpr std::size_t kReadyLimit = 64;

// Spawner → broker: one init, or why there is none.
struct Handover {
  pid_t pid;
  int error;  // positive errno, 0: pid is valid and two descriptors follow (pidfd, control)
};

constexpr char kTakeOne = 't';
constexpr char kTakeTemplate = 'm';

bool send_handover(int socket, const Handover& handover, const std::array<int, 2>& descriptors) {
  iovec part{const_cast<Handover*>(&handover), sizeof handover};  // NOLINT: sendmsg(2) only reads it
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 2)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (handover.error == 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptors);
    std::memcpy(CMSG_DATA(header), descriptors.data(), sizeof descriptors);
  }
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof handover);
}

// The spawner's process.
class SpawnerProcess {
 public:
  SpawnerProcess(const BrokerStart& broker, NetworkStart network, std::size_t ready, int socket)
      : broker_(broker), network_(network), ready_limit_(ready), socket_(socket) {}

  [[noreturn]] void serve() {
    if (!confine()) ::_exit(1);
    refill();
    for (char request = 0;;) {
      const ssize_t got = ::recv(socket_, &request, sizeof request, 0);
      if (got < 0 && errno == EINTR) continue;
      // End of file: the broker is gone. Our copies of the control sockets close with us, and the ready inits end.
      if (got <= 0) ::_exit(0);
      const bool given = request == kTakeTemplate ? give_template() : request == kTakeOne && give_one();
      if (!given) ::_exit(0);
      refill();
    }
  }

 private:
  // An ordinary user's inits take what they need with the user namespace that is cloned for them; root's may have none.
  [[nodiscard]] Status confine() const {
    if (broker_.uid != 0) WRIT_TRY(limit_broker_capabilities(BrokerStage::kSupervising));
    return confine_helper();
  }

  bool give_template() {
    auto made = start_init(broker_, NetworkStart::kInherited, InitParent::kParentOfCaller, InitRole::kTemplate);
    if (!made) return send_handover(socket_, {-1, made.error().system_errno}, {});
    const SandboxProcess::HandedOver given = std::move(*made).hand_over();
    return send_handover(socket_, {given.pid, 0}, {given.pidfd.get(), given.control.get()});
  }

  void refill() {
    while (ready_.size() < ready_limit_ && make_one()) {
    }
  }

  bool make_one() {
    auto made = start_init(broker_, network_, InitParent::kParentOfCaller);
    if (!made) {
      last_error_ = made.error().system_errno;
      return false;
    }
    ready_.push_back(std::move(*made).hand_over());
    return true;
  }

  bool give_one() {
    if (ready_.empty()) (void)make_one();
    if (ready_.empty()) return send_handover(socket_, {-1, last_error_ == 0 ? EAGAIN : last_error_}, {});
    const SandboxProcess::HandedOver given = std::move(ready_.front());
    ready_.pop_front();
    return send_handover(socket_, {given.pid, 0}, {given.pidfd.get(), given.control.get()});
  }

  const BrokerStart& broker_;
  NetworkStart network_;
  std::size_t ready_limit_;
  int socket_;
  int last_error_ = 0;
  std::deque<SandboxProcess::HandedOver> ready_;
};

}  // namespace

Result<Spawner> Spawner::start(const BrokerStart& broker, NetworkStart network, std::size_t ready) {
  if (ready > kReadyLimit) return fail("a spawner keeps at most 64 inits ready");
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0)
    return fail_errno(errno, "cannot make the socket to the spawner");
  UniqueFd ours(pair[0]);
  UniqueFd theirs(pair[1]);
  const pid_t child = ::fork();
  if (child < 0) return fail_errno(errno, "cannot start the spawner");
  if (child == 0) {
    // With our copy of the broker's end open, the end of the broker would never show.
    ours.reset();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    SpawnerProcess(broker, network, ready, theirs.get()).serve();
  }
  return Spawner(child, std::move(ours));
}

Spawner::~Spawner() {
  if (!socket_.valid()) return;
  socket_.reset();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<SandboxProcess> Spawner::take() { return request(kTakeOne); }

Result<SandboxProcess> Spawner::take_template() { return request(kTakeTemplate); }

Result<SandboxProcess> Spawner::request(char kind) {
  if (::send(socket_.get(), &kind, sizeof kind, MSG_NOSIGNAL) < 0) return fail_errno(errno, "the spawner is gone");
  Handover handover{};
  iovec part{&handover, sizeof handover};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 2)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = -1;
  do {
    got = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(sizeof handover)) return fail("the spawner ended");
  if (handover.error != 0) return fail_errno(handover.error, "the spawner cannot start another sandbox");
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int) * 2))
    return fail("the spawner sent a sandbox without its descriptors");
  std::array<int, 2> descriptors{};
  std::memcpy(descriptors.data(), CMSG_DATA(header), sizeof descriptors);
  return SandboxProcess::adopt({handover.pid, UniqueFd(descriptors[0]), UniqueFd(descriptors[1])});
}

}  // namespace writ
