#include "broker/kernel/network_namespace.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "broker/kernel/raw_syscall.h"

namespace writ {

long enter_network_namespace() { return raw_syscall(SYS_unshare, CLONE_NEWNET); }

long bring_up_loopback() {
  const long control = raw_syscall(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (control < 0) return control;
  ifreq request{};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  const long result = raw_syscall(SYS_ioctl, control, SIOCSIFFLAGS, &request);
  raw_syscall(SYS_close, control);
  return result;
}

}  // namespace writ
