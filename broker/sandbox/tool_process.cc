#include "broker/sandbox/tool_process.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "broker/kernel/capabilities.h"
#include "broker/kernel/descriptor_table.h"
#include "broker/kernel/landlock.h"
#include "broker/kernel/raw_syscall.h"
#include "broker/kernel/seccomp_loader.h"
#include "broker/sandbox/init_channel.h"

namespace writ {
namespace {

const ToolOrder& order_of(const ToolStart& start) { return *reinterpret_cast<ToolOrder*>(start.order->bytes); }

int received(const ReceivedPlan& message, std::int32_t index) {
  return index < 0 ? -1 : message.descriptors[static_cast<std::size_t>(index)];
}

bool wants(const ChildPlan& plan, Layer layer) { return (plan.layers & layer_bit(layer)) != 0; }

long lock_view(const ToolStart& start) {
  if (!start.locked_view) return 0;
  const IdentityMap& outer = start.plan->identity;
  const IdentityMap inner{start.plan->tool_uid, outer.inside_uid, start.plan->tool_gid, outer.inside_gid};
  const long mapped = write_identity_map(start.proc, "self", inner, SetgroupsRule::kDeny);
  // Nothing needs our own /proc files any more. The memory is still init's, so this closes init to the tool before the
  // tool exists; the program gets memory of its own with execve(2).
  if (mapped >= 0) raw_syscall(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
  return mapped;
}

// With a terminal: a foreground process group of its own in init's session. Every signal is still blocked, SIGTTOU too,
// so that TIOCSPGRP from the background is allowed (tcsetpgrp(3)). Without one: a session of its own, no terminal at
// all.
long make_session(const ToolStart& start) {
  if (start.plan->terminal != TerminalRole::kControlling) return raw_syscall(SYS_setsid);
  if (const long result = raw_syscall(SYS_setpgid, 0, 0); result < 0) return result;
  const auto group = static_cast<int>(raw_syscall(SYS_getpid));
  return raw_syscall(SYS_ioctl, received(*start.received, start.plan->terminal_index), TIOCSPGRP, &group);
}

// A working directory outside the view would be a descriptor nobody granted: getcwd says "(unreachable)" then
// (CVE-2024-21626), so what it says must begin with a slash.
long enter_working_directory(const ToolStart& start) {
  if (const long result = raw_syscall(SYS_chdir, start.received->bytes + start.plan->working_directory.offset);
      result < 0)
    return result;
  std::array<char, 4096> path{};
  if (const long result = raw_syscall(SYS_getcwd, path.data(), path.size()); result < 0) return result;
  return path[0] == '/' ? 0 : -ENOENT;
}

// With a user namespace init has switched already, before it assembled the view.
long take_identity(const ToolStart& start) {
  if (wants(*start.plan, Layer::kUserNamespace)) return 0;
  const IdentityMap& identity = start.plan->identity;
  if (raw_syscall(SYS_geteuid) != 0) return 0;
  if (const long result = raw_syscall(SYS_setgroups, 0, nullptr); result < 0) return result;
  const std::uint32_t gid = identity.outside_gid;
  if (const long result = raw_syscall(SYS_setresgid, gid, gid, gid); result < 0) return result;
  const std::uint32_t uid = identity.outside_uid;
  return raw_syscall(SYS_setresuid, uid, uid, uid);
}

long drop_capabilities(const ToolStart& start) {
  const long result = drop_every_capability();
  // Without a user namespace an ordinary user may not touch its bounding set (EPERM) and has nothing in the other sets;
  // no_new_privs, set next, makes the bounding set irrelevant.
  if (result == -EPERM && !wants(*start.plan, Layer::kUserNamespace)) return 0;
  return result;
}

long set_no_new_privileges(const ToolStart&) { return raw_syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

// Opens the program in the tool's own, locked mount namespace, and only if it is what the broker decided on. The
// broker's descriptor belongs to a mount that goes away: through it, /proc/self/exe would lead out of the view (and
// Landlock, where it handles reading, would refuse it).
long open_program(const ToolStart& start, int decided) {
  const char* path = start.order->bytes + order_of(start).program_path.offset;
  const long opened = raw_syscall(SYS_openat, AT_FDCWD, path, O_PATH | O_CLOEXEC, 0);
  if (opened < 0) return opened;
  struct stat ours {};
  struct stat theirs {};
  const bool looked = raw_syscall(SYS_newfstatat, opened, "", &ours, AT_EMPTY_PATH) == 0 &&
                      raw_syscall(SYS_newfstatat, decided, "", &theirs, AT_EMPTY_PATH) == 0;
  if (looked && ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino) return opened;
  raw_syscall(SYS_close, opened);
  return -ESTALE;
}

struct HelperDescriptors {
  int program = -1;
  int ruleset = -1;
  int control = -1;  // only where there is a listener to hand over
};

long lift(int fd, int& lifted) {
  const long result = raw_syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, kLiftedDescriptors);
  if (result >= 0) lifted = static_cast<int>(result);
  return result;
}

// Moves a helper to the first number that no grant has, and counts on. It closes on exec at the latest.
long settle(int& helper, unsigned& next) {
  if (helper < 0) return 0;
  const long result = raw_syscall(SYS_dup3, helper, next, O_CLOEXEC);
  if (result < 0) return result;
  helper = static_cast<int>(next++);
  return 0;
}

// Puts the program at the one number that the filter lets be executed, and closes everything else from `next` on.
long set_apart(HelperDescriptors& helpers, unsigned number, unsigned next) {
  if (const long r = raw_syscall(SYS_dup3, helpers.program, number, O_CLOEXEC); r < 0) return r;
  helpers.program = static_cast<int>(number);
  if (raw_syscall(SYS_close_range, next, number - 1, 0) < 0)  // before Linux 5.9
    for (unsigned other = next; other < number; ++other) raw_syscall(SYS_close, other);
  return close_descriptors_from(number + 1);
}

// Puts each granted descriptor at its number, and closes what lies between two of them: it was not granted.
long place_grants(const ToolOrder& order, const std::array<int, kPlanGrantLimit>& lifted, unsigned& next) {
  for (std::uint32_t i = 0; i < order.descriptor_count; ++i) {
    const auto number = static_cast<unsigned>(order.descriptors[i].number);
    if (number > next)
      if (const long r = raw_syscall(SYS_close_range, next, number - 1, 0); r < 0 && r != -ENOSYS) return r;
    // Without O_CLOEXEC: surviving the exec is what makes it a grant.
    if (const long r = raw_syscall(SYS_dup3, lifted[i], number, 0); r < 0) return r;
    next = number + 1;
  }
  return 0;
}

// A person's limit of open files may be below the numbers that are used on the way: for that way alone it is raised, as
// far as the hard limit lets it.
class RoomForDescriptors {
 public:
  RoomForDescriptors() {
    if (raw_syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, &before_) < 0) return;
    if (before_.rlim_cur >= kOpenFilesForStart || before_.rlim_max <= before_.rlim_cur) return;
    const rlimit raised{std::min<rlim_t>(before_.rlim_max, kOpenFilesForStart), before_.rlim_max};
    raised_ = raw_syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &raised, nullptr) == 0;
  }
  RoomForDescriptors(const RoomForDescriptors&) = delete;
  RoomForDescriptors& operator=(const RoomForDescriptors&) = delete;
  ~RoomForDescriptors() {
    if (raised_) raw_syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &before_, nullptr);
  }

 private:
  rlimit before_{};
  bool raised_ = false;
};

// Leaves exactly the plan's descriptors, plus the helpers above them (which close on exec or earlier).
long arrange_descriptors(const ToolStart& start, HelperDescriptors& helpers) {
  const ToolOrder& order = order_of(start);
  const RoomForDescriptors room;
  std::array<int, kPlanGrantLimit> lifted{};
  for (std::uint32_t i = 0; i < order.descriptor_count; ++i)
    if (const long r = lift(received(*start.order, order.descriptors[i].index), lifted[i]); r < 0) return r;
  const long program = open_program(start, received(*start.order, order.program_index));
  if (program < 0) return program;
  if (const long r = lift(static_cast<int>(program), helpers.program); r < 0) return r;
  if (start.plan->landlock_index >= 0)
    if (const long r = lift(received(*start.received, start.plan->landlock_index), helpers.ruleset); r < 0) return r;
  if (order.listener_filter.length > 0)
    if (const long r = lift(start.control, helpers.control); r < 0) return r;

  unsigned next = 0;  // first number not yet settled
  if (const long r = place_grants(order, lifted, next); r < 0) return r;
  for (int* helper : {&helpers.ruleset, &helpers.control})
    if (const long r = settle(*helper, next); r < 0) return r;
  if (order.program_number >= 0) return set_apart(helpers, static_cast<unsigned>(order.program_number), next);
  if (const long r = settle(helpers.program, next); r < 0) return r;
  return close_descriptors_from(next);
}

long set_limits(const ToolStart& start) {
  for (std::uint32_t i = 0; i < start.plan->limit_count; ++i)
    if (const long result = set_process_limit(start.plan->limits[i]); result < 0) return result;
  return 0;
}

long restrict_with_landlock(int ruleset) {
  if (ruleset < 0) return 0;
  const long result = restrict_self_with_landlock(ruleset);
  raw_syscall(SYS_close, ruleset);  // the tool has no use for the ruleset itself
  return result;
}

void offsets_to_pointers(char* bytes, PlanRange vector) {
  auto* entries = reinterpret_cast<std::uint64_t*>(bytes + vector.offset);
  for (std::uint32_t i = 0; i < vector.length; ++i) entries[i] += reinterpret_cast<std::uint64_t>(bytes);
}

// Waits for what shall run. Before the descriptors are arranged, because the socket is closed there.
long receive_order(const ToolStart& start) {
  const long got =
      receive_plan_message(start.control, InitCommand::kOrder, kToolOrderMagic, sizeof(ToolOrder), *start.order);
  if (got == 0) return -ECONNRESET;  // the broker is gone, or decided against the launch
  if (got < 0) return got;
  offsets_to_pointers(start.order->bytes, order_of(start).arguments);
  offsets_to_pointers(start.order->bytes, order_of(start).environment);
  return 0;
}

sock_fprog filter_program(const ReceivedPlan& message, PlanRange range) {
  // seccomp(2) only reads the program, its structure merely lacks the const; our private copy is writable memory.
  return {static_cast<unsigned short>(range.length), reinterpret_cast<sock_filter*>(message.bytes + range.offset)};
}

long install_filter(const ToolStart& start) {
  if (!wants(*start.plan, Layer::kSeccomp)) return 0;
  if (start.plan->filter.length > 0) return install_seccomp_filter(filter_program(*start.received, start.plan->filter));
  return install_seccomp_filter(filter_program(*start.order, order_of(start).filter));
}

// Whoever holds a listener answers for the broker, so this process keeps none: the only copy is the one in the message,
// and when that cannot be sent, nothing is executed. The socket goes as well: through it the tool could talk to the
// broker as if it were init.
long hand_over_listener(int listener, int control) {
  InitReport report{};
  report.event = InitEvent::kListener;
  const long sent = send_init_report(control, report, listener);
  raw_syscall(SYS_close, listener);
  raw_syscall(SYS_close, control);
  return sent < 0 ? sent : 0;
}

void restore_signal_mask(const ToolStart& start) {
  raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &start.saved_signal_mask, nullptr, sizeof start.saved_signal_mask);
}

[[noreturn]] void leave(ToolStart& start, long result) {
  start.error = -result;
  for (;;) raw_syscall(SYS_exit_group, 125);
}

using Step = long (*)(const ToolStart&);
struct NumberedStep {
  SetupStep number;
  Step run;
};

// Order: the maps of the second user namespace before anything that needs an identity there; the session before the
// descriptors, because the terminal is still at its received number; capabilities after everything that needs one;
// no_new_privs before Landlock and seccomp, which require it without capabilities.
constexpr std::array<NumberedStep, 7> kStepsBeforeDescriptors = {{
    {SetupStep::kLockView, lock_view},
    {SetupStep::kSession, make_session},
    {SetupStep::kWorkingDirectory, enter_working_directory},
    {SetupStep::kToolIdentity, take_identity},
    {SetupStep::kCapabilities, drop_capabilities},
    {SetupStep::kNoNewPrivileges, set_no_new_privileges},
    {SetupStep::kReceiveOrder, receive_order},
}};

void do_step(ToolStart& start, SetupStep step, long result) {
  if (result < 0) {
    start.step = step;
    leave(start, result);
  }
}

}  // namespace

int run_tool_process(void* argument) {
  ToolStart& start = *static_cast<ToolStart*>(argument);
  for (const NumberedStep& step : kStepsBeforeDescriptors) {
    start.step = step.number;
    do_step(start, step.number, step.run(start));
  }
  HelperDescriptors helpers;
  start.step = SetupStep::kDescriptors;
  do_step(start, SetupStep::kDescriptors, arrange_descriptors(start, helpers));
  // After the descriptors: a small limit of open files must not stand in the way of arranging them.
  start.step = SetupStep::kLimits;
  do_step(start, SetupStep::kLimits, set_limits(start));
  start.step = SetupStep::kLandlock;
  do_step(start, SetupStep::kLandlock, restrict_with_landlock(helpers.ruleset));
  restore_signal_mask(start);
  if (order_of(start).listener_filter.length > 0) {
    // Before the static filter, which refuses to make listeners. What the listener filter traps waits for the broker
    // from here on; what follows is never among it, except execveat (listener_filter.h).
    start.step = SetupStep::kListener;
    const long listener = install_seccomp_listener(filter_program(*start.order, order_of(start).listener_filter));
    do_step(start, SetupStep::kListener, listener);
    start.step = SetupStep::kHandOver;
    do_step(start, SetupStep::kHandOver, hand_over_listener(static_cast<int>(listener), helpers.control));
  }
  // The filter comes last: from here on only what the profile allows is possible, execveat included.
  start.step = SetupStep::kSeccomp;
  do_step(start, SetupStep::kSeccomp, install_filter(start));
  start.step = SetupStep::kExec;
  const long result =
      raw_syscall(SYS_execveat, helpers.program, "", start.order->bytes + order_of(start).arguments.offset,
                  start.order->bytes + order_of(start).environment.offset, AT_EMPTY_PATH);
  leave(start, result);
}

}  // namespace writ
