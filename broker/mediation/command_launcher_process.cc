#include "broker/mediation/command_launcher_process.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>
#include <vector>

#include "broker/base/unique_fd.h"
#include "broker/kernel/broker_confinement.h"
#include "broker/kernel/descriptor_table.h"
#include "broker/kernel/pid_namespace.h"
#include "broker/kernel/raw_syscall.h"

extern char** environ;

namespace writ {
namespace {

constexpr int kFailed = 125;

struct Request {
  LaunchCommandMessage head;
  UniqueFd words;
  std::array<UniqueFd, 3> streams;
  UniqueFd directory;
};

// False at the end of the broker's life, or for a message that the broker never sends.
bool receive(int socket, Request& request) {
  LaunchCommandMessage head;
  iovec part{&head, sizeof head};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kLaunchDescriptors)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = -1;
  do {
    got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (got != sizeof head || header == nullptr || header->cmsg_len != CMSG_LEN(sizeof(int) * kLaunchDescriptors))
    return false;
  std::array<int, kLaunchDescriptors> received{};
  std::memcpy(received.data(), CMSG_DATA(header), sizeof received);
  request.head = head;
  request.words.reset(received.front());
  for (std::size_t i = 0; i < 3; ++i) request.streams[i].reset(received[i + 1]);
  request.directory.reset(received.back());
  return true;
}

void answer(int socket, std::uint64_t request, int error, int pidfd) {
  CommandStartedMessage head{request, error};
  iovec part{&head, sizeof head};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (error == 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &pidfd, sizeof pidfd);
  }
  (void)::sendmsg(socket, &message, MSG_NOSIGNAL);
}

std::string read_words(int memory) {
  struct stat status {};
  if (::fstat(memory, &status) != 0) return {};
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  const ssize_t got = ::pread(memory, bytes.data(), bytes.size(), 0);
  bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return bytes;
}

// Both vectors of execve(2); nothing in them lives longer than the bytes.
struct Vectors {
  std::vector<char*> arguments;
  std::vector<char*> environment;
};

Vectors pointers_to_words(std::string& bytes, std::uint32_t arguments) {
  Vectors vectors;
  for (std::size_t begin = 0; begin < bytes.size(); begin = bytes.find('\0', begin) + 1) {
    std::vector<char*>& words = vectors.arguments.size() < arguments ? vectors.arguments : vectors.environment;
    words.push_back(bytes.data() + begin);
  }
  vectors.arguments.push_back(nullptr);
  vectors.environment.push_back(nullptr);
  return vectors;
}

// A forked copy of this process until it executes Writ. Everything that allocates was done before the fork.
[[noreturn]] void become_run(const LauncherStart& start, const Request& request, const Vectors& vectors) {
  // The run dies with the broker, whose child it is; a broker that died before this line is no longer its parent.
  raw_syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (raw_syscall(SYS_getppid) != start.broker) raw_syscall(SYS_exit_group, kFailed);
  for (int number = 0; number < 3; ++number) {
    // dup3 refuses equal numbers, and none is: 0, 1 and 2 of this process are its own.
    const int stream = request.streams[static_cast<std::size_t>(number)].get();
    if (raw_syscall(SYS_dup3, stream, number, 0) < 0) raw_syscall(SYS_exit_group, kFailed);
  }
  const bool own_place = request.head.own_place != 0;
  if (own_place && raw_syscall(SYS_fchdir, request.directory.get()) != 0) raw_syscall(SYS_exit_group, kFailed);
  // A limit that the broker ignores for its own sake; a run decides for itself.
  struct sigaction usual {};
  usual.sa_handler = SIG_DFL;
  ::sigaction(SIGXFSZ, &usual, nullptr);
  char* const* environment = own_place ? vectors.environment.data() : environ;
  raw_syscall(SYS_execveat, start.executable, "", vectors.arguments.data(), environment, AT_EMPTY_PATH);
  raw_syscall(SYS_exit_group, kFailed);
  for (;;) raw_syscall(SYS_pause);
}

void start_run(const LauncherStart& start, const Request& request) {
  if (request.head.words == 0) return;  // only to be closed
  std::string bytes = read_words(request.words.get());
  const Vectors vectors = pointers_to_words(bytes, request.head.words);
  int pidfd = -1;
  const long child = fork_into_namespaces(CLONE_PARENT, &pidfd);
  if (child == 0) become_run(start, request, vectors);
  const UniqueFd held(pidfd);
  answer(start.socket, request.head.request, child < 0 ? static_cast<int>(-child) : 0, pidfd);
}

// Keeps the socket and the executable: whatever else the broker had open is not ours to hold, above all the standard
// streams, whose readers wait for their end.
LauncherStart keep_only(const LauncherStart& start) {
  constexpr int kSocket = 3;
  constexpr int kExecutable = 4;
  const UniqueFd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const UniqueFd socket(::fcntl(start.socket, F_DUPFD_CLOEXEC, 64));
  const UniqueFd executable(::fcntl(start.executable, F_DUPFD_CLOEXEC, 64));
  for (int number = 0; number < 3; ++number) ::dup2(nothing.get(), number);
  ::dup3(socket.get(), kSocket, O_CLOEXEC);
  ::dup3(executable.get(), kExecutable, O_CLOEXEC);
  return {kSocket, kExecutable, start.broker};
}

}  // namespace

void serve_command_launches(const LauncherStart& start) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // A copy of the broker's memory must not be readable when the broker's own is not (prctl(2)); execve(2) resets it.
  ::prctl(PR_SET_DUMPABLE, 0);
  // Out of the terminal's reach: what a person types there is for the front end, which passes it on.
  ::setsid();
  // Inherited by the runs: what Writ never calls. More cannot be taken, for a run needs all else.
  if (!confine_helper()) ::_exit(kFailed);
  const LauncherStart kept = keep_only(start);
  if (close_descriptors_from(5) < 0) ::_exit(kFailed);
  for (Request request; receive(kept.socket, request); request = Request()) start_run(kept, request);
  ::_exit(0);
}

}  // namespace writ
