#include "broker/sandbox/sandbox_process.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include "broker/kernel/argument_area.h"
#include "broker/kernel/descriptor_table.h"
#include "broker/kernel/pid_namespace.h"
#include "broker/kernel/processor_choice.h"
#include "broker/kernel/raw_syscall.h"
#include "broker/sandbox/template_process.h"
#include "broker/sandbox/tree_request.h"

namespace writ {
namespace {

Error clone_error(long result) {
  return {"cannot start the sandbox's init", static_cast<int>(-result), "the limit of processes may be reached"};
}

// Tries with the namespaces that only clone can give, then with what the kernel refuses left out; init reports the
// rest.
long fork_init(InitOptions& options, int* pidfd) {
  const std::uint64_t parent = options.parent == InitParent::kParentOfCaller ? CLONE_PARENT : 0;
  if (options.role == InitRole::kTemplate) return fork_into_namespaces(CLONE_NEWUSER | parent, pidfd);
  std::uint64_t namespaces = CLONE_NEWPID | parent;
  if (options.user_namespace != UserNamespaceStart::kAbsent) namespaces |= CLONE_NEWUSER;
  long child = fork_into_namespaces(namespaces, pidfd);
  if (child == -EPERM || child == -ENOSPC || child == -EINVAL || child == -EUSERS) {
    options.pid_namespace_error = static_cast<int>(-child);
    if (options.user_namespace != UserNamespaceStart::kAbsent) {
      options.user_namespace = UserNamespaceStart::kAbsent;
      options.user_namespace_error = static_cast<int>(-child);
    }
    child = fork_into_namespaces(parent, pidfd);
  }
  return child;
}

// Init keeps the standard streams and its socket. Among what it must not keep: the broker's end of this very socket (it
// would never see the broker die), that of other sandboxes (it could command them), and whatever the person's shell
// left open. A table that cannot be cleared ends init; the broker then reports that it died.
int keep_only(int control) {
  constexpr int kControl = 3;
  if (control != kControl) raw_syscall(SYS_dup3, control, kControl, O_CLOEXEC);
  if (close_descriptors_from(kControl + 1) < 0) raw_syscall(SYS_exit_group, 125);
  return kControl;
}

// Sends one message with copies of `descriptors`, at most kPlanDescriptorLimit. Returns 0 or the positive errno.
int send_message(int socket, const void* bytes, std::size_t size, const std::vector<int>& descriptors, int flags) {
  iovec part{const_cast<void*>(bytes), size};  // NOLINT: sendmsg(2) only reads it
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kPlanDescriptorLimit)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
    std::memcpy(CMSG_DATA(header), descriptors.data(), sizeof(int) * descriptors.size());
  }
  return ::sendmsg(socket, &message, MSG_NOSIGNAL | flags) < 0 ? errno : 0;
}

bool is_answer(InitEvent event) {
  return event == InitEvent::kAttached || event == InitEvent::kDetached || event == InitEvent::kPaused ||
         event == InitEvent::kResumed;
}

}  // namespace

Result<SandboxProcess> SandboxProcess::start(InitOptions options) {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0)
    return fail_errno(errno, "cannot make the socket to the sandbox's init");
  UniqueFd ours(pair[0]);
  UniqueFd theirs(pair[1]);
  int pidfd = -1;
  const long child = fork_init(options, &pidfd);
  if (child == 0) {
    blank_argument_area(
        "writ-init");  // the tool can read pid 1's: options such as --env NAME=secret are none of its business
    const int control = keep_only(theirs.get());
    if (options.role == InitRole::kTemplate) run_template_process(control, options);
    run_init_process(control, options);
  }
  if (child < 0) return tl::unexpected<Error>(clone_error(child));
  // A broker has other work to do meanwhile; a spawner has none.
  if (options.parent == InitParent::kCaller) start_beside_caller(static_cast<pid_t>(child));
  return SandboxProcess(static_cast<pid_t>(child), UniqueFd(pidfd), std::move(ours));
}

SandboxProcess SandboxProcess::adopt(HandedOver process) {
  return SandboxProcess(process.pid, std::move(process.pidfd), std::move(process.control));
}

SandboxProcess::HandedOver SandboxProcess::hand_over() && { return {pid_, std::move(pidfd_), std::move(control_)}; }

SandboxProcess::~SandboxProcess() {
  if (!pidfd_.valid()) return;
  kill();
  wait();
}

Status SandboxProcess::map_identity(const IdentityMap& map) {
  const UniqueFd proc(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!proc.valid()) return fail_errno(errno, "cannot open /proc");
  // `pid_` is our own unreaped child, so the number cannot have been recycled.
  const long result = write_identity_map(proc.get(), std::to_string(pid_).c_str(), map, SetgroupsRule::kKeep);
  if (result < 0) return fail_errno(static_cast<int>(-result), "cannot map the tool's identity");
  return {};
}

Result<UniqueFd> SandboxProcess::user_namespace() const {
  const std::string path = "/proc/" + std::to_string(pid_) + "/ns/user";
  UniqueFd opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!opened.valid()) return fail_errno(errno, "cannot open the sandbox's user namespace");
  return opened;
}

Status SandboxProcess::send(InitCommand command, int memory, const std::vector<int>& descriptors) {
  std::vector<int> all{memory};
  all.insert(all.end(), descriptors.begin(), descriptors.end());
  if (all.size() > kPlanDescriptorLimit)
    return fail("too many descriptors for one sandbox: " + std::to_string(all.size()));
  const InitRequest request{command, 0};
  const int error = send_message(control_.get(), &request, sizeof request, all, 0);
  // EPIPE: init gave up already; what it reported is still in the socket and says why.
  if (error != 0 && error != EPIPE && error != ECONNRESET) return fail_errno(error, "cannot send the launch plan");
  return {};
}

Status SandboxProcess::send_tree_request(InitCommand command, AttachId tree, std::string_view path, int mount) {
  WRIT_ASSIGN(const TreeRequest request, make_tree_request(command, tree, path));
  // Init blocks when nobody reads its answers; with few outstanding they always fit into the socket.
  if (outstanding_ >= kOutstandingInitRequests) return fail_errno(EAGAIN, "the sandbox's init has not answered yet");
  const std::vector<int> descriptors = mount < 0 ? std::vector<int>{} : std::vector<int>{mount};
  const int error = send_message(control_.get(), &request, encoded_size(request), descriptors, MSG_DONTWAIT);
  if (error != 0) return fail_errno(error, "cannot ask the sandbox's init to change the view");
  ++outstanding_;
  return {};
}

Status SandboxProcess::attach_tree(AttachId tree, std::string_view path, int mount) {
  return send_tree_request(InitCommand::kAttach, tree, path, mount);
}

Status SandboxProcess::detach_tree(AttachId tree, std::string_view path) {
  return send_tree_request(InitCommand::kDetach, tree, path, -1);
}

Status SandboxProcess::send_pause_request(InitCommand command) {
  if (outstanding_ >= kOutstandingInitRequests) return fail_errno(EAGAIN, "the sandbox's init has not answered yet");
  const InitRequest request{command, 0};
  const int error = send_message(control_.get(), &request, sizeof request, {}, MSG_DONTWAIT);
  if (error != 0) return fail_errno(error, "cannot ask the sandbox's init to pause or resume it");
  ++outstanding_;
  return {};
}

Status SandboxProcess::pause() { return send_pause_request(InitCommand::kPause); }

Status SandboxProcess::resume() { return send_pause_request(InitCommand::kResume); }

void SandboxProcess::signal_tool(int signal) {
  const InitRequest request{InitCommand::kSignal, signal};
  (void)::send(control_.get(), &request, sizeof request, MSG_NOSIGNAL);
}

// By its number where signals by pidfd are not to be had: init is our child and not waited for yet, so the number is
// its.
void SandboxProcess::kill() {
  if (raw_syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0) < 0) raw_syscall(SYS_kill, pid_, SIGKILL);
}

std::optional<InitMessage> SandboxProcess::receive() {
  InitMessage received{};
  iovec part{&received.report, sizeof received.report};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = -1;
  do {
    got = ::recvmsg(control_.get(), &message, MSG_CMSG_CLOEXEC);
    // ECONNRESET comes once, before what init said last, when it ended without reading the filter.
  } while (got < 0 && (errno == EINTR || errno == ECONNRESET));
  if (got != static_cast<ssize_t>(sizeof received.report)) return std::nullopt;
  if (is_answer(received.report.event) && outstanding_ > 0) --outstanding_;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(int))) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    received.descriptor.reset(fd);
  }
  return received;
}

void SandboxProcess::wait() {
  if (!pidfd_.valid()) return;
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pidfd_.reset();
}

}  // namespace writ
