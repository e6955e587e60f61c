#include "broker/kernel/ipc_namespace.h"

#include <sched.h>

#include "broker/kernel/raw_syscall.h"

namespace writ {

long enter_ipc_namespace() { return raw_syscall(SYS_unshare, CLONE_NEWIPC); }

}  // namespace writ
