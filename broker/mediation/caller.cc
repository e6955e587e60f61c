#include "broker/mediation/caller.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fstream>

#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

// pidfd_open(2) takes processes, not threads (PIDFD_THREAD came with 6.9).
pid_t process_of(pid_t thread) {
  std::ifstream status("/proc/" + std::to_string(thread) + "/status");
  constexpr std::string_view kField = "Tgid:";
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(kField)) return static_cast<pid_t>(std::atol(line.c_str() + kField.size()));
  return 0;
}

}  // namespace

std::string caller_link(pid_t thread, const char* name) {
  std::array<char, PATH_MAX> target{};
  const std::string path = "/proc/" + std::to_string(thread) + "/" + name;
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
  return std::string(target.data(), length <= 0 ? 0 : static_cast<std::size_t>(length));
}

Result<UniqueFd> open_caller(pid_t thread) {
  const pid_t process = process_of(thread);
  if (process <= 0) return fail_errno(ESRCH, "the caller is gone");
  const long opened = raw_syscall(SYS_pidfd_open, process, 0);
  if (opened < 0) return fail_errno(static_cast<int>(-opened), "cannot hold the caller");
  return UniqueFd(static_cast<int>(opened));
}

Result<UniqueFd> take_descriptor(int process, int number) {
  const long taken = raw_syscall(SYS_pidfd_getfd, process, number, 0);
  if (taken == -EBADF) return UniqueFd();
  if (taken < 0) return fail_errno(static_cast<int>(-taken), "cannot take a stream of the caller");
  return UniqueFd(static_cast<int>(taken));
}

}  // namespace writ
