#include "broker/sandbox/plan_receiver.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>

#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

// Takes the descriptors out of `message`; anything unexpected is a broken broker.
bool take_descriptors(msghdr& message, std::array<int, kPlanDescriptorLimit>& descriptors) {
  std::size_t count = 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return false;
    const std::size_t sent = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    if (count + sent > descriptors.size()) return false;
    __builtin_memcpy(descriptors.data() + count, CMSG_DATA(header), sent * sizeof(int));
    count += sent;
  }
  return count > 0 && (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) == 0;
}

long map_memory(std::uint32_t magic, std::size_t head_size, ReceivedPlan& received) {
  PlanHead head{};
  const int memory = received.descriptors[0];
  const long got = raw_syscall(SYS_pread64, memory, &head, sizeof head, 0);
  if (got != static_cast<long>(sizeof head) || head.magic != magic || head.size < head_size) return -EPROTO;
  const long mapped = raw_syscall(SYS_mmap, nullptr, head.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, memory, 0);
  if (mapped > -4096 && mapped < 0) return mapped;
  received.bytes = reinterpret_cast<char*>(mapped);  // NOLINT(performance-no-int-to-ptr): mmap's answer, raw
  received.size = head.size;
  return 1;
}

}  // namespace

long receive_plan_message(int control, InitCommand command, std::uint32_t magic, std::size_t head_size,
                          ReceivedPlan& received) {
  InitRequest request{};
  iovec part{&request, sizeof request};
  alignas(cmsghdr) static std::array<char, CMSG_SPACE(sizeof(int) * kPlanDescriptorLimit)> ancillary;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.data();
  message.msg_controllen = ancillary.size();
  const long got = raw_syscall(SYS_recvmsg, control, &message, MSG_CMSG_CLOEXEC);
  if (got <= 0) return got;
  if (request.command != command || !take_descriptors(message, received.descriptors)) return -EPROTO;
  return map_memory(magic, head_size, received);
}

}  // namespace writ
