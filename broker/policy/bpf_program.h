// Classic BPF as seccomp(2) takes it: plain data shared by the compiler, the interpreter and the loader. Pure.
#ifndef WRIT_BROKER_POLICY_BPF_PROGRAM_H_
#define WRIT_BROKER_POLICY_BPF_PROGRAM_H_

#include <linux/filter.h>

#include <cstddef>
#include <vector>

namespace writ {

// Instructions in kernel layout (sock_filter, linux/filter.h), ready for seccomp(SECCOMP_SET_MODE_FILTER).
using BpfProgram = std::vector<sock_filter>;

// BPF_MAXINSNS of linux/bpf_common.h: the kernel refuses longer programs.
inline constexpr std::size_t kBpfInstructionLimit = 4096;

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_BPF_PROGRAM_H_
