#include "broker/kernel/uts_namespace.h"

#include <sched.h>

#include "broker/kernel/raw_syscall.h"

namespace writ {

long enter_uts_namespace() { return raw_syscall(SYS_unshare, CLONE_NEWUTS); }

long set_host_name(const char* name, std::size_t length) { return raw_syscall(SYS_sethostname, name, length); }

}  // namespace writ
