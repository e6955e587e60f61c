// Assembles classic BPF from its end to its start. Classic BPF jumps only forward, so a jump's targets are complete
// when the jump is written, and every distance is known: offsets that do not fit 8 bits get a copy of the return they
// lead to, or an unconditional jump, exactly where needed. Pure; one instance is used by one thread.
#ifndef WRIT_BROKER_POLICY_BPF_ASSEMBLER_H_
#define WRIT_BROKER_POLICY_BPF_ASSEMBLER_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "broker/policy/bpf_program.h"

namespace writ {

class BackwardAssembler {
 public:
  // An instruction that was already written, counted from the end of the program.
  using Label = std::size_t;

  BackwardAssembler();

  // "return value": written anew only when the last one is too far away for a conditional jump.
  [[nodiscard]] Label return_value(std::uint32_t value);
  // "A = word at `offset` of seccomp_data; go on at `next`".
  [[nodiscard]] Label load(std::uint32_t offset, Label next);
  // "A = A & mask; go on at `next`".
  [[nodiscard]] Label mask(std::uint32_t mask, Label next);
  // "if (A <test> k) yes else no"; `test` is BPF_JEQ, BPF_JGE, BPF_JGT or BPF_JSET.
  [[nodiscard]] Label jump_if(std::uint16_t test, std::uint32_t k, Label yes, Label no);

  // Returns the program that starts at `entry`. The assembler is empty afterwards.
  [[nodiscard]] BpfProgram finish(Label entry);

 private:
  [[nodiscard]] Label append(std::uint16_t code, std::uint32_t k, std::size_t if_true = 0, std::size_t if_false = 0);
  // Makes `target` the instruction that comes right after the next one written.
  void fall_through_to(Label target);
  // Returns a label that leads where `target` leads, at most `reach` instructions behind the next one written.
  [[nodiscard]] Label within(Label target, std::size_t reach);

  std::vector<sock_filter> reversed_;
  std::vector<std::pair<std::uint32_t, Label>> returns_;  // the nearest return of each value
};

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_BPF_ASSEMBLER_H_
