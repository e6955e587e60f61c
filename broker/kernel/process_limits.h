// Resource limits of one process (setrlimit(2)), set between clone and exec.
#ifndef WRIT_BROKER_KERNEL_PROCESS_LIMITS_H_
#define WRIT_BROKER_KERNEL_PROCESS_LIMITS_H_

#include <cstdint>

namespace writ {

struct ProcessLimit {
  std::int32_t resource;  // RLIMIT_*
  std::uint64_t value;    // soft and hard limit
};

// Sets soft and hard limit of the calling process; a hard limit that is already lower stays. Raw; returns 0 or -errno.
[[nodiscard]] long set_process_limit(const ProcessLimit& limit);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_PROCESS_LIMITS_H_
