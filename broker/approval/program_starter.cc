#include "broker/approval/program_starter.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "broker/base/escape.h"
#include "broker/kernel/capabilities.h"
#include "broker/kernel/descriptor_table.h"
#include "broker/kernel/pid_namespace.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

constexpr int kCannotExecute = 127;  // as shells say it
constexpr int kSocketNumber = 3;
constexpr unsigned kFirstForeign = 3;
constexpr int kLastSignal = 64;

// Starter → broker: the child, or why there is none.
struct ProgramAnswer {
  pid_t pid = -1;
  int error = 0;  // positive errno; 0: a pidfd comes with it
};

template <std::size_t N>
ssize_t send_with(int socket, void* bytes, std::size_t size, const std::array<int, N>& descriptors, std::size_t count) {
  iovec part{bytes, size};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * N)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (count > 0) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    std::memcpy(CMSG_DATA(header), descriptors.data(), sizeof(int) * count);
  }
  return ::sendmsg(socket, &message, MSG_NOSIGNAL);
}

// The number of bytes; `descriptors` are all filled, or stay as they are.
template <std::size_t N>
ssize_t receive_with(int socket, void* bytes, std::size_t size, std::array<UniqueFd, N>& descriptors) {
  iovec part{bytes, size};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * N)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = -1;
  do {
    got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  const cmsghdr* header = got > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int) * N)) return got;
  std::array<int, N> received{};
  std::memcpy(received.data(), CMSG_DATA(header), sizeof received);
  for (std::size_t i = 0; i < N; ++i) descriptors[i].reset(received[i]);
  return got;
}

// The signal dispositions and the mask that a new program expects; exec keeps what is ignored.
void reset_signals() {
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;
  for (int number = 1; number <= kLastSignal; ++number) (void)::sigaction(number, &usual, nullptr);
  sigset_t none;
  sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// The starter's own process.
class StarterProcess {
 public:
  StarterProcess(ProgramToAsk program, pid_t broker)
      : words_{std::move(program.path)},
        variables_(std::move(program.environment)),
        arguments_(pointers_to(words_)),
        environment_(pointers_to(variables_)),
        broker_(broker) {}

  // Whatever else the broker had open is not ours to hold, above all the tool's streams, whose readers wait for an end.
  [[noreturn]] void serve(int socket) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::prctl(PR_SET_DUMPABLE, 0);
    ::setsid();
    const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    const int lifted = ::fcntl(socket, F_DUPFD_CLOEXEC, 64);
    for (int number = 0; number < kSocketNumber; ++number) (void)::dup2(nothing, number);
    if (::dup3(lifted, kSocketNumber, O_CLOEXEC) < 0 || close_descriptors_from(kSocketNumber + 1) < 0) ::_exit(1);
    // The program is the person's, and no part of the sandbox. It has no capability but those that a broker has, and no
    // filter of ours: filters are inherited, and nobody knows what it needs.
    const BrokerStage stage = ::geteuid() == 0 ? BrokerStage::kSupervisingAsRoot : BrokerStage::kSupervising;
    if (!limit_broker_capabilities(stage)) ::_exit(1);
    for (char request = 0;;) {
      std::array<UniqueFd, 3> streams;
      if (receive_with(kSocketNumber, &request, sizeof request, streams) <= 0 || !streams[2].valid()) ::_exit(0);
      start(streams);
    }
  }

 private:
  void start(const std::array<UniqueFd, 3>& streams) {
    int pidfd = -1;
    const long child = fork_into_namespaces(CLONE_PARENT, &pidfd);
    if (child == 0) become_program(streams);
    const UniqueFd held(pidfd);
    ProgramAnswer answer{static_cast<pid_t>(child), child < 0 ? static_cast<int>(-child) : 0};
    const std::array<int, 1> sent{pidfd};
    (void)send_with(kSocketNumber, &answer, sizeof answer, sent, child < 0 ? 0 : 1);
  }

  // A forked copy of this process until exec: what allocates was done before.
  [[noreturn]] void become_program(const std::array<UniqueFd, 3>& streams) {
    raw_syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (raw_syscall(SYS_getppid) != broker_) raw_syscall(SYS_exit_group, kCannotExecute);
    raw_syscall(SYS_setsid);
    // 0, 1, 2 and the socket were open when the streams came, so no number is overwritten before its turn.
    for (int number = 0; number < 3; ++number)
      if (raw_syscall(SYS_dup3, streams[static_cast<std::size_t>(number)].get(), number, 0) < 0)
        raw_syscall(SYS_exit_group, kCannotExecute);
    if (close_descriptors_from(kFirstForeign) < 0) raw_syscall(SYS_exit_group, kCannotExecute);
    reset_signals();
    raw_syscall(SYS_execve, words_.front().c_str(), arguments_.data(), environment_.data());
    raw_syscall(SYS_exit_group, kCannotExecute);
    for (;;) raw_syscall(SYS_pause);
  }

  std::vector<std::string> words_;
  std::vector<std::string> variables_;
  std::vector<char*> arguments_;
  std::vector<char*> environment_;
  pid_t broker_;
};

}  // namespace

Result<ProgramStarter> ProgramStarter::start(ProgramToAsk program) {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0)
    return fail_errno(errno, "cannot make the socket to the starter of the answering program");
  UniqueFd ours(pair[0]);
  UniqueFd theirs(pair[1]);
  std::string path = program.path;
  StarterProcess process(std::move(program), ::getpid());
  const pid_t child = ::fork();
  if (child < 0) return fail_errno(errno, "cannot start the starter of the answering program");
  if (child == 0) process.serve(theirs.get());
  return ProgramStarter(child, std::move(ours), std::move(path));
}

ProgramStarter::ProgramStarter(ProgramStarter&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), socket_(std::move(other.socket_)), path_(std::move(other.path_)) {}

ProgramStarter::~ProgramStarter() {
  if (pid_ <= 0) return;
  socket_.reset();
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<StartedProgram> ProgramStarter::run(const std::array<int, 3>& streams) {
  char request = 's';
  if (send_with(socket_.get(), &request, sizeof request, streams, streams.size()) < 0)
    return fail_errno(errno, "cannot reach the starter of " + quote_bytes(path_));
  ProgramAnswer answer;
  std::array<UniqueFd, 1> pidfd;
  if (receive_with(socket_.get(), &answer, sizeof answer, pidfd) != static_cast<ssize_t>(sizeof answer))
    return fail("the starter of " + quote_bytes(path_) + " ended");
  if (answer.error != 0) return fail_errno(answer.error, "cannot start " + quote_bytes(path_));
  if (!pidfd.front().valid()) return fail("the starter of " + quote_bytes(path_) + " gave no process");
  return StartedProgram{answer.pid, std::move(pidfd.front())};
}

}  // namespace writ
