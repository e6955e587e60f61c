// A second opinion: the same allow-list built by libseccomp. Two independent compilers that agree on every probe are
// better evidence than one. Costs one to two milliseconds: done once for each new filter (seccomp_cache.h).
#ifndef WRIT_BROKER_KERNEL_SECCOMP_ORACLE_H_
#define WRIT_BROKER_KERNEL_SECCOMP_ORACLE_H_

#include "broker/policy/bpf_program.h"
#include "broker/policy/seccomp_model.h"

namespace writ {

// Builds the model's allow-list with libseccomp (everything else EPERM, wrong architecture and x32 killed), exported
// through a memory file. Errors: libseccomp's, with the system call's name; a model that libseccomp cannot express (the
// same argument tested twice in one conjunction). Any thread; nothing is installed.
[[nodiscard]] Result<BpfProgram> build_with_libseccomp(const SeccompModel& model);

// Numbers first (check_numbers_with_libseccomp()), then allowed or not allowed: `program` and libseccomp's must say the
// same on every probe (which errno is the model's business, and checked by check_program_against_model()). Errors:
// those of the two functions; the first probe on which the programs differ.
[[nodiscard]] Status compare_with_oracle(const SeccompModel& model, const BpfProgram& program);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_SECCOMP_ORACLE_H_
