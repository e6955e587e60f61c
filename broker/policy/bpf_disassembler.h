// BPF as text, one instruction a line, for golden tests, `--dry-run` and people. Pure, any thread.
#ifndef WRIT_BROKER_POLICY_BPF_DISASSEMBLER_H_
#define WRIT_BROKER_POLICY_BPF_DISASSEMBLER_H_

#include <string>

#include "broker/policy/bpf_program.h"

namespace writ {

// "   2 if A & 0x40000000 goto 236 else 3": absolute targets, words of seccomp_data by name. Unknown operations appear
// as numbers; the program need not be valid.
[[nodiscard]] std::string disassemble(const BpfProgram& program);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_BPF_DISASSEMBLER_H_
