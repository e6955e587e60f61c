// old-mount-kernel COMMAND [ARGUMENT…]
//
// Makes this kernel answer as Linux 5.12…6.14 do where mounts are attached and cloned: in those, both ends of an
// attachment to something must lie in the caller's mount namespace (fs/namespace.c: check_mnt), so a tree that is still
// detached can be neither attached to nor cloned from: EINVAL. Newer kernels allow both, and a program that was only
// tried there may rely on it.
//
// How: the command runs under a filter that hands every move_mount(2) and open_tree(2) to this process. It looks up the
// mount of the descriptor in question and answers EINVAL when the caller's mountinfo does not list it. The arguments
// that decide are a descriptor and flags, not memory, so letting the call proceed afterwards is no race; and this is a
// test, not a boundary. Needs ptrace rights over the command (its namespaces' creator, or root).
//
// Exit codes: the command's own; 2 for a wrong call; 3 when the filter cannot be installed. On standard error, at the
// end and with OLD_MOUNT_KERNEL_COUNT set: how many calls were seen and how many refused.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "broker/kernel/kernel_abi.h"

namespace {

constexpr int kWrongCall = 2;
constexpr int kNoFilter = 3;
constexpr int kNotStarted = 127;

struct Counts {
  int seen = 0;
  int refused = 0;
};

[[noreturn]] void complain(int code, const char* what) {
  std::fprintf(stderr, "old-mount-kernel: %s: %s\n", what, std::strerror(errno));
  std::_Exit(code);
}

int install_filter() {
  std::array<sock_filter, 5> code = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_move_mount, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_open_tree, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{code.size(), code.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

bool pass_descriptor(int socket, int fd) {
  char byte = 'l';
  iovec part{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return ::sendmsg(socket, &message, 0) == 1;
}

int take_descriptor(int socket) {
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (::recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1) return -1;
  int fd = -1;
  if (const cmsghdr* header = CMSG_FIRSTHDR(&message)) std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return fd;
}

// The mount that descriptor `fd` of process `pid` lies in; -1 when it cannot be found.
int mount_of(unsigned pid, int fd) {
  std::ifstream information("/proc/" + std::to_string(pid) + "/fdinfo/" + std::to_string(fd));
  for (std::string line; std::getline(information, line);)
    if (line.starts_with("mnt_id:")) return std::atoi(line.c_str() + std::strlen("mnt_id:"));
  return -1;
}

bool in_own_namespace(unsigned pid, int mount) {
  std::ifstream information("/proc/" + std::to_string(pid) + "/mountinfo");
  for (std::string line; std::getline(information, line);)
    if (std::atoi(line.c_str()) == mount) return true;
  return false;
}

// The descriptor whose mount must be attached for `call` to work on an old kernel; -1: none.
int deciding_descriptor(const seccomp_data& call) {
  if (call.nr == SYS_move_mount) return static_cast<int>(call.args[2]);
  return (call.args[2] & writ::abi::kOpenTreeClone) != 0 ? static_cast<int>(call.args[0]) : -1;
}

bool refused_by_an_old_kernel(const seccomp_notif& request) {
  const int fd = deciding_descriptor(request.data);
  if (fd < 0) return false;  // also AT_FDCWD: a path from the root or the current directory
  const int mount = mount_of(request.pid, fd);
  if (mount < 0) {
    std::fprintf(stderr, "old-mount-kernel: cannot look at descriptor %d of process %u\n", fd, request.pid);
    return true;  // a test that cannot see must not pass
  }
  return !in_own_namespace(request.pid, mount);
}

void answer(int listener, Counts& counts) {
  seccomp_notif request{};
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) return;  // the caller was killed
  seccomp_notif_resp response{};
  response.id = request.id;
  ++counts.seen;
  if (refused_by_an_old_kernel(request)) {
    ++counts.refused;
    response.error = -EINVAL;
  } else {
    response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  }
  ::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

int supervise(int listener, pid_t child) {
  Counts counts;
  // POLLHUP: nobody is left under the filter.
  for (pollfd ready{listener, POLLIN, 0}; ::poll(&ready, 1, -1) >= 0 || errno == EINTR;) {
    if ((ready.revents & POLLIN) != 0) answer(listener, counts);
    if ((ready.revents & POLLHUP) != 0) break;
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (std::getenv("OLD_MOUNT_KERNEL_COUNT") != nullptr)
    std::fprintf(stderr, "old-mount-kernel: %d calls, %d refused\n", counts.seen, counts.refused);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) complain(kWrongCall, "usage: old-mount-kernel COMMAND [ARGUMENT…]");
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) complain(kNoFilter, "socketpair");
  const pid_t child = ::fork();
  if (child < 0) complain(kNoFilter, "fork");
  if (child == 0) {
    const int listener = install_filter();
    if (listener < 0 || !pass_descriptor(pair[1], listener)) complain(kNoFilter, "cannot install the filter");
    ::close(listener);
    ::execvp(argv[1], argv + 1);
    complain(kNotStarted, argv[1]);
  }
  ::close(pair[1]);
  const int listener = take_descriptor(pair[0]);
  if (listener < 0) complain(kNoFilter, "no listener");
  return supervise(listener, child);
}
