// Models for the seccomp tests: every shipped base and switch, and random ones.
#ifndef WRIT_TESTS_UNIT_SECCOMP_TEST_SUPPORT_H_
#define WRIT_TESTS_UNIT_SECCOMP_TEST_SUPPORT_H_

#include <linux/audit.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "broker/policy/bpf_program.h"
#include "broker/policy/seccomp_profile.h"

namespace writ::seccomp_test {

struct Variant {
  SyscallPolicy syscalls;
  ProcessPolicy process;
  std::uint32_t audit_arch = kNativeAuditArch;

  [[nodiscard]] std::string title() const {
    constexpr std::array<std::string_view, 3> kNames = {"standard", "strict", "broker only"};
    return std::string(kNames[static_cast<std::size_t>(syscalls.base)]) +
           (process.unix_sockets == UnixSockets::kAllowed ? " unix" : "") +
           (process.netlink == NetlinkSockets::kRoute ? " netlink" : "") +
           (audit_arch == AUDIT_ARCH_X86_64 ? " x86-64" : " aarch64");
  }
};

inline SeccompModel model_of(const Variant& variant) {
  Result<SeccompModel> model = build_seccomp_model(variant.syscalls, variant.process, variant.audit_arch);
  if (!model) FAIL(model.error().describe());
  return *model;
}

inline std::vector<Variant> shipped_variants() {
  std::vector<Variant> variants;
  for (const std::uint32_t arch : {std::uint32_t{AUDIT_ARCH_X86_64}, std::uint32_t{AUDIT_ARCH_AARCH64}})
    for (const SyscallBase base : {SyscallBase::kStandard, SyscallBase::kStrict})
      for (const UnixSockets sockets : {UnixSockets::kNone, UnixSockets::kAllowed})
        for (const NetlinkSockets netlink : {NetlinkSockets::kNone, NetlinkSockets::kRoute}) {
          Variant variant;
          variant.syscalls.base = base;
          variant.process.unix_sockets = sockets;
          variant.process.netlink = netlink;
          variant.audit_arch = arch;
          variants.push_back(variant);
        }
  for (const std::uint32_t arch : {std::uint32_t{AUDIT_ARCH_X86_64}, std::uint32_t{AUDIT_ARCH_AARCH64}}) {
    Variant& variant = variants.emplace_back();
    variant.syscalls.base = SyscallBase::kBrokerOnly;
    variant.audit_arch = arch;
  }
  return variants;
}

inline const SyscallRule* rule_named(const SeccompModel& model, std::string_view name) {
  const auto found =
      std::find_if(model.rules.begin(), model.rules.end(), [&](const auto& rule) { return rule.name == name; });
  return found == model.rules.end() ? nullptr : &*found;
}

inline std::uint32_t number_named(const SeccompModel& model, std::string_view name) {
  const SyscallNumbers* row = find_syscall_numbers(name);
  REQUIRE(row != nullptr);
  const std::int16_t number = model.audit_arch == AUDIT_ARCH_X86_64 ? row->x86_64 : row->aarch64;
  REQUIRE(number >= 0);
  return static_cast<std::uint32_t>(number);
}

inline seccomp_data call_of(const SeccompModel& model, std::uint32_t number,
                            std::vector<std::uint64_t> arguments = {}) {
  seccomp_data call{};
  call.nr = static_cast<int>(number);
  call.arch = model.audit_arch;
  for (std::size_t i = 0; i < arguments.size(); ++i) call.args[i] = arguments[i];
  return call;
}

inline seccomp_data call_named(const SeccompModel& model, std::string_view name,
                               std::vector<std::uint64_t> arguments = {}) {
  return call_of(model, number_named(model, name), std::move(arguments));
}

// Models of a kind that no table would hold: long value lists, odd masks, many blocks.
class RandomModels {
 public:
  explicit RandomModels(std::uint32_t seed) : random_(seed) {}

  SeccompModel next() {
    SeccompModel model;
    model.audit_arch = below(2) == 0 ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_AARCH64;
    model.newest_known = 1 + below(600);
    model.unlisted_errno = static_cast<std::uint16_t>(1 + below(4095));
    const std::uint32_t density = 1 + below(100);
    for (std::uint32_t number = 0; number <= model.newest_known; ++number) {
      if (below(100) >= density) continue;
      if (below(10) == 0) {
        model.refusals.push_back({number, static_cast<std::uint16_t>(1 + below(4095))});
      } else {
        model.rules.push_back(rule(number));
      }
    }
    return model;
  }

  std::uint32_t below(std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(random_);
  }

 private:
  SyscallRule rule(std::uint32_t number) {
    SyscallRule made;
    made.number = number;
    made.denied_errno = static_cast<std::uint16_t>(1 + below(4095));
    if (below(6) != 0) return made;
    for (std::uint32_t i = 1 + below(3); i > 0; --i) {
      ArgumentConjunction tests;
      for (std::uint32_t j = 1 + below(3); j > 0; --j) tests.push_back(test());
      made.allow_if.push_back(tests);
    }
    return made;
  }

  ArgumentTest test() {
    ArgumentTest made;
    made.argument = static_cast<std::uint8_t>(below(6));
    made.mask = below(2) == 0 ? UINT32_MAX : static_cast<std::uint32_t>(random_());
    const std::uint32_t spread = below(2) == 0 ? 16 : UINT32_MAX;
    for (std::uint32_t i = 1 + below(below(8) == 0 ? 120 : 4); i > 0; --i)
      made.values.push_back(below(spread) & made.mask);
    if (below(10) == 0) made.values.push_back(UINT32_MAX & made.mask);
    std::sort(made.values.begin(), made.values.end());
    made.values.erase(std::unique(made.values.begin(), made.values.end()), made.values.end());
    return made;
  }

  std::mt19937 random_;
};

}  // namespace writ::seccomp_test

#endif  // WRIT_TESTS_UNIT_SECCOMP_TEST_SUPPORT_H_
