// A tool that does what no tool may. Inside: its call is `echo {text: MODE}`, and what came of each attempt is its
// result, as text. Outside (`tool-attack --outside`): the same attempts, printed; the control of the test.

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "broker/base/json_text.h"
#include "tools/client/broker_client.h"

namespace {

// 0, or the errno.
int result_of(long value) { return value >= 0 ? 0 : errno; }

int open_file() { return result_of(::syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY)); }
int open_by_name() { return result_of(::syscall(SYS_openat, AT_FDCWD, "/proc/self/exe", O_RDONLY)); }
int open_beneath() {
  std::array<std::uint64_t, 3> how{};
  return result_of(::syscall(SYS_openat2, AT_FDCWD, "/", how.data(), sizeof how));
}
int make_file() { return result_of(::syscall(SYS_openat, AT_FDCWD, "/tmp/tool-attack", O_CREAT | O_WRONLY, 0600)); }
int look_at_file() {
  struct stat status {};
  return result_of(::syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", &status, 0));
}
// The one form of that call which the filter lets pass: it finds nothing, because nothing is there.
int look_with_the_allowed_flag() {
  struct stat status {};
  return result_of(::syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", &status, AT_EMPTY_PATH));
}
int read_link() {
  std::array<char, 64> target{};
  return result_of(::syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", target.data(), target.size()));
}
int internet_socket() { return result_of(::socket(AF_INET, SOCK_STREAM, 0)); }
int unix_socket() { return result_of(::socket(AF_UNIX, SOCK_STREAM, 0)); }
int socket_pair() {
  std::array<int, 2> pair{};
  return result_of(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()));
}
int duplicate() { return result_of(::syscall(SYS_dup, 0)); }
int duplicate_to_the_programs_number() { return result_of(::syscall(SYS_dup3, 0, 511, 0)); }
int duplicate_by_fcntl() { return result_of(::syscall(SYS_fcntl, 0, F_DUPFD, 511)); }

int execute(int fd) {
  std::array<char*, 2> arguments{const_cast<char*>("true"), nullptr};
  std::array<char*, 1> environment{nullptr};
  return result_of(::syscall(SYS_execveat, fd, "", arguments.data(), environment.data(), AT_EMPTY_PATH));
}
// In a process of its own where that is possible, so that success can be told.
int in_a_child(int (*attempt)()) {
  const pid_t child = static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
  if (child < 0) return attempt();  // no child, so the attempt is made here: success would end us without a result
  if (child == 0) ::_exit(attempt());
  int status = 0;
  (void)::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}
int execute_program() {
  return in_a_child([] {
    std::array<char*, 2> arguments{const_cast<char*>("true"), nullptr};
    return result_of(::syscall(SYS_execve, "/bin/true", arguments.data(), arguments.data() + 1));
  });
}
int execute_itself() {
  return in_a_child([] {
    std::array<char*, 3> arguments{const_cast<char*>("tool-attack"), const_cast<char*>("--nothing"), nullptr};
    return result_of(::syscall(SYS_execve, "/proc/self/exe", arguments.data(), arguments.data() + 2));
  });
}
int execute_memory() {
  return in_a_child([] {
    const int fd = static_cast<int>(::syscall(SYS_memfd_create, "program", 0U));
    if (fd < 0) return errno;
    constexpr std::string_view kScript = "#!/bin/true\n";
    if (::write(fd, kScript.data(), kScript.size()) < 0) return errno;
    return execute(fd);
  });
}
int execute_the_programs_number() {
  return in_a_child([] { return execute(511); });
}
int fork_process() {
  const long child = ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child == 0) ::_exit(0);
  return result_of(child);
}
int fork_by_clone3() {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  const long child = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (child == 0) ::_exit(0);
  return result_of(child);
}
int new_namespace() {
  return in_a_child([] { return result_of(::syscall(SYS_unshare, CLONE_NEWUSER)); });
}
int trace_process() {
  return in_a_child([] { return result_of(::syscall(SYS_ptrace, 0, 0, 0, 0)); });  // PTRACE_TRACEME
}
int read_memory_of_another() {
  char byte = 0;
  iovec here{&byte, 1};
  iovec there{&byte, 1};
  return result_of(::syscall(SYS_process_vm_readv, ::getpid(), &here, 1, &there, 1, 0));
}
int kill_somebody() { return result_of(::syscall(SYS_kill, ::getpid(), 0)); }
int process_descriptor() { return result_of(::syscall(SYS_pidfd_open, ::getpid(), 0)); }
int executable_memory() {
  void* made = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return made == MAP_FAILED ? errno : 0;
}
int make_memory_executable() {
  void* made = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (made == MAP_FAILED) return 0;
  return result_of(::mprotect(made, 4096, PROT_READ | PROT_EXEC));
}
int change_directory() { return result_of(::syscall(SYS_chdir, "/")); }
int control_terminal() {
  int left = 0;
  return result_of(::syscall(SYS_ioctl, 0, 0x5421, &left));  // FIONBIO
}
int raise_limit() {
  rlimit limit{};
  (void)::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return errno;
  // What counts is how far it gets.
  return limit.rlim_max > 64 ? 0 : EPERM;
}
// Larger than what a message can carry.
int large_memory_file() {
  ::signal(SIGXFSZ, SIG_IGN);
  const int fd = static_cast<int>(::syscall(SYS_memfd_create, "large", 0U));
  return fd < 0 ? errno : result_of(::ftruncate(fd, 3 << 20));
}
int become_dumpable() { return result_of(::syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0)); }
int io_ring() {
  std::array<std::uint64_t, 32> parameters{};
  return result_of(::syscall(SYS_io_uring_setup, 1, parameters.data()));
}

struct Attempt {
  std::string_view name;
  int (*run)();
};

constexpr Attempt kAttempts[] = {
    {"open", open_file},
    {"open_itself", open_by_name},
    {"openat2", open_beneath},
    {"create", make_file},
    {"stat", look_at_file},
    {"stat_empty_path_flag", look_with_the_allowed_flag},
    {"readlink", read_link},
    {"socket_internet", internet_socket},
    {"socket_unix", unix_socket},
    {"socketpair", socket_pair},
    {"dup", duplicate},
    {"dup3", duplicate_to_the_programs_number},
    {"fcntl_dup", duplicate_by_fcntl},
    {"execve", execute_program},
    {"execve_itself", execute_itself},
    {"execveat_memory", execute_memory},
    {"execveat_511", execute_the_programs_number},
    {"fork", fork_process},
    {"clone3", fork_by_clone3},
    {"unshare", new_namespace},
    {"ptrace", trace_process},
    {"process_vm_readv", read_memory_of_another},
    {"kill", kill_somebody},
    {"pidfd_open", process_descriptor},
    {"mmap_exec", executable_memory},
    {"mprotect_exec", make_memory_executable},
    {"chdir", change_directory},
    {"ioctl", control_terminal},
    {"limit", raise_limit},
    {"large_memory_file", large_memory_file},
    {"prctl", become_dumpable},
    {"io_uring", io_ring},
};

// Which numbers are open.
std::string descriptors() {
  std::string list;
  for (int fd = 0; fd < 1024; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0) list += (list.empty() ? "" : " ") + std::to_string(fd);
  return list;
}

std::string all_attempts() {
  writ::JsonObject results;
  results.set("descriptors", descriptors());
  for (const Attempt& attempt : kAttempts) results.set(attempt.name, attempt.run());
  return writ::JsonValue(std::move(results)).to_text();
}

// Bytes that are no message, on the socket itself.
void send_bytes(std::string_view bytes) { (void)::send(3, bytes.data(), bytes.size(), MSG_NOSIGNAL); }

// Requests without end, and no answer is ever taken.
[[noreturn]] void flood() {
  using namespace writ;
  MessageChannel channel{UniqueFd(3)};
  for (std::uint64_t id = 1;; ++id) {
    Message message{MessageType::kRequest, id, {}, {}};
    message.payload.set("name", "clock.now").set("arguments", JsonObject());
    if (!channel.send(std::move(message))) ::_exit(1);
  }
}

void misbehave(std::string_view mode, writ::BrokerClient& client, std::uint64_t call) {
  if (mode == "garbage") send_bytes("this is no message");
  if (mode == "empty") send_bytes("");
  if (mode == "truncated") send_bytes("WRIT\x01");
  if (mode == "hello_again") send_bytes(std::string_view("WRIT\x01\0\x01\0\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0{}", 26));
  if (mode == "crash") ::raise(SIGSEGV);
  if (mode == "leave") ::_exit(0);
  if (mode == "hang")
    for (;;) (void)::poll(nullptr, 0, 1000);
  if (mode == "spin")
    for (volatile int i = 0;;) i = i + 1;
  if (mode == "flood") flood();
  if (mode == "large") (void)client.finish(call, writ::JsonObject().set("text", std::string(2'097'000, 'x')));
  if (mode == "wrong_result") (void)client.finish(call, writ::JsonObject().set("other", 1));
  if (mode == "memory")
    for (std::string hoard;;) hoard.append(std::size_t{64} << 20, 'x');
  if (mode == "many_requests")
    for (int i = 0; i < 10; ++i) (void)client.request("clock.now", {});
  if (mode == "descriptors")
    for (int i = 0; i < 1000; ++i)
      if (::syscall(SYS_memfd_create, "hoard", 0U) < 0) break;
}

int run_inside() {
  auto socket = writ::BrokerClient::inherited_socket();
  if (!socket) return 2;
  auto client = writ::BrokerClient::open(std::move(*socket), "attack/1");
  if (!client) return 3;
  const auto call = client->next_call();
  if (!call) return 4;
  const writ::JsonValue* text = call->arguments.find("text");
  const auto* mode = text == nullptr ? nullptr : std::get_if<std::string>(&text->storage());
  if (mode == nullptr) return 5;
  if (*mode != "attempts") misbehave(*mode, *client, call->id);
  const std::string answer = *mode == "attempts" ? all_attempts() : "done";
  return client->finish(call->id, writ::JsonObject().set("text", answer)) ? 0 : 6;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "--nothing") return 0;
  if (argc > 1 && std::string_view(argv[1]) == "--outside") return std::puts(all_attempts().c_str()) < 0 ? 1 : 0;
  return run_inside();
}
