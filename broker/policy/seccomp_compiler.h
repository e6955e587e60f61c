// SeccompModel → classic BPF. Pure, deterministic: equal models give equal programs.
//
// Layout: architecture, x32, then a binary search over runs of numbers with the same verdict. Calls without an argument
// rule touch nothing but the number, so that the kernel can keep them in its allow bitmap (seccomp_cache_prepare, Linux
// 5.11) and never runs the program for them. Loading costs what the search is long: the kernel tries every number once.
#ifndef WRIT_BROKER_POLICY_SECCOMP_COMPILER_H_
#define WRIT_BROKER_POLICY_SECCOMP_COMPILER_H_

#include "broker/policy/bpf_program.h"
#include "broker/policy/seccomp_model.h"

namespace writ {

// Errors: the model does not pass validate_model(); the program would be longer than kBpfInstructionLimit.
[[nodiscard]] Result<BpfProgram> compile_seccomp_model(const SeccompModel& model);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_SECCOMP_COMPILER_H_
