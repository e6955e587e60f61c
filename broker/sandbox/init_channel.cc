#include "broker/sandbox/init_channel.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>

#include "broker/kernel/raw_syscall.h"

namespace writ {

long send_init_report(int socket, const InitReport& report, int descriptor) {
  iovec part{const_cast<InitReport*>(&report), sizeof report};  // NOLINT: sendmsg(2) only reads it
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (descriptor >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    __builtin_memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  return raw_syscall(SYS_sendmsg, socket, &message, MSG_NOSIGNAL);
}

}  // namespace writ
