// RequestOwner: the process that waits for a request, such that anybody can find out later whether it still does. A
// process number alone would be another process's after a while; with the time of its start and the boot it is not.
//
// Reads /proc. Any thread.
#ifndef WRIT_BROKER_REQUESTS_REQUEST_OWNER_H_
#define WRIT_BROKER_REQUESTS_REQUEST_OWNER_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "broker/base/error.h"

namespace writ {

struct RequestOwner {
  std::int64_t pid = 0;
  std::int64_t start = 0;     // field 22 of /proc/PID/stat (proc(5)): clock ticks since the boot
  std::string boot;           // /proc/sys/kernel/random/boot_id
  std::string pid_namespace;  // "pid:[4026531836]": where the number counts
};

enum class OwnerState : std::uint8_t {
  kAlive,
  kGone,
  kUnknown,  // of another pid namespace, or not to be seen from here
};

// The calling process. Error: /proc is not there.
[[nodiscard]] Result<RequestOwner> request_owner_of_this_process();

[[nodiscard]] OwnerState owner_state(const RequestOwner& owner);

}  // namespace writ

#endif  // WRIT_BROKER_REQUESTS_REQUEST_OWNER_H_
