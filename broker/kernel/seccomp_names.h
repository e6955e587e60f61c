// What libseccomp knows about names and numbers. With seccomp_oracle.h the only door to the library. Any thread.
#ifndef WRIT_BROKER_KERNEL_SECCOMP_NAMES_H_
#define WRIT_BROKER_KERNEL_SECCOMP_NAMES_H_

#include <string>

#include "broker/policy/seccomp_model.h"

namespace writ {

// Compares the compiled-in numbers with libseccomp's: every rule's name must have exactly the rule's number on the
// model's architecture. Errors: a name that the library has never heard of (it would be skipped in silence elsewhere),
// or that has another number, or none, there.
[[nodiscard]] Status check_numbers_with_libseccomp(const SeccompModel& model);

// "libseccomp 2.5.4": part of the cache key and of reports.
[[nodiscard]] std::string libseccomp_version();

// libseccomp's API level (seccomp_api_get(3)): what library and running kernel can do together, for `writ doctor`.
// Makes probing system calls.
[[nodiscard]] unsigned libseccomp_api_level();

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_SECCOMP_NAMES_H_
