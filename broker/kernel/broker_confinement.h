// BrokerConfinement: what Writ's own process gives up once a tool runs, before it serves a byte that came from there.
//
// A broker that is taken over by what it reads still has the person's rights. Confinement takes away what those rights
// could be used for and a broker never does: starting programs, tracing, new capabilities and namespaces, executable
// memory, sockets, interfaces of the kernel with a history. docs/threat-model.md says what is left.
//
// Order: capabilities, Landlock, seccomp, because each step needs calls that the next ones refuse. It cannot be undone
// and counts for every thread (seccomp) or for the calling one and those it starts (capabilities, Landlock): call it
// while there is one thread. Children inherit it: helpers that start programs are forked before.
#ifndef WRIT_BROKER_KERNEL_BROKER_CONFINEMENT_H_
#define WRIT_BROKER_KERNEL_BROKER_CONFINEMENT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/kernel/capabilities.h"
#include "broker/policy/broker_syscalls.h"

namespace writ {

// Landlock refuses every look into a process that is not in a domain beneath one's own (ptrace access mode,
// landlock(7)), and every change of mounts. A tool's domain is made before its broker's, so a broker that reads a
// tool's arguments cannot have one.
enum class BrokerLandlock : std::uint8_t {
  kPossible,
  kReadsTools,   // calls of the tool wait for the broker
  kMakesMounts,  // it assembles views
};

struct BrokerNeeds {
  BrokerStage stage = BrokerStage::kSupervising;
  BrokerSyscallNeeds calls;
  BrokerLandlock landlock = BrokerLandlock::kReadsTools;
  // Directories beneath which files may be made, written and removed; what does not exist is left out. Only with
  // kPossible. What is open already stays as it is.
  std::vector<std::string> writable;
};

struct BrokerConfinement {
  std::vector<std::string> capabilities;  // kept: "cap_kill" …
  std::size_t seccomp_instructions = 0;   // 0: no filter
  std::string no_seccomp;                 // why
  int landlock_abi = 0;                   // 0: not in force
  std::string no_landlock;                // why
};

// Also forgets the environment (argument_area.h), and makes the process non-dumpable and without core files. Errors: a
// step that the kernel refuses although it has the mechanism. The launch must not go on then.
[[nodiscard]] Result<BrokerConfinement> confine_broker(const BrokerNeeds& needs);

// For the small helper processes: refuses what nothing of Writ ever calls, also to everything that they start. Sets
// no_new_privs. Errors: a kernel without seccomp.
[[nodiscard]] Status confine_helper();

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_BROKER_CONFINEMENT_H_
