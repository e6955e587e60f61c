#include "broker/kernel/seccomp_notify.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>

#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

// The numbers in kernel_abi.h are those of the structures that we are compiled with.
static_assert(abi::kSeccompNotifyReceive == SECCOMP_IOCTL_NOTIF_RECV);
static_assert(abi::kSeccompNotifySend == SECCOMP_IOCTL_NOTIF_SEND);

constexpr int kErrnoLimit = 4095;  // MAX_ERRNO: a larger one would reach the caller as a value

// ENOENT: the caller was killed. EINPROGRESS: it has its answer already.
bool is_gone(long result) { return result == -ENOENT || result == -EINPROGRESS; }

seccomp_notif_addfd describe(std::uint64_t id, const AddedDescriptor& added) {
  seccomp_notif_addfd request{};
  request.id = id;
  request.flags = added.at ? abi::kSeccompAddDescriptorSet : 0;
  request.srcfd = static_cast<__u32>(added.source);
  request.newfd = static_cast<__u32>(added.at.value_or(0));
  request.newfd_flags = added.close_on_exec ? O_CLOEXEC : 0;
  return request;
}

// An interrupted one is withdrawn by the kernel, unless it was done.
long add(int listener, const seccomp_notif_addfd& request) {
  long result = -EINTR;
  for (int tries = 0; tries < 100 && result == -EINTR; ++tries)
    result = raw_syscall(SYS_ioctl, listener, abi::kSeccompNotifyAddDescriptor, &request);
  return result;
}

}  // namespace

Result<SeccompListener> SeccompListener::adopt(UniqueFd listener) {
  seccomp_notif_sizes sizes{};
  const long asked = raw_syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes);
  if (asked < 0) return fail_errno(static_cast<int>(-asked), "cannot find the size of seccomp notifications");
  return SeccompListener(std::move(listener), std::max<std::size_t>(sizes.seccomp_notif, sizeof(seccomp_notif)),
                         std::max<std::size_t>(sizes.seccomp_notif_resp, sizeof(seccomp_notif_resp)));
}

Result<std::optional<Notification>> SeccompListener::receive() {
  std::fill(request_.begin(), request_.end(), std::byte{0});  // the kernel insists: EINVAL otherwise
  const long result = raw_syscall(SYS_ioctl, listener_.get(), abi::kSeccompNotifyReceive, request_.data());
  if (result == -ENOENT || result == -EINTR || result == -EAGAIN) return std::nullopt;
  if (result < 0) return fail_errno(static_cast<int>(-result), "cannot receive a call of the tool");
  seccomp_notif received{};
  std::memcpy(&received, request_.data(), sizeof received);
  return Notification{received.id, static_cast<pid_t>(received.pid), received.data};
}

bool SeccompListener::id_valid(std::uint64_t id) const {
  long result = raw_syscall(SYS_ioctl, listener_.get(), abi::kSeccompNotifyIdValid, &id);
  if (result == -EINVAL || result == -ENOTTY)
    result = raw_syscall(SYS_ioctl, listener_.get(), abi::kSeccompNotifyIdValidWrongWay, &id);
  return result == 0;
}

Result<Delivery> SeccompListener::answer(const seccomp_notif_resp& response) const {
  std::vector<std::byte> bytes(response_size_);
  std::memcpy(bytes.data(), &response, sizeof response);
  long result = -EINTR;
  while (result == -EINTR) result = raw_syscall(SYS_ioctl, listener_.get(), abi::kSeccompNotifySend, bytes.data());
  if (is_gone(result)) return Delivery::kCallerGone;
  if (result < 0) return fail_errno(static_cast<int>(-result), "cannot answer a call of the tool");
  return Delivery::kDelivered;
}

Result<Delivery> SeccompListener::answer_value(std::uint64_t id, std::int64_t value) const {
  if (value < 0) return fail("a call cannot be answered with a negative value");
  seccomp_notif_resp response{};
  response.id = id;
  response.val = value;
  return answer(response);
}

Result<Delivery> SeccompListener::answer_errno(std::uint64_t id, int error) const {
  if (error < 1 || error > kErrnoLimit) return fail("a call cannot fail with errno " + std::to_string(error));
  seccomp_notif_resp response{};
  response.id = id;
  response.error = -error;  // a positive one would come back as a value
  return answer(response);
}

Result<Delivery> SeccompListener::answer_continue(std::uint64_t id) const {
  seccomp_notif_resp response{};
  response.id = id;
  response.flags = abi::kSeccompNotifyContinue;
  return answer(response);
}

// Not in one step (SECCOMP_ADDFD_FLAG_SEND): Linux, up to 6.18 at least, marks the call as answered before its caller
// has taken the descriptor. When the broker is stopped, frozen or suspended just then, the descriptor is withdrawn, and
// the call returns 0: the caller's standard input instead of its file. In two steps nothing is lost, and nothing comes
// between them: the caller waits for the answer and can only be killed (WAIT_KILLABLE_RECV).
Result<Delivery> SeccompListener::answer_descriptor(std::uint64_t id, const AddedDescriptor& added) const {
  WRIT_ASSIGN(const std::optional<int> number, add_descriptor(id, added));
  if (!number) return Delivery::kCallerGone;
  return answer_value(id, *number);
}

Result<std::optional<int>> SeccompListener::add_descriptor(std::uint64_t id, const AddedDescriptor& added) const {
  const long result = add(listener_.get(), describe(id, added));
  if (is_gone(result)) return std::nullopt;
  if (result < 0) return fail_errno(static_cast<int>(-result), "cannot hand a descriptor to the tool");
  return static_cast<int>(result);
}

void SeccompListener::wake_synchronously() const {
  (void)raw_syscall(SYS_ioctl, listener_.get(), abi::kSeccompNotifySetFlags, abi::kSeccompSyncWakeUp);
}

}  // namespace writ
