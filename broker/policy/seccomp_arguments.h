// The argument rules of the system call lists: what clone, socket, ioctl … may be called with. Pure, any thread.
#ifndef WRIT_BROKER_POLICY_SECCOMP_ARGUMENTS_H_
#define WRIT_BROKER_POLICY_SECCOMP_ARGUMENTS_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "broker/policy/profile.h"
#include "broker/policy/seccomp_model.h"
#include "broker/policy/syscall_table.h"

namespace writ {

struct ArgumentRule {
  std::vector<ArgumentConjunction> allow_if;  // empty: always allowed
  std::uint16_t denied_errno = 1;
};

// Which form of a rule applies where a base has its own (clone, sendto).
enum class RuleForm : std::uint8_t { kStandard, kStrict };

// Returns the rule behind `check`, as validate_model() wants it. `process` decides about socket families.
[[nodiscard]] ArgumentRule argument_rule(ArgumentCheck check, const ProcessPolicy& process, RuleForm form);

// A constant of the kernel's interface that a rule lets through.
struct NamedValue {
  std::uint32_t value;
  std::string_view name;
};

// The lists behind kIoctl, kFcntl and kPrctl, sorted by value; for documentation and tests.
[[nodiscard]] std::span<const NamedValue> allowed_ioctls();
[[nodiscard]] std::span<const NamedValue> allowed_fcntls();
[[nodiscard]] std::span<const NamedValue> allowed_prctls();

// The value itself is absent from every list by construction of the tables; kept here so that tests can name them.
[[nodiscard]] std::span<const NamedValue> dangerous_ioctls();

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_SECCOMP_ARGUMENTS_H_
