// PrimitiveDispatcher: from the name of a request to the primitive. One table; what is not in it does not exist.
//
// Ownership: everything in PrimitiveContexts is borrowed. Threads: one; a primitive may wait (for a command, a person,
// the clock), and the caller with it.
#ifndef WRIT_BROKER_PRIMITIVES_PRIMITIVE_DISPATCHER_H_
#define WRIT_BROKER_PRIMITIVES_PRIMITIVE_DISPATCHER_H_

#include <string>
#include <string_view>

#include "broker/primitives/capability_primitives.h"
#include "broker/primitives/clock_primitives.h"
#include "broker/primitives/filesystem_read.h"
#include "broker/primitives/human_primitives.h"
#include "broker/primitives/jit_primitives.h"
#include "broker/primitives/memory_primitives.h"
#include "broker/primitives/network_primitives.h"
#include "broker/primitives/primitive.h"
#include "broker/primitives/shell_run.h"

namespace writ {

// How a session ended by the word of its own tools (process.exit).
struct SessionExit {
  enum class State : std::uint8_t { kRunning, kExited, kFailed };
  State state = State::kRunning;
  std::string message;  // raw bytes
};

struct PrimitiveContexts {
  FilesystemContext filesystem;
  ShellContext shell;
  ClockContext clock;
  HumanContext human;
  CapabilityContext capability;
  MemoryContext memory;
  JitContext jit;
  NetworkContext network;
  SessionExit exit;
};

// Errors: kUnknownName; those of the primitive.
[[nodiscard]] PrimitiveResult dispatch_primitive(PrimitiveContexts& contexts, std::string_view name,
                                                 const JsonObject& arguments);

// While something else than the caller of the session is waited for, `descriptor` (borrowed) becoming readable ends the
// waiting; -1: nothing does.
void set_cancel_descriptor(PrimitiveContexts& contexts, int descriptor);

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_PRIMITIVE_DISPATCHER_H_
