// The filter that lets a broker see which paths and addresses a tool names. It decides nothing: every trapped call is
// answered with "go on", and what the tool may do is the matter of the sandbox's real filter, which stands beside this
// one (of two filters the stricter answer counts: seccomp(2)). Pure; any thread.
#ifndef WRIT_BROKER_LEARNING_OBSERVATION_FILTER_H_
#define WRIT_BROKER_LEARNING_OBSERVATION_FILTER_H_

#include "broker/policy/bpf_program.h"

namespace writ {

// Returns a program that notifies for the calls of path_calls.h on this architecture and allows everything else. Calls
// that act on a descriptor itself (AT_EMPTY_PATH) and sends without an address are not trapped: they name nothing.
// Foreign architectures are allowed here and refused by the sandbox's own filter.
[[nodiscard]] BpfProgram make_observation_filter();

}  // namespace writ

#endif  // WRIT_BROKER_LEARNING_OBSERVATION_FILTER_H_
