#include "broker/primitives/command_starter.h"

#include <poll.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>
#include <utility>

#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kAnswerLimit{10};

// What nobody waits for any more.
void end_run(const UniqueFd& pidfd) {
  if (!pidfd.valid()) return;
  (void)raw_syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
  siginfo_t information{};
  while (::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd.get()), &information, WEXITED) != 0 &&
         errno == EINTR) {
  }
}

// The answer to `request`, where it is there. Answers to earlier requests, which were given up, are put right.
std::optional<LaunchedCommand> take_answer(CommandLauncher& launcher, std::uint64_t request) {
  while (launcher.poll_descriptor() >= 0) {
    auto launched = launcher.receive();
    if (!launched || launched->request == request) return launched;
    end_run(launched->pidfd);
  }
  return std::nullopt;
}

}  // namespace

LaunchedCommandStarter::~LaunchedCommandStarter() { (void)take_answer(launcher_, 0); }

Result<UniqueFd> LaunchedCommandStarter::start(const std::vector<std::string>& arguments,
                                               const std::array<int, 3>& streams) {
  WRIT_ASSIGN(const std::uint64_t request, launcher_.launch(arguments, streams));
  const auto until = Clock::now() + kAnswerLimit;
  for (;;) {
    auto launched = take_answer(launcher_, request);
    if (launched && launched->error != 0) return fail_errno(launched->error, "cannot start a run");
    if (launched) return std::move(launched->pidfd);
    if (launcher_.poll_descriptor() < 0) return fail("the launcher of commands has ended");
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return fail("the launcher of commands does not answer");
    pollfd entry{launcher_.poll_descriptor(), POLLIN, 0};
    (void)::poll(&entry, 1, static_cast<int>(left));
  }
}

}  // namespace writ
