#include "broker/sandbox/template_process.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "broker/kernel/descriptor_table.h"
#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/mount_namespace.h"
#include "broker/kernel/network_namespace.h"
#include "broker/kernel/network_state.h"
#include "broker/kernel/pid_namespace.h"
#include "broker/kernel/raw_syscall.h"
#include "broker/sandbox/template_areas.h"
#include "broker/sandbox/template_plan.h"

namespace writ {
namespace {

// What an init keeps: its control socket at the first number, the ruleset at the second.
constexpr int kInitControl = 3;
constexpr int kRuleset = 4;
constexpr unsigned kFirstToClose = 5;

enum class NetworkAge : std::uint8_t { kNew, kUsed };

struct SeenNetworks {
  NetworkState fresh;
  NetworkState now;
};

// One object in static storage, for the same reason as init's.
struct Template {
  int broker = -1;
  int proc = -1;          // the host's /proc, O_PATH: leads to our own network namespace's state
  int home_network = -1;  // where we are while we serve: our sockets must not be counted in a sandbox's
  const TemplatePlan* plan = nullptr;
  const char* bytes = nullptr;
  NetworkAge baseline = NetworkAge::kUsed;  // kNew: `fresh` has been read
  SeenNetworks* seen = nullptr;
};

Template state;

constexpr std::size_t kHelperStackSize = std::size_t{16} << 10;
alignas(16) std::array<char, kHelperStackSize> helper_stack;

[[noreturn]] void leave() {
  for (;;) raw_syscall(SYS_exit_group, 0);
}

bool has_network() { return (state.plan->child.layers & layer_bit(Layer::kNetworkNamespace)) != 0; }

int make_proc_and_leave(void* descriptor) {
  *static_cast<long*>(descriptor) = make_detached_proc();
  for (;;) raw_syscall(SYS_exit_group, 0);
}

// A /proc of a pid namespace in which no process is left. The kernel gives a new /proc only to those who see one
// already (mount_too_revealing in fs/namespace.c), and this one shows nobody: it is what lies beneath the /proc of each
// sandbox.
long make_empty_proc() {
  long proc = -ECHILD;
  // As in init: glibc's wrapper switches the stack and nothing else.
  const int child = ::clone(make_proc_and_leave, helper_stack.data() + helper_stack.size(),
                            CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_NEWPID | SIGCHLD, &proc);
  if (child < 0) return -errno;
  raw_syscall(SYS_wait4, child, nullptr, 0, nullptr);
  return proc;
}

// Out of the numbers that an init has.
int lift(long descriptor) {
  if (descriptor < 0) return static_cast<int>(descriptor);
  const long lifted = raw_syscall(SYS_fcntl, descriptor, F_DUPFD_CLOEXEC, kFirstToClose);
  raw_syscall(SYS_close, descriptor);
  return static_cast<int>(lifted);
}

// The ruleset stays; the view is attached, the plan is mapped.
void settle_descriptors(const ReceivedPlan& received) {
  const std::int32_t index = state.plan->child.landlock_index;
  const int ruleset = index < 0 ? -1 : received.descriptors[static_cast<std::size_t>(index)];
  if (ruleset >= 0 && ruleset != kRuleset)
    init_parts::require(SetupStep::kReceivePlan, raw_syscall(SYS_dup3, ruleset, kRuleset, O_CLOEXEC));
  for (const int descriptor : received.descriptors)
    if (descriptor > kInitControl && descriptor != kRuleset) raw_syscall(SYS_close, descriptor);
}

// Nothing of the host's mounts is left afterwards.
void enter_view(const ReceivedPlan& received, int empty_proc) {
  const int view = received.descriptors[static_cast<std::size_t>(state.plan->child.view_index)];
  init_parts::require(SetupStep::kPivotRoot, pivot_into_view(view));
  init_parts::require(SetupStep::kAttachProc,
                      raw_syscall(SYS_move_mount, empty_proc, "", AT_FDCWD, "/proc", abi::kMoveMountFromEmptyPath));
}

long open_own_network() { return raw_syscall(SYS_openat, state.proc, "thread-self/ns/net", O_RDONLY | O_CLOEXEC, 0); }

// Not in static storage, because no init needs it: what is forked would have to be copied when we write to it.
void make_room_for_networks() {
  const long mapped =
      raw_syscall(SYS_mmap, nullptr, sizeof(SeenNetworks), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  init_parts::require(SetupStep::kNetworkNamespace, mapped < 0 && mapped > -4096 ? mapped : 0);
  raw_syscall(SYS_madvise, mapped, sizeof(SeenNetworks), MADV_DONTFORK);
  state.seen = reinterpret_cast<SeenNetworks*>(mapped);  // NOLINT(performance-no-int-to-ptr): mmap's answer, raw
}

long make_network() {
  long result = enter_network_namespace();
  return result < 0 ? result : bring_up_loopback();
}

void set_up(int control, const InitOptions& options) {
  init_parts::begin(control, options);
  state.broker = static_cast<int>(raw_syscall(SYS_fcntl, control, F_DUPFD_CLOEXEC, kFirstToClose));
  state.proc = lift(raw_syscall(SYS_openat, AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC, 0));
  init_parts::require(SetupStep::kPrivateProc, state.proc);
  init_parts::require(SetupStep::kMountNamespace, enter_mount_namespace());
  const int empty_proc = lift(make_empty_proc());
  init_parts::require(SetupStep::kPrivateProc, empty_proc);
  const ReceivedPlan& received = init_parts::receive_plan(kTemplatePlanMagic, sizeof(TemplatePlan), options);
  state.bytes = received.bytes;
  state.plan = reinterpret_cast<const TemplatePlan*>(received.bytes);
  enter_view(received, empty_proc);
  raw_syscall(SYS_close, empty_proc);
  settle_descriptors(received);
  raw_syscall(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (!has_network()) return;
  make_room_for_networks();
  init_parts::require(SetupStep::kNetworkNamespace, enter_network_namespace());
  state.home_network = lift(open_own_network());
  init_parts::require(SetupStep::kNetworkNamespace, state.home_network);
}

// --- one sandbox -----------------------------------------------------------------------------------------------------

[[noreturn]] void run_init(int control) {
  raw_syscall(SYS_dup3, control, kInitControl, O_CLOEXEC);
  if (close_descriptors_from(kFirstToClose) < 0) raw_syscall(SYS_exit_group, 125);
  init_parts::begin_made_sandbox(kInitControl);
  const long proc = make_detached_proc();
  init_parts::require(SetupStep::kPrivateProc, proc);
  init_parts::require(SetupStep::kAssembleView, make_template_areas(*state.plan, state.bytes));
  init_parts::run_made_sandbox(static_cast<int>(proc), kRuleset);
}

// Into the given network if nothing has ever happened in it. False: it is of no use.
bool enter_given_network(int network) {
  if (network < 0 || state.baseline == NetworkAge::kUsed) return false;
  if (raw_syscall(SYS_setns, network, CLONE_NEWNET) < 0) return false;
  return read_network_state(state.proc, state.seen->now) == 0 && is_same(state.seen->fresh, state.seen->now);
}

// Returns a descriptor of the new network, or -errno. What is compared with later is what the first one shows.
long enter_new_network() {
  if (const long made = make_network(); made < 0) return made;
  if (state.baseline == NetworkAge::kUsed) {
    if (const long read = read_network_state(state.proc, state.seen->fresh); read < 0) return read;
    state.baseline = NetworkAge::kNew;
  }
  return open_own_network();
}

struct Made {
  TemplateAnswer answer{};
  int control = -1;
  int network = -1;  // kNew: ours until it is sent
};

void fail_making(Made& made, SetupStep step, long error) {
  made.answer.step = step;
  made.answer.error = static_cast<std::int32_t>(-error);
}

void choose_network(Made& made, int given) {
  if (!has_network()) return;
  made.answer.network = TemplateNetwork::kGiven;
  if (enter_given_network(given)) return;
  const long network = enter_new_network();
  if (network < 0) return fail_making(made, SetupStep::kNetworkNamespace, network);
  made.answer.network = TemplateNetwork::kNew;
  made.network = static_cast<int>(network);
}

void clone_init(Made& made, int theirs) {
  constexpr std::uint64_t kNamespaces =
      CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_PARENT;
  const long child = fork_without_pidfd(kNamespaces);
  if (child == 0) run_init(theirs);
  if (child < 0) return fail_making(made, SetupStep::kPidNamespace, child);
  made.answer.pid = static_cast<pid_t>(child);
}

void make_sandbox(Made& made, int given) {
  std::array<int, 2> pair{-1, -1};
  const long paired = raw_syscall(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data());
  if (paired < 0) return fail_making(made, SetupStep::kReceivePlan, paired);
  made.control = pair[0];
  choose_network(made, given);
  if (made.answer.error == 0) clone_init(made, pair[1]);
  if (state.home_network >= 0 && raw_syscall(SYS_setns, state.home_network, CLONE_NEWNET) < 0) leave();
  raw_syscall(SYS_close, pair[1]);
}

void send_answer(Made& made) {
  iovec part{&made.answer, sizeof made.answer};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 2)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const std::array<int, 2> descriptors{made.control, made.network};
  const std::size_t count = made.network >= 0 ? 2 : 1;
  if (made.answer.error == 0) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    __builtin_memcpy(CMSG_DATA(header), descriptors.data(), sizeof(int) * count);
  }
  if (raw_syscall(SYS_sendmsg, state.broker, &message, MSG_NOSIGNAL) < 0) leave();
  for (const int descriptor : descriptors)
    if (descriptor >= 0) raw_syscall(SYS_close, descriptor);
}

// Returns the network that came with the request, or -1. Leaves when the broker is gone.
int receive_request() {
  TemplateRequest request{};
  iovec part{&request, sizeof request};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (raw_syscall(SYS_recvmsg, state.broker, &message, MSG_CMSG_CLOEXEC) <= 0) leave();
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  int network = -1;
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(int)))
    __builtin_memcpy(&network, CMSG_DATA(header), sizeof network);
  return network;
}

}  // namespace

void run_template_process(int control, const InitOptions& options) {
  set_up(control, options);
  init_parts::report_started();
  for (;;) {
    const int given = receive_request();
    Made made;
    make_sandbox(made, given);
    if (given >= 0) raw_syscall(SYS_close, given);
    send_answer(made);
  }
}

}  // namespace writ
