#include "broker/policy/seccomp_profile.h"

#include <linux/audit.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "broker/base/escape.h"
#include "broker/base/name_suggestion.h"
#include "broker/policy/seccomp_arguments.h"
#include "broker/policy/syscall_table.h"

namespace writ {
namespace {

std::string_view name_of(const ListedSyscall& entry) { return entry.call.name; }
std::string_view name_of(const AddableSyscall& entry) { return entry.call.name; }
std::string_view name_of(const ForbiddenSyscall& entry) { return entry.name; }

template <class Entry>
const Entry* find_name(std::span<const Entry> entries, std::string_view name) {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return name_of(entry) == name; });
  return found == entries.end() ? nullptr : &*found;
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string_view> every_known_name() {
  std::vector<std::string_view> names;
  for (const ListedSyscall& entry : listed_syscalls()) names.push_back(name_of(entry));
  for (const ForbiddenSyscall& entry : forbidden_syscalls()) names.push_back(name_of(entry));
  for (const AddableSyscall& entry : addable_syscalls()) names.push_back(name_of(entry));
  return names;
}

Error unknown_name(std::string_view name, SyscallList list) {
  const std::string where = list == SyscallList::kAllow ? "syscalls.allow" : "syscalls.deny";
  const std::vector<std::string_view> candidates = every_known_name();
  return {where + ": " + quote_bytes(name) + " is not a system call that Writ knows" + did_you_mean(name, candidates),
          0, "names are those of syscalls(2), without numbers or prefixes"};
}

// Collects the model; one instance for one build.
class ModelBuilder {
 public:
  ModelBuilder(const SyscallPolicy& policy, const ProcessPolicy& process) : policy_(policy), process_(process) {}

  Result<SeccompModel> build(std::uint32_t audit_arch) {
    if (audit_arch != AUDIT_ARCH_X86_64 && audit_arch != AUDIT_ARCH_AARCH64)
      return fail("system call filters exist for x86-64 and aarch64 only");
    WRIT_TRY(check_names(policy_.allow, SyscallList::kAllow));
    WRIT_TRY(check_names(policy_.deny, SyscallList::kDeny));
    model_.audit_arch = audit_arch;
    model_.newest_known = kNewestReviewedNumber;
    collect();
    make_rules();
    add_refusals();
    WRIT_TRY(validate_model(model_));
    return std::move(model_);
  }

 private:
  // What is allowed under one number; the slots keep the rules sorted without sorting them.
  struct Slot {
    const SyscallNumbers* call = nullptr;
    ArgumentCheck check = ArgumentCheck::kNone;
    RuleForm form = RuleForm::kStandard;
  };

  static Status check_names(const std::vector<std::string>& names, SyscallList list) {
    for (const std::string& name : names)
      if (std::optional<Error> problem = syscall_name_problem(name, list))
        return tl::unexpected<Error>(std::move(*problem));
    return {};
  }

  [[nodiscard]] std::int16_t number_of(const SyscallNumbers& call) const {
    return model_.audit_arch == AUDIT_ARCH_X86_64 ? call.x86_64 : call.aarch64;
  }

  void take(const SyscallNumbers& call, ArgumentCheck check, RuleForm form) {
    const std::int16_t number = number_of(call);
    if (number != kNotThere && !contains(policy_.deny, call.name))
      slots_[static_cast<std::size_t>(number)] = {&call, check, form};
  }

  void collect() {
    if (policy_.base == SyscallBase::kBrokerOnly) return collect_broker_only();
    const bool strict = policy_.base == SyscallBase::kStrict;
    for (const ListedSyscall& entry : listed_syscalls()) {
      const bool named = contains(policy_.allow, entry.call.name);
      const bool in_base = !strict || entry.membership == Membership::kStrict;
      if (in_base || named) take(entry.call, entry.check, strict && !named ? RuleForm::kStrict : RuleForm::kStandard);
    }
    for (const AddableSyscall& entry : addable_syscalls())
      if (contains(policy_.allow, entry.call.name)) take(entry.call, ArgumentCheck::kNone, RuleForm::kStandard);
  }

  // Nothing is ever added to it.
  void collect_broker_only() {
    for (const ListedSyscall& entry : broker_only_syscalls()) take(entry.call, entry.check, RuleForm::kStrict);
  }

  void make_rules() {
    model_.rules.reserve(slots_.size());
    for (std::size_t number = 0; number < slots_.size(); ++number) {
      const Slot& slot = slots_[number];
      if (slot.call == nullptr) continue;
      ArgumentRule rule = argument_rule(slot.check, process_, slot.form);
      model_.rules.push_back(
          {static_cast<std::uint32_t>(number), slot.call->name, std::move(rule.allow_if), rule.denied_errno});
    }
  }

  // The forbidden calls that programs know a way around: they look for ENOSYS.
  void add_refusals() {
    for (const ForbiddenSyscall& entry : forbidden_syscalls()) {
      if (entry.denied_errno == model_.unlisted_errno) continue;
      const SyscallNumbers* call = find_syscall_numbers(entry.name);
      if (call == nullptr || number_of(*call) == kNotThere) continue;  // newer than the table: ENOSYS in any case
      model_.refusals.push_back({static_cast<std::uint32_t>(number_of(*call)), entry.denied_errno});
    }
    std::sort(model_.refusals.begin(), model_.refusals.end(),
              [](const SyscallRefusal& a, const SyscallRefusal& b) { return a.number < b.number; });
  }

  const SyscallPolicy& policy_;
  const ProcessPolicy& process_;
  std::array<Slot, kNewestReviewedNumber + 1> slots_{};
  SeccompModel model_;
};

}  // namespace

std::optional<Error> syscall_name_problem(std::string_view name, SyscallList list) {
  if (find_name(listed_syscalls(), name) != nullptr || find_name(addable_syscalls(), name) != nullptr)
    return std::nullopt;
  const ForbiddenSyscall* forbidden = find_name(forbidden_syscalls(), name);
  if (forbidden == nullptr) return unknown_name(name, list);
  if (list == SyscallList::kDeny) return std::nullopt;
  return Error{"syscalls.allow: " + quote_bytes(name) + " cannot be allowed by any profile: it " +
                   std::string(forbidden->reason),
               0, "remove the entry; docs/seccomp.md says what programs use instead"};
}

Result<SeccompModel> build_seccomp_model(const SyscallPolicy& policy, const ProcessPolicy& process,
                                         std::uint32_t audit_arch) {
  return ModelBuilder(policy, process).build(audit_arch);
}

}  // namespace writ
