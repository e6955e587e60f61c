#include "broker/kernel/descriptor_table.h"

#include <sys/resource.h>

#include <cerrno>

#include "broker/kernel/raw_syscall.h"

namespace writ {

long close_descriptors_one_by_one(unsigned first) {
  rlimit limit{};
  const long got = raw_syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, &limit);
  if (got < 0) return got;
  // The soft limit may be below descriptors opened earlier; the hard one may be huge but bounds them all.
  for (unsigned long fd = first; fd < limit.rlim_max; ++fd) raw_syscall(SYS_close, fd);
  return 0;
}

long close_descriptors_from(unsigned first) {
  const long closed = raw_syscall(SYS_close_range, first, ~0u, 0);
  return closed == -ENOSYS ? close_descriptors_one_by_one(first) : closed;
}

void make_room_for_descriptors(int number) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > static_cast<rlim_t>(number)) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace writ
