#include "broker/kernel/feature_probe.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "broker/base/unique_fd.h"

namespace writ {
namespace {

ProbeReport no_report(const char* why) {
  return {.state = FeatureState::kUnavailable, .system_errno = 0, .value = 0, .step = why};
}

[[noreturn]] void run_probe_child(ProbeFunction probe, const ProbeContext& context, int report_fd) {
  // A probe must not outlive the process that asked, whatever it hangs on.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const ProbeReport report = probe(context);
  // Less than PIPE_BUF: written in one piece or not at all; a missing report is seen by the parent as end of file.
  const bool told = ::write(report_fd, &report, sizeof report) == sizeof report;
  ::_exit(told ? 0 : 1);
}

// Waits for the report on `fd`.
ProbeReport receive_report(int fd, std::chrono::milliseconds deadline) {
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  int ready = 0;
  do {
    ready = ::poll(&waiting, 1, static_cast<int>(deadline.count()));
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) return no_report("the attempt hung and was given up");
  ProbeReport report;
  if (::read(fd, &report, sizeof report) != sizeof report) return no_report("the attempt was killed by the host");
  return report;
}

bool has_system_administrator() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return false;
  return (sets[0].effective & (1u << CAP_SYS_ADMIN)) != 0;
}

void format_identity_map(std::array<char, 64>& map, unsigned id) {
  std::snprintf(map.data(), map.size(), "%u %u 1\n", id, id);
}

}  // namespace

ProbeReport probe_failed(const char* step) {
  return {.state = FeatureState::kUnavailable, .system_errno = errno, .value = 0, .step = step};
}

ProbeReport run_probe(ProbeFunction probe, const ProbeContext& context, std::chrono::milliseconds deadline) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return probe_failed("make a pipe for the attempt");
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return probe_failed("fork a process for the attempt");
  if (child == 0) run_probe_child(probe, context, write_end.get());
  write_end.reset();
  const ProbeReport report = receive_report(read_end.get(), deadline);
  // The child has told what it had to tell, or never will. It is ours and not yet waited for: the number is still its.
  ::kill(child, SIGKILL);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return report;
}

ProbeContext make_probe_context() {
  ProbeContext context;
  context.privilege = has_system_administrator() ? Privilege::kSystemAdministrator : Privilege::kOrdinary;
  format_identity_map(context.uid_map, ::geteuid());
  format_identity_map(context.gid_map, ::getegid());
  return context;
}

}  // namespace writ
