// The calls that a compiled filter is tried with: every number, and around each value of each argument rule. Pure.
#ifndef WRIT_BROKER_POLICY_SECCOMP_PROBES_H_
#define WRIT_BROKER_POLICY_SECCOMP_PROBES_H_

#include <linux/audit.h>

#include <bit>
#include <cstdint>

#include "broker/policy/seccomp_model.h"

namespace writ {

enum class ProbeDepth : std::uint8_t {
  kStart,     // what every start can afford (tens of microseconds)
  kThorough,  // single bits, neighbours and combinations: for unit tests and for comparing with libseccomp
};

// Numbers are tried up to this many beyond the newest known one.
inline constexpr std::uint32_t kNumbersBeyondNewest = 64;

// Calls `visit(call, rule)` for every probe until it returns false; `rule` is the model's rule for the number of `call`
// on the model's architecture, or null when there is none or the call is to be killed before any rule. Returns false
// when a visit did.
template <class Visit>
class SeccompProbes {
 public:
  SeccompProbes(const SeccompModel& model, ProbeDepth depth, Visit& visit)
      : model_(model), depth_(depth), visit_(visit) {}

  bool run() {
    auto rule = model_.rules.begin();
    const std::uint32_t end = model_.newest_known + kNumbersBeyondNewest;
    for (std::uint32_t number = 0; number <= end; ++number) {
      const bool listed = rule != model_.rules.end() && rule->number == number;
      if (!probe_number(number, listed ? &*rule++ : nullptr)) return false;
    }
    return probe_far_numbers();
  }

 private:
  static constexpr std::uint64_t kHighHalf = 0xFFFFFFFF00000000u;
  static constexpr std::uint64_t kOddArguments = 0xA5A5A5A55A5A5A5Au;  // no list contains it, every mask meets it

  [[nodiscard]] seccomp_data call_of(std::uint32_t number, std::uint64_t every_argument = 0) const {
    seccomp_data call{};
    call.nr = static_cast<int>(number);
    call.arch = model_.audit_arch;
    for (auto& argument : call.args) argument = every_argument;
    return call;
  }

  bool probe_number(std::uint32_t number, const SyscallRule* rule) {
    seccomp_data call = call_of(number, kOddArguments);
    if (!visit_(call, rule)) return false;
    // A call that is not listed must not be let into some rule's block, where plain arguments would pass.
    const bool also_plain = rule == nullptr || depth_ == ProbeDepth::kThorough;
    if (also_plain && !visit_(call_of(number), rule)) return false;
    if (depth_ == ProbeDepth::kThorough && !visit_(call_of(number, ~std::uint64_t{0}), rule)) return false;
    return probe_killed(call) && (rule == nullptr || probe_rule(*rule));
  }

  // The same number where it is to be killed.
  bool probe_killed(seccomp_data call) {
    if (has_x32(model_)) {
      seccomp_data x32 = call;
      x32.nr = static_cast<int>(static_cast<std::uint32_t>(call.nr) | kX32Bit);
      if (!visit_(x32, nullptr)) return false;
    }
    for (const std::uint32_t foreign : {std::uint32_t{AUDIT_ARCH_I386}, model_.audit_arch ^ 0x80000000u, 0u}) {
      call.arch = foreign;
      if (!visit_(call, nullptr)) return false;
      if (depth_ == ProbeDepth::kStart) break;
    }
    return true;
  }

  bool probe_far_numbers() {
    for (const std::uint32_t number : {0x3FFFFFFFu, 0x80000000u, 0xBFFFFFFFu, 0x80000001u})
      if (!visit_(call_of(number), nullptr)) return false;
    return true;
  }

  bool probe_rule(const SyscallRule& rule) {
    for (const ArgumentConjunction& tests : rule.allow_if) {
      // Odd arguments around it: no other alternative may answer for this one.
      seccomp_data call = call_of(rule.number, kOddArguments);
      for (const ArgumentTest& test : tests) call.args[test.argument] = test.values.front();
      if (!probe_next_numbers(rule, call)) return false;
      for (const ArgumentTest& test : tests)
        if (!probe_test(rule, test, call)) return false;
      if (depth_ == ProbeDepth::kThorough && !probe_background(rule, tests)) return false;
    }
    return true;
  }

  // The numbers beside a rule, with arguments that the rule would let pass.
  bool probe_next_numbers(const SyscallRule& rule, const seccomp_data& passing) {
    const SyscallRule* const first = model_.rules.data();
    const SyscallRule* const last = first + model_.rules.size() - 1;
    seccomp_data call = passing;
    call.nr = static_cast<int>(rule.number + 1);
    const bool above_listed = &rule != last && (&rule + 1)->number == rule.number + 1;
    if (!visit_(call, above_listed ? &rule + 1 : nullptr)) return false;
    if (rule.number == 0) return true;
    call.nr = static_cast<int>(rule.number - 1);
    const bool below_listed = &rule != first && (&rule - 1)->number == rule.number - 1;
    return visit_(call, below_listed ? &rule - 1 : nullptr);
  }

  // The same test in front of other arguments that all pass nowhere in particular.
  bool probe_background(const SyscallRule& rule, const ArgumentConjunction& tests) {
    for (const std::uint64_t background : {std::uint64_t{0}, std::uint64_t{0xFFFFFFFF}, std::uint64_t{02000},
                                           std::uint64_t{04000}, std::uint64_t{0100}}) {
      seccomp_data call = call_of(rule.number, background);
      for (const ArgumentTest& test : tests)
        if (!probe_test(rule, test, call)) return false;
    }
    return true;
  }

  // Tries `call` with the tested argument at, and around, each value of the test.
  bool probe_test(const SyscallRule& rule, const ArgumentTest& test, const seccomp_data& call) {
    for (std::size_t i = 0; i < test.values.size(); ++i) {
      const std::uint32_t value = test.values[i];
      if (!probe_value(rule, test, call, value) || !probe_value(rule, test, call, kHighHalf | value)) return false;
      const bool starts_run = i == 0 || test.values[i - 1] != value - 1;
      const bool ends_run = i + 1 == test.values.size() || test.values[i + 1] != value + 1;
      if (starts_run && !probe_value(rule, test, call, value - 1)) return false;
      if (ends_run && !probe_value(rule, test, call, value + 1)) return false;
      if (!probe_mask(rule, test, call, value)) return false;
      if (depth_ == ProbeDepth::kThorough && !probe_neighbours(rule, test, call, value)) return false;
    }
    return true;
  }

  // Each bit that a partial mask watches, and all that it does not.
  bool probe_mask(const SyscallRule& rule, const ArgumentTest& test, const seccomp_data& call, std::uint32_t value) {
    if (test.mask == UINT32_MAX) return true;
    for (std::uint32_t bits = test.mask; bits != 0; bits &= bits - 1) {
      const std::uint32_t bit = bits & (0u - bits);
      if (!probe_value(rule, test, call, value ^ bit)) return false;
    }
    return probe_value(rule, test, call, value | ~test.mask);
  }

  bool probe_neighbours(const SyscallRule& rule, const ArgumentTest& test, const seccomp_data& call,
                        std::uint32_t value) {
    for (int bit = 0; bit < 32; ++bit)
      if (!probe_value(rule, test, call, value ^ (1u << bit))) return false;
    for (int bit = 32; bit < 64; ++bit)
      if (!probe_value(rule, test, call, value | (std::uint64_t{1} << bit))) return false;
    return probe_value(rule, test, call, value + 1) && probe_value(rule, test, call, value - 1) &&
           probe_value(rule, test, call, ~value);
  }

  bool probe_value(const SyscallRule& rule, const ArgumentTest& test, const seccomp_data& base, std::uint64_t value) {
    seccomp_data call = base;
    call.args[test.argument] = value;
    return visit_(call, &rule);
  }

  const SeccompModel& model_;
  ProbeDepth depth_;
  Visit& visit_;
};

template <class Visit>
bool for_each_probe(const SeccompModel& model, ProbeDepth depth, Visit visit) {
  return SeccompProbes<Visit>(model, depth, visit).run();
}

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_SECCOMP_PROBES_H_
