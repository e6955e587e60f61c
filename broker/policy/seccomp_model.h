// SeccompModel: what a profile says about system calls, as data that can be evaluated, compiled and compared. Pure.
//
// The model is an allow-list. A system call that is not listed, and every listed one whose arguments pass none of its
// `allow_if` alternatives, gets an errno; foreign architectures and the x32 ABI are killed before any rule.
// Threads: immutable data; any number of readers.
#ifndef WRIT_BROKER_POLICY_SECCOMP_MODEL_H_
#define WRIT_BROKER_POLICY_SECCOMP_MODEL_H_

#include <linux/seccomp.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/policy/profile.h"

namespace writ {

// The bit that marks an x32 call on x86-64 (__X32_SYSCALL_BIT of asm/unistd.h).
inline constexpr std::uint32_t kX32Bit = 0x40000000u;

// Passes when (low 32 bits of the argument & mask) is one of `values`. Only the low half is compared because the kernel
// truncates int arguments after the filter ran (CVE-2019-10063).
struct ArgumentTest {
  std::uint8_t argument = 0;  // 0…5
  std::uint32_t mask = 0xFFFFFFFFu;
  std::vector<std::uint32_t> values;  // sorted, unique, not empty, no bit outside `mask`

  bool operator==(const ArgumentTest&) const = default;
};

// Every test of a conjunction must pass.
using ArgumentConjunction = std::vector<ArgumentTest>;

struct SyscallRule {
  std::uint32_t number = 0;
  std::string_view name;                      // static storage
  std::vector<ArgumentConjunction> allow_if;  // empty: always allowed; else allowed when one alternative passes
  std::uint16_t denied_errno = 1;             // EPERM when no alternative passes
};

// A system call that fails with an errno of its own choosing instead of `unlisted_errno` (clone3: ENOSYS …).
struct SyscallRefusal {
  std::uint32_t number = 0;
  std::uint16_t denied_errno = 38;
};

struct SeccompModel {
  std::uint32_t audit_arch = 0;          // AUDIT_ARCH_* of linux/audit.h
  std::vector<SyscallRule> rules;        // sorted by number, unique
  std::vector<SyscallRefusal> refusals;  // sorted by number, unique, disjoint from rules
  std::uint32_t newest_known = 0;        // numbers above it get ENOSYS; none of them is listed
  std::uint16_t unlisted_errno = 1;      // EPERM
};

// Returns the SECCOMP_RET_* value that the model gives for `call`: the reference that compiled programs are checked
// against. The model must pass validate_model().
[[nodiscard]] std::uint32_t evaluate(const SeccompModel& model, const seccomp_data& call);

// The part of evaluate() that comes after the architecture and the number: SECCOMP_RET_ALLOW or the rule's errno.
[[nodiscard]] std::uint32_t evaluate_rule(const SyscallRule& rule, const seccomp_data& call);

// The verdict for a number that no rule lists: a refusal's errno, ENOSYS above `newest_known`, else `unlisted_errno`.
[[nodiscard]] std::uint32_t evaluate_unlisted(const SeccompModel& model, std::uint32_t number);

// True when calls with kX32Bit exist on the model's architecture and are to be killed.
[[nodiscard]] bool has_x32(const SeccompModel& model);

// Errors: rules or refusals out of order, twice or in both lists; a number above `newest_known`, or one (or a
// `newest_known`) that reaches kX32Bit; an argument above 5; a test
// without values, with unsorted values or with values outside its mask; an errno outside 1…4095 (the kernel would cap
// or drop it: seccomp(2)).
[[nodiscard]] Status validate_model(const SeccompModel& model);

// Returns the complete content of the model as bytes: equal bytes mean equal models. Used as the key of the filter
// cache, so that no table can change without changing the key.
[[nodiscard]] std::vector<std::byte> model_bytes(const SeccompModel& model);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_SECCOMP_MODEL_H_
