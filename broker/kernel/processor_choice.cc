#include "broker/kernel/processor_choice.h"

#include <array>
#include <climits>
#include <cstddef>

#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

constexpr std::size_t kWordBits = sizeof(unsigned long) * CHAR_BIT;
constexpr std::size_t kMostProcessors = 8192;  // CONFIG_NR_CPUS of the largest distribution kernels

}  // namespace

void start_beside_caller(pid_t child) {
  std::array<unsigned long, kMostProcessors / kWordBits> all{};
  const long size = raw_syscall(SYS_sched_getaffinity, 0, sizeof all, all.data());
  unsigned here = 0;
  if (size <= 0 || raw_syscall(SYS_getcpu, &here, nullptr, nullptr) < 0 || here >= kMostProcessors) return;
  auto others = all;
  others[here / kWordBits] &= ~(1UL << (here % kWordBits));
  // Refused (EINVAL) when no other processor is left. The second call widens the set again and moves nobody.
  if (raw_syscall(SYS_sched_setaffinity, child, size, others.data()) < 0) return;
  raw_syscall(SYS_sched_setaffinity, child, size, all.data());
}

}  // namespace writ
