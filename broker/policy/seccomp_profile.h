// From a profile's `syscalls` and `process` sections to the SeccompModel. Pure, any thread.
#ifndef WRIT_BROKER_POLICY_SECCOMP_PROFILE_H_
#define WRIT_BROKER_POLICY_SECCOMP_PROFILE_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/policy/profile.h"
#include "broker/policy/seccomp_model.h"
#include "broker/policy/syscall_numbers.h"

namespace writ {

// Returns the model for the architecture `audit_arch` (AUDIT_ARCH_X86_64 or AUDIT_ARCH_AARCH64).
// Errors: a name in `allow` or `deny` that nobody knows (with a suggestion); a name in `allow` that no profile may have
// (with the reason); an unsupported architecture. A name that exists only on another architecture is no error: profiles
// are portable, and the call cannot be made here.
// Naming a call of the list in `allow` gives it with its argument rule: `allow: [clone]` on the strict base lifts
// "threads only", never the ban on new namespaces. `deny` wins over everything.
[[nodiscard]] Result<SeccompModel> build_seccomp_model(const SyscallPolicy& policy, const ProcessPolicy& process,
                                                       std::uint32_t audit_arch = kNativeAuditArch);

// The part of the errors above that needs no architecture: for the profile loader, which knows file:line:column.
// Returns what is wrong with `name` as an entry of `syscalls.allow` (or `deny`), or nothing.
enum class SyscallList : std::uint8_t { kAllow, kDeny };
[[nodiscard]] std::optional<Error> syscall_name_problem(std::string_view name, SyscallList list);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_SECCOMP_PROFILE_H_
