// The filter that lets a broker see which paths and addresses a tool names. It decides nothing: every trapped call is
// answered with "go on", and what the tool may do is the matter of the view and of the sandbox's static filter. Pure.
#ifndef WRIT_BROKER_LEARNING_OBSERVATION_FILTER_H_
#define WRIT_BROKER_LEARNING_OBSERVATION_FILTER_H_

#include <vector>

#include "broker/base/error.h"
#include "broker/policy/bpf_program.h"
#include "broker/policy/listener_filter.h"

namespace writ {

// The calls of path_calls.h that this architecture has. Calls on a descriptor itself (AT_EMPTY_PATH) and sends without
// an address are not trapped: they name nothing. execveat is always, as compile_listener_filter() wants it.
[[nodiscard]] std::vector<TrappedCall> observed_calls();

[[nodiscard]] Result<BpfProgram> make_observation_filter();

}  // namespace writ

#endif  // WRIT_BROKER_LEARNING_OBSERVATION_FILTER_H_
