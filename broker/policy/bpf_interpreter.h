// A strict interpreter of classic BPF as seccomp(2) runs it (kernel/seccomp.c, seccomp_check_filter). It refuses what
// the kernel refuses, so a program that passes here and is refused there, or the other way round, is a bug. Pure, any
// thread.
#ifndef WRIT_BROKER_POLICY_BPF_INTERPRETER_H_
#define WRIT_BROKER_POLICY_BPF_INTERPRETER_H_

#include <linux/seccomp.h>

#include <cstdint>

#include "broker/base/error.h"
#include "broker/policy/bpf_program.h"

namespace writ {

// Errors: an empty or overlong program, an unknown operation, a jump past the end, a load that is misaligned or outside
// seccomp_data, a scratch cell that does not exist, division or modulo by a constant zero, a shift by 32 or more, a
// last instruction that is no return. Jumps are forward by construction, so a valid program ends.
[[nodiscard]] Status validate(const BpfProgram& program);

// Returns the SECCOMP_RET_* value of `program` for `call`. Errors: those of validate(); a division by a zero in X and a
// read of a scratch cell that was never written (the kernel answers 0, which would kill: never meant).
[[nodiscard]] Result<std::uint32_t> interpret(const BpfProgram& program, const seccomp_data& call);

// A program that passed validate() once, to be run many times without checking it again. Borrows the program.
class ValidatedProgram {
 public:
  // Errors: those of validate(). `program` must outlive the result and stay unchanged.
  [[nodiscard]] static Result<ValidatedProgram> make(const BpfProgram& program);

  // As interpret(), without the checks that validate() made. Errors are told by kBroken, which is no SECCOMP_RET_*
  // value.
  [[nodiscard]] std::uint64_t run(const seccomp_data& call) const;
  static constexpr std::uint64_t kBroken = ~std::uint64_t{0};

 private:
  explicit ValidatedProgram(const BpfProgram& program) : program_(&program) {}
  const BpfProgram* program_;
};

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_BPF_INTERPRETER_H_
