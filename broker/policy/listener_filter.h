// The listener program: which system calls wait for the broker (SECCOMP_RET_USER_NOTIF); all others pass. It narrows
// nothing by itself: the static filter (seccomp_compiler.h), installed after it, decides what exists at all. Pure.
#ifndef WRIT_BROKER_POLICY_LISTENER_FILTER_H_
#define WRIT_BROKER_POLICY_LISTENER_FILTER_H_

#include <cstdint>
#include <vector>

#include "broker/base/error.h"
#include "broker/policy/bpf_program.h"
#include "broker/policy/command_call.h"
#include "broker/policy/seccomp_model.h"
#include "broker/policy/syscall_numbers.h"

namespace writ {

enum class TrapScope : std::uint8_t {
  kAlways,
  kWhen,    // when one of the conjunctions passes
  kUnless,  // unless one of the conjunctions passes
};

// A call that waits for the broker. Conditions are about the low 32 bits of arguments, as in the model. A condition can
// only be about numbers: what a pointer points to is out of a filter's reach.
struct TrappedCall {
  std::uint32_t number = 0;
  TrapScope scope = TrapScope::kAlways;
  std::vector<ArgumentConjunction> conjunctions;
};

// Errors: a number that appears twice or reaches the x32 bit; `sendmsg`, `close` and `seccomp`, which the tool's
// process itself makes between the listener's beginning and the static filter: it would wait for ever; `execveat` with
// a condition (the first one is ours, and the broker must know whether it comes); a condition without conjunctions, or
// conjunctions without a condition; a program that would be too long.
//
// Another architecture, and x32, are ALLOWED here: the static filter kills them, and of the results of several filters
// the kill wins. Were they trapped, the broker would have to know their tables.
[[nodiscard]] Result<BpfProgram> compile_listener_filter(const std::vector<TrappedCall>& calls,
                                                         std::uint32_t audit_arch = kNativeAuditArch);

// Returns the static filter `program` with kCommandCall let through on `audit_arch`, and nothing else changed: the
// static filter answers unknown numbers with ENOSYS, which would win over the listener.
[[nodiscard]] BpfProgram allow_command_call(const BpfProgram& program, std::uint32_t audit_arch = kNativeAuditArch);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_LISTENER_FILTER_H_
