// SeccompListener: the supervising end of a seccomp filter (seccomp_unotify(2)): receives the calls that the filter
// answered with USER_NOTIF, and answers them. Whoever holds a listener decides, so it has one owner: the broker.
//
// Ownership: owns the descriptor. Threads: receive() by one thread at a time; the answers may come from any. Fork: a
// child of the broker must close its copy; as long as one is open, callers wait instead of getting ENOSYS.
#ifndef WRIT_BROKER_KERNEL_SECCOMP_NOTIFY_H_
#define WRIT_BROKER_KERNEL_SECCOMP_NOTIFY_H_

#include <linux/seccomp.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

// One call that waits for an answer.
struct Notification {
  std::uint64_t id = 0;  // valid until answered or until the caller dies
  pid_t thread = 0;      // thread id of the caller in our pid namespace; 0: not visible here, which means "deny"
  seccomp_data call{};   // number and raw arguments; what pointers point to can change at any time
};

// What became of an answer.
enum class Delivery : std::uint8_t {
  kDelivered,
  kCallerGone,  // ENOENT: the caller died, or EINPROGRESS: somebody answered before. Nothing is wrong.
};

// A descriptor to be put into the caller's table.
struct AddedDescriptor {
  int source = -1;            // borrowed
  std::optional<int> at;      // SETFD: replaces this number, as dup2(2); else the lowest free one
  bool close_on_exec = true;  // of the new number; not taken from the source
};

class SeccompListener {
 public:
  // Takes over the descriptor that install_seccomp_listener() made. Errors: a kernel whose structures are unknown here.
  [[nodiscard]] static Result<SeccompListener> adopt(UniqueFd listener);

  SeccompListener(SeccompListener&&) noexcept = default;
  SeccompListener& operator=(SeccompListener&&) noexcept = default;

  // Takes the next waiting call. Poll descriptor() first: older kernels block here whatever O_NONBLOCK says. Nothing
  // when the caller was killed in the meantime (ENOENT) or a signal came (EINTR): both are routine.
  [[nodiscard]] Result<std::optional<Notification>> receive();

  // True while the caller still waits for the answer to `id`. What was read about a caller (by its thread id, which may
  // have been recycled) belongs to it only if this is true afterwards.
  [[nodiscard]] bool id_valid(std::uint64_t id) const;

  // The call returns `value`, which must not be negative.
  [[nodiscard]] Result<Delivery> answer_value(std::uint64_t id, std::int64_t value) const;
  // The call fails with the positive `error` (1…4095).
  [[nodiscard]] Result<Delivery> answer_errno(std::uint64_t id, int error) const;
  // The kernel makes the call, with arguments that it reads anew. Never a grant: whoever asks for it says why the call
  // may do whatever it then turns out to be.
  [[nodiscard]] Result<Delivery> answer_continue(std::uint64_t id) const;

  // Puts a descriptor into the caller's table and answers with its number. Errors: EMFILE at the caller's limit; the
  // call is then still to be answered.
  [[nodiscard]] Result<Delivery> answer_descriptor(std::uint64_t id, const AddedDescriptor& added) const;
  // The same without an answer, for calls that return something else (connect). Returns the number in the caller.
  [[nodiscard]] Result<std::optional<int>> add_descriptor(std::uint64_t id, const AddedDescriptor& added) const;

  // Lets broker and caller wake each other on the same processor (Linux 6.6). A hint: an older kernel is no error.
  void wake_synchronously() const;

  [[nodiscard]] int descriptor() const { return listener_.get(); }

 private:
  SeccompListener(UniqueFd listener, std::size_t request_size, std::size_t response_size)
      : listener_(std::move(listener)), request_(request_size), response_size_(response_size) {}
  [[nodiscard]] Result<Delivery> answer(const seccomp_notif_resp& response) const;

  UniqueFd listener_;
  std::vector<std::byte> request_;  // as large as this kernel's structure
  std::size_t response_size_;
};

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_SECCOMP_NOTIFY_H_
