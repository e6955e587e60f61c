#include "broker/kernel/process_limits.h"

#include <sys/resource.h>

#include "broker/kernel/raw_syscall.h"

namespace writ {

long set_process_limit(const ProcessLimit& limit) {
  rlimit current{};
  const long got = raw_syscall(SYS_prlimit64, 0, limit.resource, nullptr, &current);
  if (got < 0) return got;
  // Limits only tighten: a host that is stricter than the profile keeps its say.
  const rlim_t value = limit.value < current.rlim_max ? limit.value : current.rlim_max;
  const rlimit wanted{value, value};
  return raw_syscall(SYS_prlimit64, 0, limit.resource, &wanted, nullptr);
}

}  // namespace writ
