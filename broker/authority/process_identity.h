// ProcessIdentity: a name for one process that no later process has: number, start time, pid namespace and run of the
// kernel. For saying, after a crash, whether whoever began something can still be at it.
#ifndef WRIT_BROKER_AUTHORITY_PROCESS_IDENTITY_H_
#define WRIT_BROKER_AUTHORITY_PROCESS_IDENTITY_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/base/error.h"

namespace writ {

struct ProcessIdentity {
  std::string boot;                 // /proc/sys/kernel/random/boot_id
  std::uint64_t pid_namespace = 0;  // inode of /proc/self/ns/pid
  std::int64_t pid = 0;
  std::uint64_t start = 0;  // clock ticks after the boot, proc_pid_stat(5) field 22

  // Of the calling process. Error: /proc is not there.
  [[nodiscard]] static Result<ProcessIdentity> current();

  [[nodiscard]] std::string text() const;
  [[nodiscard]] static Result<ProcessIdentity> parse(std::string_view text);

  // Whether that process is certainly gone, as seen from `self`. One of another pid namespace cannot be seen, and is
  // taken to run as long as the kernel does.
  [[nodiscard]] bool is_gone(const ProcessIdentity& self) const;
};

}  // namespace writ

#endif  // WRIT_BROKER_AUTHORITY_PROCESS_IDENTITY_H_
