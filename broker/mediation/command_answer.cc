#include "broker/mediation/command_answer.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "broker/base/escape.h"
#include "broker/kernel/kernel_abi.h"
#include "broker/policy/command_call.h"

namespace writ {

Answer answer_with_text(int status, std::string_view text) {
  const std::string line = "writ: " + std::string(text) + "\n";
  int fd = ::memfd_create("writ-answer", MFD_CLOEXEC | MFD_ALLOW_SEALING | abi::kMfdNoexecSeal);
  if (fd < 0 && errno == EINVAL) fd = ::memfd_create("writ-answer", MFD_CLOEXEC | MFD_ALLOW_SEALING);  // before 6.3
  UniqueFd memory(fd);
  const bool written =
      memory.valid() && ::pwrite(memory.get(), line.data(), line.size(), 0) == static_cast<ssize_t>(line.size());
  // Sealed: the tool gets the descriptor, and shall not have a file to write to by it.
  if (written) ::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  if (!written) return AnswerValue{status};  // without words
  return AnswerBoth{std::move(memory), status + kCommandDescriptorStep, kCommandDescriptorStep};
}

std::string refusal_text(const CommandDecision& decision, const CommandRefusal& refusal) {
  std::string text = quote_bytes(refusal.program) + " may not be run like this: ";
  if (decision.rule == nullptr) return text + "no rule about it allows these arguments";
  text += "the rule '" + std::string(refusal.rule) + "' ";
  const bool asked = decision.effect == Effect::kAsk;
  text += asked ? "wants somebody to be asked" : "denies it";
  if (!decision.rule->reason.empty()) text += ": " + escape_bytes(decision.rule->reason);
  if (asked) text += "; the answer was no (" + std::string(refusal.answer) + ")";
  return text;
}

}  // namespace writ
