// The programs that run a tool made at run time inside of its sandbox, one for each language, and how they are started.
//
// A stub takes the tool's source and arguments from its standard input, moves that channel out of the tool's way, and
// runs it: what the tool prints goes to standard error. It has no authority and guards nothing: a tool that speaks on
// the channel itself is as far as before (jit_conversation.h). Pure; any thread.
//
//   python      def run(args, libos)
//               libos.syscall(name, args) → value; raises libos.Refused (code, correlation)
//   javascript  async function run(args, libos), of the script or module.exports.run
//               await libos.syscall(name, args) → value; throws LibosRefused (code, correlation)
//   shell       the script itself                $LIBOS_ARGUMENTS is the JSON text of the arguments (not exported);
//                                                `libos_syscall NAME JSON` prints the value as JSON text, status 0; or
//                                                the refusal {"code", "correlation"}, status 1; or nothing, status 2.
//                                                What the script prints is the result: JSON, or else text.
#ifndef WRIT_BROKER_JIT_JIT_STUB_H_
#define WRIT_BROKER_JIT_JIT_STUB_H_

#include <string>
#include <string_view>
#include <vector>

#include "broker/base/json_text.h"
#include "broker/jit/jit_candidate.h"

namespace writ {

// The command line of the interpreter with its stub. Nothing of the tool is in it: others can see command lines.
[[nodiscard]] std::vector<std::string> jit_stub_command(JitLanguage language);

// What the stub is sent first. Python and JavaScript: one line of JSON, {"run":{"source":…,"arguments":…}}. Shell,
// which cannot decode JSON: {"run":{"source_lines":N}}, a line with the arguments, and N lines with the source as it
// is.
[[nodiscard]] std::string jit_start_message(JitLanguage language, std::string_view source, const JsonObject& arguments);

}  // namespace writ

#endif  // WRIT_BROKER_JIT_JIT_STUB_H_
