#include "broker/sandbox/init_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>

#include "broker/kernel/capabilities.h"
#include "broker/kernel/cgroup_namespace.h"
#include "broker/kernel/descriptor_table.h"
#include "broker/kernel/ipc_namespace.h"
#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/mount_namespace.h"
#include "broker/kernel/network_namespace.h"
#include "broker/kernel/raw_syscall.h"
#include "broker/kernel/uts_namespace.h"
#include "broker/sandbox/child_plan.h"
#include "broker/sandbox/init_channel.h"
#include "broker/sandbox/init_filter.h"
#include "broker/sandbox/late_mounts.h"
#include "broker/sandbox/plan_receiver.h"
#include "broker/sandbox/process_pause.h"
#include "broker/sandbox/tool_process.h"

namespace writ {
namespace {

constexpr std::size_t kToolStackSize = std::size_t{64} << 10;

enum class HostMounts : std::uint8_t { kPresent, kGone };

// What locks the view for the tool: a copy in another user namespace, or that it belongs to one.
enum class MountLock : std::uint8_t { kSecondNamespace, kOwner };

// The state of one init. One object in static storage: init must not allocate.
struct Init {
  int control = -1;
  int proc = -1;  // detached, writable: for the second identity map; the view gets a read-only clone of it
  std::uint64_t saved_signal_mask = 0;
  ReceivedPlan received;
  ChildPlan* plan = nullptr;
  ReceivedPlan order;  // received by the tool's process, which shares our memory until it executes the program
  std::array<std::int32_t, kLayerCount> layer_errors{};
  SetupStep namespace_steps_failed[kLayerCount] = {};
  std::uint32_t degraded = 0;
  HostMounts host_mounts = HostMounts::kPresent;
  MountLock mount_lock = MountLock::kSecondNamespace;
  int tool = -1;
  int tool_pidfd = -1;
  LateMounts late;
  ProcessPause pause;
};

Init init;
alignas(16) std::array<char, kToolStackSize> tool_stack;

[[noreturn]] void leave() {
  for (;;) raw_syscall(SYS_exit_group, 0);
}

void send_report(InitReport& report, int descriptor = -1) {
  report.degraded_layers = init.degraded;
  report.layer_errors = init.layer_errors;
  send_init_report(init.control, report, descriptor);
}

[[noreturn]] void fail_step(SetupStep step, long error) {
  InitReport report{};
  report.event = InitEvent::kFailed;
  report.step = step;
  report.error = static_cast<std::int32_t>(error);
  send_report(report);
  leave();
}

void require(SetupStep step, long result) {
  if (result < 0) fail_step(step, -result);
}

// Remembers how the namespace of `layer` went; whether that is fatal is known when the plan arrives.
void note_layer(Layer layer, SetupStep step, long result) {
  const auto index = static_cast<std::size_t>(layer);
  if (result >= 0 || init.layer_errors[index] != 0) return;
  init.layer_errors[index] = static_cast<std::int32_t>(-result);
  init.namespace_steps_failed[index] = step;
}

bool wanted(Layer layer) { return (init.plan->layers & layer_bit(layer)) != 0; }

void die_with_broker() {
  // The broker may have died before this line; then the control socket says so at the first receive.
  require(SetupStep::kDieWithBroker, raw_syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
}

void block_signals() {
  const std::uint64_t all = ~std::uint64_t{0};
  raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &init.saved_signal_mask, sizeof all);
}

// Leaves the host's mounts while there is nothing else to do: copying them was the price of a new namespace, and giving
// them back costs a grace period of the kernel that the launch would otherwise wait for. Only a head start: whatever
// goes wrong here shows again, with its error, when the view is entered.
void leave_host_mounts(const InitOptions& options) {
  if (options.user_namespace == UserNamespaceStart::kAbsent) return;
  const long context = raw_syscall(SYS_fsopen, "tmpfs", abi::kFsopenCloexec);
  if (context < 0) return;
  raw_syscall(SYS_fsconfig, context, abi::kFsconfigCreate, nullptr, nullptr, 0);
  const long empty = raw_syscall(SYS_fsmount, context, abi::kFsmountCloexec, abi::kMountReadOnly);
  raw_syscall(SYS_close, context);
  if (empty < 0) return;
  if (pivot_into_view(static_cast<int>(empty)) >= 0)
    init.host_mounts = HostMounts::kGone;
  else
    raw_syscall(SYS_chdir, "/");
  raw_syscall(SYS_close, empty);
}

void make_network(NetworkStart start) {
  if (start == NetworkStart::kInherited) return;
  const long entered = enter_network_namespace();
  note_layer(Layer::kNetworkNamespace, SetupStep::kNetworkNamespace, entered);
  if (entered >= 0) note_layer(Layer::kNetworkNamespace, SetupStep::kLoopback, bring_up_loopback());
}

// Everything that does not depend on the policy, so that it overlaps with the broker's parsing.
void make_namespaces(const InitOptions& options) {
  if (options.user_namespace == UserNamespaceStart::kAbsent)
    note_layer(Layer::kUserNamespace, SetupStep::kUserNamespace, -options.user_namespace_error);
  if (options.user_namespace == UserNamespaceStart::kSelfMapped)
    note_layer(Layer::kUserNamespace, SetupStep::kUserNamespace,
               map_own_identity(options.identity, SetgroupsRule::kDeny));
  note_layer(Layer::kPidNamespace, SetupStep::kPidNamespace, -options.pid_namespace_error);
  note_layer(Layer::kIpcNamespace, SetupStep::kIpcNamespace, enter_ipc_namespace());
  note_layer(Layer::kUtsNamespace, SetupStep::kUtsNamespace, enter_uts_namespace());
  note_layer(Layer::kCgroupNamespace, SetupStep::kCgroupNamespace, enter_cgroup_namespace());
  const long mounts = enter_mount_namespace();
  note_layer(Layer::kView, SetupStep::kMountNamespace, mounts);
  if (mounts >= 0) {
    const long proc = make_detached_proc();
    note_layer(Layer::kView, SetupStep::kPrivateProc, proc);
    init.proc = static_cast<int>(proc);
  }
  make_network(options.network);
  if (init.proc >= 0) leave_host_mounts(options);
}

void receive_plan() {
  const long got =
      receive_plan_message(init.control, InitCommand::kPlan, kChildPlanMagic, sizeof(ChildPlan), init.received);
  if (got == 0) leave();  // the broker is gone, or needs no sandbox after all
  require(SetupStep::kReceivePlan, got);
  init.plan = reinterpret_cast<ChildPlan*>(init.received.bytes);
}

// Stops the launch for a required layer that failed, and notes the others.
void judge_layers() {
  for (std::size_t i = 0; i < kLayerCount; ++i) {
    const std::uint32_t bit = layer_bit(static_cast<Layer>(i));
    if (init.layer_errors[i] == 0 || (init.plan->layers & bit) == 0) continue;
    // The broker chose the Landlock rules for a sandbox with a view; one without it would be bounded by nothing.
    const bool essential = static_cast<Layer>(i) == Layer::kView;
    if (essential || (init.plan->required_layers & bit) != 0)
      fail_step(init.namespace_steps_failed[i], init.layer_errors[i]);
    init.degraded |= bit;
    init.plan->layers &= ~bit;
  }
}

// Root's init starts with ids that its user namespace does not map; from here on it is the sandbox's own identity.
void take_identity(const InitOptions& options) {
  if (options.user_namespace != UserNamespaceStart::kBrokerMapped) return;
  const std::uint32_t gid = init.plan->identity.inside_gid;
  const std::uint32_t uid = init.plan->identity.inside_uid;
  if (options.groups == SupplementaryGroups::kCanBeDropped)
    require(SetupStep::kIdentity, raw_syscall(SYS_setgroups, 0, nullptr));
  require(SetupStep::kIdentity, raw_syscall(SYS_setresgid, gid, gid, gid));
  require(SetupStep::kIdentity, raw_syscall(SYS_setresuid, uid, uid, uid));
  // The change of identity cleared both (prctl(2)): the death signal, and the right to its own /proc files, which the
  // second identity map needs.
  die_with_broker();
  require(SetupStep::kIdentity, raw_syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0));
}

// Attached first and cloned then: before 6.15 a tree that is still detached cannot be cloned (open_tree(2): EINVAL).
// The view keeps the attached mount, init the clone, which stays writable.
void attach_proc() {
  require(SetupStep::kAttachProc,
          raw_syscall(SYS_move_mount, init.proc, "", AT_FDCWD, "/proc", abi::kMoveMountFromEmptyPath));
  const long clone =
      raw_syscall(SYS_open_tree, init.proc, "", abi::kOpenTreeClone | abi::kOpenTreeCloexec | AT_EMPTY_PATH);
  require(SetupStep::kAttachProc, clone);
  // Read-only: /proc/self/mem, oom_score_adj, uid_map and every /proc/sys file refuse writing whatever the identity.
  const abi::MountAttributes read_only{
      abi::kMountReadOnly | abi::kMountNoSuid | abi::kMountNoDevices | abi::kMountNoExecute, 0, 0, 0};
  require(SetupStep::kAttachProc,
          raw_syscall(SYS_mount_setattr, init.proc, "", AT_EMPTY_PATH, &read_only, sizeof read_only));
  raw_syscall(SYS_close, init.proc);
  init.proc = static_cast<int>(clone);
}

void enter_view() {
  if (!wanted(Layer::kView)) return;
  const ChildPlan& plan = *init.plan;
  if (!wanted(Layer::kUserNamespace)) require(SetupStep::kAssembleView, make_all_mounts_private());
  const int view = init.received.descriptors[static_cast<std::size_t>(plan.view_index)];
  // The host's mounts are gone in both cases. Where only the empty file system is left, the view may lie on it.
  const bool gone = init.host_mounts == HostMounts::kGone;
  require(SetupStep::kPivotRoot, gone ? cover_root_with_view(view) : pivot_into_view(view));
  attach_proc();
  if (plan.late_grants == LateGrants::kPossible) require(SetupStep::kShareView, init.late.begin());
}

// Init leads the session that owns the tool's terminal. Were the tool itself the leader, its process group would be
// orphaned (its parent in another session) and the kernel would ignore Ctrl-Z (POSIX, "orphaned process group").
void take_terminal() {
  if (init.plan->terminal != TerminalRole::kControlling) return;
  const int terminal = init.received.descriptors[static_cast<std::size_t>(init.plan->terminal_index)];
  require(SetupStep::kSession, raw_syscall(SYS_ioctl, terminal, TIOCSCTTY, 0));
}

long clone_tool(ToolStart& start) {
  unsigned long flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD;
  if (start.locked_view) flags |= CLONE_NEWUSER;
  if (start.locked_view && init.mount_lock == MountLock::kSecondNamespace) flags |= CLONE_NEWNS;
  // glibc's clone(2) wrapper switches the stack and nothing else; CLONE_VFORK keeps us from running beside the child.
  const int child = ::clone(run_tool_process, tool_stack.data() + tool_stack.size(), static_cast<int>(flags), &start,
                            &init.tool_pidfd);
  return child < 0 ? -errno : child;
}

void start_tool() {
  take_terminal();
  ToolStart start{init.plan,
                  &init.received,
                  &init.order,
                  init.control,
                  init.proc,
                  wanted(Layer::kLockedView),
                  init.saved_signal_mask,
                  SetupStep::kStartTool,
                  0};
  long child = clone_tool(start);
  if (child < 0 && start.locked_view && (init.plan->required_layers & layer_bit(Layer::kLockedView)) == 0) {
    init.layer_errors[static_cast<std::size_t>(Layer::kLockedView)] = static_cast<std::int32_t>(-child);
    init.degraded |= layer_bit(Layer::kLockedView);
    start.locked_view = false;
    child = clone_tool(start);
  }
  if (child < 0) fail_step(start.locked_view ? SetupStep::kLockView : SetupStep::kStartTool, -child);
  if (start.error != 0) fail_step(start.step, start.error);
  // Killed before it could execute anything (for example by its own filter): no program ran, so it is a failure.
  if (start.step != SetupStep::kExec) fail_step(start.step, EINTR);
  init.tool = static_cast<int>(child);
}

void release_plan() {
  // From a template all sandboxes have the same memory, and unmapping it only costs time.
  if (init.mount_lock != MountLock::kOwner) raw_syscall(SYS_munmap, init.received.bytes, init.received.size);
  init.plan = nullptr;
  if (init.order.size > 0) raw_syscall(SYS_munmap, init.order.bytes, init.order.size);
  // The tool runs now: it must not be able to look into us through /proc (dumpable 0), should it ever get the chance.
  raw_syscall(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
  raw_syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

// Joins the tool's mount namespace, where every mount is locked. The one in which they were not goes away now, while
// the tool runs, instead of when somebody waits for its end. A tool that has ended already makes this fail, which does
// not matter then. Where trees may arrive later, init stays: only there it can attach them.
void join_locked_view() {
  if (init.mount_lock == MountLock::kOwner) return;
  if (wanted(Layer::kLockedView) && !init.late.possible()) raw_syscall(SYS_setns, init.tool_pidfd, CLONE_NEWNS);
}

void report_started() {
  InitReport report{};
  report.event = InitEvent::kStarted;
  // From a template many are made, and their broker speaks to the tool through init alone.
  send_report(report, init.mount_lock == MountLock::kOwner ? -1 : init.tool_pidfd);
}

// Keeps the control socket, and what trees that arrive later need; nothing else. Holding one of the tool's streams
// would make its reader wait for an end of file that cannot come; holding the view or the writable /proc would be power
// that is no longer needed.
void release_descriptors() {
  if (init.control != 0) {
    raw_syscall(SYS_dup3, init.control, 0, O_CLOEXEC);
    init.control = 0;
  }
  const long kept = init.late.possible() ? init.late.settle(1, init.tool_pidfd) : 1;
  if (kept < 0 || close_descriptors_from(static_cast<unsigned>(kept)) < 0)
    leave();  // an init that keeps what it should not have ends everything
}

// Ends what the tool left running, and waits until it is gone: the report then says that nothing in the sandbox runs
// any more, and nobody has to wait for the namespaces to be dismantled. Only as pid 1: elsewhere -1 means other
// people's processes.
void end_everything_else() {
  if (raw_syscall(SYS_getpid) != 1) return;
  // Every orphan of the namespace is our child: without one, nothing is left. To kill means to look at all processes.
  if (raw_syscall(SYS_wait4, -1, nullptr, WNOHANG | __WALL, nullptr) == -ECHILD) return;
  raw_syscall(SYS_kill, -1, SIGKILL);
  for (long child = 0; child >= 0 || child == -EINTR;) child = raw_syscall(SYS_wait4, -1, nullptr, __WALL, nullptr);
}

// Whether these are file systems of the sandbox's own the broker knows.
void look_at_scratch(const char* path, ScratchUse& use) {
  struct statfs found {};
  if (raw_syscall(SYS_statfs, path, &found) < 0) return;
  const auto block = static_cast<std::uint64_t>(found.f_bsize);
  use = {found.f_blocks * block, found.f_bfree * block, found.f_ffree};
}

[[noreturn]] void report_exit(int status) {
  end_everything_else();
  InitReport report{};
  report.event = InitEvent::kExited;
  report.status = status;
  raw_syscall(SYS_getrusage, RUSAGE_CHILDREN, &report.usage);
  look_at_scratch("/tmp", report.tmp);
  look_at_scratch("/dev/shm", report.shm);
  send_report(report);
  leave();  // with it the kernel kills what is in this pid namespace and no child of ours
}

void reap() {
  for (;;) {
    int status = 0;
    const long child = raw_syscall(SYS_wait4, -1, &status, WNOHANG | WUNTRACED, nullptr);
    if (child <= 0) return;
    if (child != init.tool) continue;
    if (!WIFSTOPPED(status)) report_exit(status);
    if (init.pause.is_paused()) continue;  // our own doing, and taken back by the resume
    InitReport report{};
    report.event = InitEvent::kStopped;
    report.status = WSTOPSIG(status);
    send_report(report);
  }
}

// One message with at most one descriptor, which is -1 when none came.
long receive_request(TreeRequest& request, int& descriptor) {
  iovec part{&request, sizeof request};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> ancillary{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.data();
  message.msg_controllen = ancillary.size();
  const long got = raw_syscall(SYS_recvmsg, init.control, &message, MSG_CMSG_CLOEXEC);
  const cmsghdr* header = got > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(int)))
    __builtin_memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
  return got;
}

// Closes `mount` before it answers: as long as init has it open, init itself holds the tree.
void answer_tree_request(const TreeRequest& request, std::size_t received, int mount) {
  InitReport report{};
  const bool attach = request.head.command == InitCommand::kAttach;
  report.event = attach ? InitEvent::kAttached : InitEvent::kDetached;
  report.tree = request.id;
  long result = -EPROTO;
  if (is_whole(request, received))
    result = attach ? init.late.attach(request, mount) : init.late.detach(request, report.detach);
  if (mount >= 0) raw_syscall(SYS_close, mount);
  report.error = result < 0 ? static_cast<std::int32_t>(-result) : 0;
  send_report(report);
}

// A stop that came before the pause is reported as one; one that the pause made is not, however late it shows.
void pause_or_resume(InitCommand command) {
  reap();
  InitReport report{};
  report.event = command == InitCommand::kPause ? InitEvent::kPaused : InitEvent::kResumed;
  const long result = init.pause.obey(command, report.pause);
  report.error = result < 0 ? static_cast<std::int32_t>(-result) : 0;
  send_report(report);
}

void obey() {
  TreeRequest request{};
  int descriptor = -1;
  const long got = receive_request(request, descriptor);
  if (got == 0) leave();  // the broker closed its end: end everything
  if (got < static_cast<long>(sizeof request.head)) return;
  if (request.head.command == InitCommand::kAttach || request.head.command == InitCommand::kDetach)
    return answer_tree_request(request, static_cast<std::size_t>(got), descriptor);
  if (descriptor >= 0) raw_syscall(SYS_close, descriptor);
  if (request.head.command == InitCommand::kPause || request.head.command == InitCommand::kResume)
    return pause_or_resume(request.head.command);
  if (request.head.command == InitCommand::kSignal) raw_syscall(SYS_kill, -init.tool, request.head.signal);
}

[[noreturn]] void supervise() {
  const std::uint64_t child_signal = std::uint64_t{1} << (SIGCHLD - 1);
  const long signals = raw_syscall(SYS_signalfd4, -1, &child_signal, sizeof child_signal, SFD_CLOEXEC | SFD_NONBLOCK);
  // Where trees may arrive, init goes on attaching them.
  if (!init.late.possible() && narrow_init_to_supervising() < 0) leave();
  reap();
  for (;;) {
    std::array<pollfd, 2> ready{{{init.control, POLLIN, 0}, {static_cast<int>(signals), POLLIN, 0}}};
    raw_syscall(SYS_ppoll, ready.data(), ready.size(), nullptr, nullptr, 0);
    if (ready[1].revents != 0) {
      signalfd_siginfo info{};
      raw_syscall(SYS_read, signals, &info, sizeof info);
      reap();
    }
    if (ready[0].revents != 0) obey();
  }
}

}  // namespace

void run_init_process(int control, const InitOptions& options) {
  init.control = control;
  block_signals();
  die_with_broker();
  raw_syscall(SYS_setsid);  // out of the terminal's reach: its signals are for the front end
  make_namespaces(options);
  receive_plan();
  judge_layers();
  // Again, from the group that the broker has put us into: its name there is none of the tool's business.
  if (wanted(Layer::kControlGroup) && wanted(Layer::kCgroupNamespace)) (void)enter_cgroup_namespace();
  take_identity(options);
  if (wanted(Layer::kUtsNamespace))
    require(SetupStep::kHostName,
            set_host_name(init.received.bytes + init.plan->host_name.offset, init.plan->host_name.length));
  enter_view();
  start_tool();
  report_started();
  join_locked_view();
  release_plan();
  release_descriptors();
  supervise();
}

namespace init_parts {

void begin(int control, const InitOptions& options) {
  init.control = control;
  block_signals();
  writ::die_with_broker();
  raw_syscall(SYS_setsid);
  if (options.user_namespace == UserNamespaceStart::kSelfMapped)
    writ::require(SetupStep::kUserNamespace, map_own_identity(options.identity, SetgroupsRule::kDeny));
}

const ReceivedPlan& receive_plan(std::uint32_t magic, std::size_t head_size, const InitOptions& options) {
  const long got = receive_plan_message(init.control, InitCommand::kPlan, magic, head_size, init.received);
  if (got == 0) leave();
  writ::require(SetupStep::kReceivePlan, got);
  init.plan = reinterpret_cast<ChildPlan*>(init.received.bytes);
  take_identity(options);
  return init.received;
}

void require(SetupStep step, long result) { writ::require(step, result); }
void report_started() { writ::report_started(); }

void begin_made_sandbox(int control) {
  init.control = control;
  writ::die_with_broker();
  raw_syscall(SYS_setsid);
}

void run_made_sandbox(int proc, int ruleset) {
  init.proc = proc;
  init.mount_lock = MountLock::kOwner;
  if (init.plan->landlock_index >= 0)
    init.received.descriptors[static_cast<std::size_t>(init.plan->landlock_index)] = ruleset;
  writ::require(SetupStep::kHostName,
                set_host_name(init.received.bytes + init.plan->host_name.offset, init.plan->host_name.length));
  attach_proc();
  // Whoever maps uid 0 of the outer namespace into the second one needs a parent with this (user_namespaces(7)).
  writ::require(SetupStep::kCapabilities, keep_only_identity_authority());
  // The second identity map is written through /proc, whose files are the process's own only while it is dumpable.
  raw_syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
  start_tool();
  writ::require(SetupStep::kCapabilities, keep_no_capability());
  writ::report_started();
  release_plan();
  release_descriptors();
  supervise();
}

}  // namespace init_parts

}  // namespace writ
