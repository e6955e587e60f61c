#include "broker/mediation/command_launcher.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "broker/kernel/kernel_abi.h"
#include "broker/mediation/command_launcher_process.h"

namespace writ {
namespace {

Result<UniqueFd> write_words(const std::vector<std::string>& words, const std::vector<std::string>& variables) {
  int fd = ::memfd_create("writ-command", MFD_CLOEXEC | abi::kMfdNoexecSeal);
  if (fd < 0 && errno == EINVAL) fd = ::memfd_create("writ-command", MFD_CLOEXEC);  // before 6.3
  UniqueFd memory(fd);
  std::string bytes;
  for (const auto* texts : {&words, &variables})
    for (const std::string& text : *texts) bytes.append(text).push_back('\0');
  if (!memory.valid() || ::write(memory.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    return fail_errno(errno, "cannot write down a command");
  return memory;
}

}  // namespace

Result<CommandLauncher> CommandLauncher::start() {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0)
    return fail_errno(errno, "cannot make the socket to the launcher of commands");
  UniqueFd ours(pair[0]);
  UniqueFd theirs(pair[1]);
  // Held from now on: what runs for a command later is what runs here, whatever becomes of its name.
  const UniqueFd executable(::open("/proc/self/exe", O_PATH | O_CLOEXEC));
  if (!executable.valid()) return fail_errno(errno, "cannot find Writ's own program");
  const pid_t broker = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return fail_errno(errno, "cannot start the launcher of commands");
  if (child == 0) serve_command_launches({theirs.get(), executable.get(), broker});
  return CommandLauncher(child, std::move(ours));
}

CommandLauncher::~CommandLauncher() {
  if (pid_ <= 0 || !socket_.valid()) return;
  socket_.reset();
  // Not only by its end of file: it may be closing a stream that takes its time (discard()).
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Status CommandLauncher::send(const LaunchCommandMessage& head, const Descriptors& descriptors) {
  const UniqueFd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const auto or_nothing = [&](int fd) { return fd >= 0 ? fd : nothing.get(); };
  std::array<int, kLaunchDescriptors> sent{descriptors.words};
  for (std::size_t i = 0; i < descriptors.streams.size(); ++i) sent[i + 1] = or_nothing(descriptors.streams[i]);
  sent.back() = or_nothing(descriptors.directory);
  LaunchCommandMessage copy = head;
  iovec part{&copy, sizeof copy};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof sent)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof sent);
  std::memcpy(CMSG_DATA(header), sent.data(), sizeof sent);
  if (::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
    return fail_errno(errno, "cannot reach the launcher of commands");
  return {};
}

Result<std::uint64_t> CommandLauncher::launch(const std::vector<std::string>& arguments,
                                              const std::array<int, 3>& streams, const LaunchPlace* place) {
  const LaunchPlace own;
  const LaunchPlace& where = place == nullptr ? own : *place;
  WRIT_ASSIGN(const UniqueFd words, write_words(arguments, where.environment));
  const LaunchCommandMessage head{++last_request_, static_cast<std::uint32_t>(arguments.size()),
                                  place == nullptr ? 0u : 1u};
  WRIT_TRY(send(head, {words.get(), streams, where.directory}));
  return head.request;
}

void CommandLauncher::discard(const std::array<int, 3>& streams) {
  const auto nothing = write_words({}, {});
  if (nothing) (void)send({}, {nothing->get(), streams, -1});
}

std::optional<LaunchedCommand> CommandLauncher::receive() {
  CommandStartedMessage head;
  iovec part{&head, sizeof head};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  if (got != sizeof head) {
    socket_.reset();  // the launcher's process ended
    while (::waitpid(pid_, nullptr, WNOHANG) < 0 && errno == EINTR) {
    }
    return std::nullopt;
  }
  LaunchedCommand launched{head.request, head.error, {}};
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(int))) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    launched.pidfd.reset(fd);
  }
  if (!launched.pidfd.valid() && launched.error == 0) launched.error = EPROTO;
  return launched;
}

}  // namespace writ
