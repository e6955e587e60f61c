// What is refused of a tool made at run time before any of it runs. Pure; any thread.
#ifndef WRIT_BROKER_JIT_JIT_LIMITS_H_
#define WRIT_BROKER_JIT_JIT_LIMITS_H_

#include "broker/base/error.h"
#include "broker/jit/jit_candidate.h"

namespace writ {

// Errors: the first limit that the draft breaks (jit_candidate.h), a schema outside of the subset (json_schema.h), and
// any requested capability: what a tool may do is never for the tool to say.
[[nodiscard]] Status check_jit_draft(const JitDraft& draft);

// Errors: the arguments are not as the schema has them; with the place.
[[nodiscard]] Status check_jit_arguments(const JitDraft& draft, const JsonObject& arguments);

}  // namespace writ

#endif  // WRIT_BROKER_JIT_JIT_LIMITS_H_
