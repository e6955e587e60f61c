#include "broker/sandbox/init_filter.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "broker/kernel/raw_syscall.h"
#include "broker/policy/syscall_numbers.h"

namespace writ {
namespace {

constexpr auto kCalls = std::to_array<long>({
    SYS_ppoll,
    SYS_read,
    SYS_wait4,
    SYS_recvmsg,
    SYS_sendmsg,
    SYS_close,
    SYS_exit_group,
    SYS_kill,
    SYS_getpid,
    SYS_getrusage,
    SYS_statfs,
    // Pausing looks at every process of the sandbox (process_pause.h).
    SYS_openat,
    SYS_getdents64,
    SYS_lseek,
    SYS_readlinkat,
    SYS_nanosleep,
    SYS_clock_gettime,
#ifdef SYS_open
    SYS_open,
#endif
});

constexpr std::uint32_t kX32Calls = 0x40000000u;
constexpr std::size_t kHead = 4;
constexpr std::size_t kLength = kHead + kCalls.size() + 3;

// architecture, number, x32; then one comparison for each call; then refuse, allow, kill.
constexpr std::array<sock_filter, kLength> make_filter() {
  std::array<sock_filter, kLength> filter{};
  const auto distance = [](std::size_t from, std::size_t to) { return static_cast<std::uint8_t>(to - from - 1); };
  constexpr std::size_t kRefuse = kLength - 3, kAllow = kLength - 2, kKill = kLength - 1;
  filter[0] = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
  filter[1] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kNativeAuditArch, 0, distance(1, kKill));
  filter[2] = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
  filter[3] = BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kX32Calls, distance(3, kKill), 0);
  for (std::size_t i = 0; i < kCalls.size(); ++i) {
    const std::size_t here = kHead + i;
    filter[here] =
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(kCalls[i]), distance(here, kAllow), 0);
  }
  filter[kRefuse] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
  filter[kAllow] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  filter[kKill] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  return filter;
}

constexpr std::array<sock_filter, kLength> kFilter = make_filter();

}  // namespace

long narrow_init_to_supervising() {
  // The kernel's structure lacks a const that the kernel keeps: it only copies from there.
  const sock_fprog program{kLength, const_cast<sock_filter*>(kFilter.data())};
  return raw_syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

std::span<const long> supervising_calls() { return kCalls; }

}  // namespace writ
