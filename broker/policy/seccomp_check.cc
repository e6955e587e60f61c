#include "broker/policy/seccomp_check.h"

#include <cstdio>
#include <string>

#include "broker/policy/bpf_interpreter.h"

namespace writ {
namespace {

std::string hex(std::uint64_t value) {
  char text[24];
  const int length = std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(value));
  return std::string(text, static_cast<std::size_t>(length));
}

// What evaluate() says, with the rule looked up beforehand by the probes: the sweep stays linear.
std::uint32_t expected_verdict(const SeccompModel& model, const seccomp_data& call, const SyscallRule* rule) {
  if (rule != nullptr) return evaluate_rule(*rule, call);
  const auto number = static_cast<std::uint32_t>(call.nr);
  const bool killed = call.arch != model.audit_arch || (has_x32(model) && (number & kX32Bit) != 0);
  return killed ? SECCOMP_RET_KILL_PROCESS : evaluate_unlisted(model, number);
}

tl::unexpected<Error> differs(const seccomp_data& call, std::uint64_t found, std::uint32_t expected) {
  return fail("the compiled system call filter is not the profile's: for " + describe_call(call) + " it answers " +
                  hex(found) + " instead of " + hex(expected),
              "this is a bug in Writ, or a damaged file; nothing was started");
}

}  // namespace

std::string describe_call(const seccomp_data& call) {
  std::string text = "number " + std::to_string(static_cast<std::uint32_t>(call.nr)) + " with arguments";
  for (const auto argument : call.args) text.append(" ").append(hex(argument));
  return text.append(" on architecture ").append(hex(call.arch));
}

Status check_program_against_model(const BpfProgram& program, const SeccompModel& model, ProbeDepth depth) {
  WRIT_TRY(validate_model(model));
  WRIT_ASSIGN(const ValidatedProgram validated, ValidatedProgram::make(program));
  Status status;
  for_each_probe(model, depth, [&](const seccomp_data& call, const SyscallRule* rule) {
    const std::uint64_t found = validated.run(call);
    const std::uint32_t expected = expected_verdict(model, call, rule);
    if (found == expected) return true;
    status = differs(call, found, expected);
    return false;
  });
  return status;
}

}  // namespace writ
