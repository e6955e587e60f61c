// Is this BPF program the filter that the model describes? Pure, any thread.
#ifndef WRIT_BROKER_POLICY_SECCOMP_CHECK_H_
#define WRIT_BROKER_POLICY_SECCOMP_CHECK_H_

#include "broker/policy/bpf_program.h"
#include "broker/policy/seccomp_model.h"
#include "broker/policy/seccomp_probes.h"

namespace writ {

// Runs `program` on the probes of seccomp_probes.h and compares every answer with the model's. kStart is made for every
// launch. Errors: a program that validate() refuses; the first call on which program and model differ.
[[nodiscard]] Status check_program_against_model(const BpfProgram& program, const SeccompModel& model,
                                                 ProbeDepth depth = ProbeDepth::kStart);

// "number 16 with arguments 0x0 0x5412 … on architecture 0xc000003e", for messages.
[[nodiscard]] std::string describe_call(const seccomp_data& call);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_SECCOMP_CHECK_H_
