#include "broker/policy/bpf_assembler.h"

#include <algorithm>

namespace writ {
namespace {

constexpr std::size_t kConditionalReach = 255;  // sock_filter.jt and .jf are 8 bits wide
// Two trampolines may be written between the choice of a label and the jump that uses it.
constexpr std::size_t kReturnReach = kConditionalReach - 2;

constexpr std::uint16_t kReturn = BPF_RET | BPF_K;
constexpr std::uint16_t kJump = BPF_JMP | BPF_JA;

}  // namespace

BackwardAssembler::BackwardAssembler() { reversed_.reserve(1024); }

BackwardAssembler::Label BackwardAssembler::append(std::uint16_t code, std::uint32_t k, std::size_t if_true,
                                                   std::size_t if_false) {
  reversed_.push_back({code, static_cast<std::uint8_t>(if_true), static_cast<std::uint8_t>(if_false), k});
  return reversed_.size() - 1;
}

BackwardAssembler::Label BackwardAssembler::return_value(std::uint32_t value) {
  const auto known =
      std::find_if(returns_.begin(), returns_.end(), [&](const auto& entry) { return entry.first == value; });
  if (known != returns_.end() && reversed_.size() - known->second <= kReturnReach) return known->second;
  const Label label = append(kReturn, value);
  if (known != returns_.end()) {
    known->second = label;
  } else {
    returns_.emplace_back(value, label);
  }
  return label;
}

void BackwardAssembler::fall_through_to(Label target) {
  if (target + 1 == reversed_.size()) return;
  const std::size_t distance = reversed_.size() - target - 1;
  static_cast<void>(append(kJump, static_cast<std::uint32_t>(distance)));
}

BackwardAssembler::Label BackwardAssembler::load(std::uint32_t offset, Label next) {
  fall_through_to(next);
  return append(BPF_LD | BPF_W | BPF_ABS, offset);
}

BackwardAssembler::Label BackwardAssembler::mask(std::uint32_t mask, Label next) {
  fall_through_to(next);
  return append(BPF_ALU | BPF_AND | BPF_K, mask);
}

BackwardAssembler::Label BackwardAssembler::within(Label target, std::size_t reach) {
  const std::size_t distance = reversed_.size() - target - 1;
  if (distance <= reach) return target;
  const sock_filter there = reversed_[target];
  if (there.code == kReturn) return return_value(there.k);
  return append(kJump, static_cast<std::uint32_t>(distance));
}

BackwardAssembler::Label BackwardAssembler::jump_if(std::uint16_t test, std::uint32_t k, Label yes, Label no) {
  yes = within(yes, kConditionalReach - 1);  // the trampoline of `no` may come in between
  no = within(no, kConditionalReach);
  const std::size_t here = reversed_.size();
  return append(static_cast<std::uint16_t>(BPF_JMP | BPF_K | test), k, here - yes - 1, here - no - 1);
}

BpfProgram BackwardAssembler::finish(Label entry) {
  fall_through_to(entry);
  BpfProgram program(reversed_.rbegin(), reversed_.rend());
  reversed_.clear();
  returns_.clear();
  return program;
}

}  // namespace writ
