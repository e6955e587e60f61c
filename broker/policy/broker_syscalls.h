// The system calls that Writ's own processes still make once a tool runs. Pure, any thread.
//
// The broker's are an allow-list: what any program may call in the base `standard`, without everything that starts
// programs, changes identities, takes capabilities or makes memory executable, and with what only a broker does. Why
// this one: `standard` is what compilers, interpreters and databases run under, so the rare paths of the C and C++
// libraries, of SQLite and of the cryptographic library are in it. What is not listed is an error, not death: a broker
// that a wrong list killed would take its tool with it.
//
// The helpers' is a list of refusals, because what they start inherits it: the spawner's inits and their tools, and the
// nested runs of the launcher of commands.
#ifndef WRIT_BROKER_POLICY_BROKER_SYSCALLS_H_
#define WRIT_BROKER_POLICY_BROKER_SYSCALLS_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/policy/bpf_program.h"
#include "broker/policy/seccomp_model.h"
#include "broker/policy/syscall_numbers.h"

namespace writ {

// What a broker makes for its tools while they run.
enum class BrokerSandboxes : std::uint8_t {
  kNoMore,  // the one sandbox is there
  kMore,    // views and rulesets for further ones; their processes come from the spawner
};

enum class BrokerSockets : std::uint8_t {
  kNone,      // those it has, and pairs
  kInternet,  // TCP connections and ports that rules allow
};

// Whose identity the broker takes for files (acting_identity.h).
enum class BrokerFiles : std::uint8_t { kOwn, kToolsToo };

struct BrokerSyscallNeeds {
  BrokerSandboxes sandboxes = BrokerSandboxes::kNoMore;
  BrokerSockets sockets = BrokerSockets::kNone;
  BrokerFiles files = BrokerFiles::kOwn;
};

// Errors: those of validate_model(), which only a wrong table could cause; an unsupported architecture.
[[nodiscard]] Result<SeccompModel> broker_syscall_model(const BrokerSyscallNeeds& needs,
                                                        std::uint32_t audit_arch = kNativeAuditArch);

// What no process of Writ, no init and no tool of any profile ever calls: sorted by name.
[[nodiscard]] std::vector<std::string_view> never_called_syscalls();

// A filter that refuses these with EPERM, and lets everything else pass. Errors: an unsupported architecture.
[[nodiscard]] Result<BpfProgram> compile_never_called_filter(std::uint32_t audit_arch = kNativeAuditArch);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_BROKER_SYSCALLS_H_
