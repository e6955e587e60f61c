// jit.propose, jit.validate, jit.register, and the calls of what was registered (broker/jit/jit_registry.h).
//
//   jit.propose   {name, description, language, source, input_schema?, tests?: [{arguments, expected}],
//                  requested_capabilities?} → {candidate}
//   jit.validate  {candidate} → {valid, problems: […]}
//   jit.register  {candidate} → {tool}
//
// None of them needs authority: a tool made at run time can do nothing that its session could not do without it.
#ifndef WRIT_BROKER_PRIMITIVES_JIT_PRIMITIVES_H_
#define WRIT_BROKER_PRIMITIVES_JIT_PRIMITIVES_H_

#include <functional>
#include <string>
#include <string_view>

#include "broker/base/json_text.h"
#include "broker/jit/jit_registry.h"
#include "broker/primitives/jit_tool.h"
#include "broker/primitives/primitive.h"

namespace writ {

struct JitContext {
  JitRegistry& registry;
  JitRuntime runtime;
  // Which names of tools are taken, beside those of the registry.
  std::function<bool(std::string_view name)> is_taken;
};

// Errors: kInvalidArguments (the static limits; a requested capability), kLimit (candidates of the session).
[[nodiscard]] PrimitiveResult jit_propose(JitContext& context, const JsonObject& arguments);

// Runs the tests, with the effects that their calls have. A problem is a sentence about the tool's own doing. Errors:
// kInvalidArguments, kNotFound; kUnavailable and kCancelled end it, and nothing is validated.
[[nodiscard]] PrimitiveResult jit_validate(JitContext& context, const JsonObject& arguments);

// Errors: kInvalidArguments, kNotFound, kConflict (not validated), kExists (the name is taken).
[[nodiscard]] PrimitiveResult jit_register(JitContext& context, const JsonObject& arguments);

// Calls the registered tool `tool`; its result is the value. Errors: kUnknownName; kInvalidArguments (not as the input
// schema has them); kFailed: the tool says that it failed, its words are in the detail; those of run_jit().
[[nodiscard]] PrimitiveResult call_jit_tool(JitContext& context, const std::string& tool, const JsonObject& arguments);

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_JIT_PRIMITIVES_H_
