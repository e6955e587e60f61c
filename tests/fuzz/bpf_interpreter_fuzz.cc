// Any bytes are a program or an error: validate() and interpret() agree, the interpreter ends, nothing is read outside.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "broker/policy/bpf_disassembler.h"
#include "broker/policy/bpf_interpreter.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  seccomp_data call{};
  const std::size_t head = size < sizeof(call) ? size : sizeof(call);
  if (head > 0) std::memcpy(&call, data, head);
  writ::BpfProgram program((size - head) / sizeof(sock_filter));
  if (!program.empty()) std::memcpy(program.data(), data + head, program.size() * sizeof(sock_filter));
  const bool valid = writ::validate(program).has_value();
  const auto verdict = writ::interpret(program, call);
  if (!valid && verdict.has_value()) std::abort();
  if (writ::disassemble(program).empty() != program.empty()) std::abort();
  return 0;
}
