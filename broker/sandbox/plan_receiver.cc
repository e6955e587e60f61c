#include "broker/sandbox/plan_receiver.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>

#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

// Takes the descriptors out of `message`; anything unexpected is a broken broker.
bool take_descriptors(msghdr& message, std::size_t first, std::array<int, kPlanDescriptorLimit>& descriptors) {
  std::size_t count = first;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return false;
    const std::size_t sent = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    if (count + sent > descriptors.size()) return false;
    __builtin_memcpy(descriptors.data() + count, CMSG_DATA(header), sent * sizeof(int));
    count += sent;
  }
  return count > first && (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) == 0;
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

// What came in the message is ours already, nobody else can change it.
long use_inline(char* bytes, std::size_t size, std::uint32_t magic, std::size_t head_size, ReceivedPlan& received) {
  PlanHead head{};
  if (size < sizeof head) return -EPROTO;
  __builtin_memcpy(&head, bytes, sizeof head);
  if (head.magic != magic || head.size < head_size || head.size != size) return -EPROTO;
  received.bytes = bytes;
  received.size = 0;
  return 1;
}

}  // namespace

long receive_plan_message(int control, InitCommand command, std::uint32_t magic, std::size_t head_size,
                          ReceivedPlan& received) {
  alignas(16) static std::array<char, kInlineOrderLimit> rest;
  InitRequest request{};
  std::array<iovec, 2> parts{{{&request, sizeof request}, {rest.data(), rest.size()}}};
  alignas(cmsghdr) static std::array<char, CMSG_SPACE(sizeof(int) * kPlanDescriptorLimit)> ancillary;
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = ancillary.data();
  message.msg_controllen = ancillary.size();
  const long got = raw_syscall(SYS_recvmsg, control, &message, MSG_CMSG_CLOEXEC);
  if (got <= 0) return got;
  if (got < static_cast<long>(sizeof request) || request.command != command) return -EPROTO;
  const std::size_t inline_size = static_cast<std::size_t>(got) - sizeof request;
  if (!take_descriptors(message, inline_size > 0 ? 1 : 0, received.descriptors)) return -EPROTO;
  if (inline_size > 0) return use_inline(rest.data(), inline_size, magic, head_size, received);
  return map_memory(magic, head_size, received);
}

}  // namespace writ
