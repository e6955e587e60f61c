#include "broker/kernel/cgroup_namespace.h"

#include <sched.h>

#include "broker/kernel/raw_syscall.h"

namespace writ {

long enter_cgroup_namespace() { return raw_syscall(SYS_unshare, CLONE_NEWCGROUP); }

}  // namespace writ
