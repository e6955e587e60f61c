#include "broker/kernel/seccomp_oracle.h"

#include <seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>

#include "broker/base/escape.h"
#include "broker/base/unique_fd.h"
#include "broker/kernel/seccomp_names.h"
#include "broker/policy/bpf_interpreter.h"
#include "broker/policy/seccomp_check.h"
#include "broker/policy/seccomp_probes.h"

namespace writ {
namespace {

struct FilterRelease {
  void operator()(void* filter) const { seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, FilterRelease>;

// libseccomp returns -errno; -ECANCELED hides the true one in errno (seccomp_export_bpf(3)).
int reported_errno(int result) { return result == -ECANCELED ? errno : -result; }

// A filter for exactly one architecture; libseccomp starts with the machine's own.
Status choose_architecture(void* filter, std::uint32_t audit_arch) {
  if (audit_arch == seccomp_arch_native()) return {};
  int result = seccomp_arch_add(filter, audit_arch);
  if (result == 0) result = seccomp_arch_remove(filter, seccomp_arch_native());
  if (result < 0) return fail_errno(reported_errno(result), "libseccomp refuses the architecture");
  return {};
}

Result<Filter> new_filter(std::uint32_t audit_arch) {
  Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (filter == nullptr) return fail_errno(ENOMEM, "libseccomp cannot make a filter");
  constexpr std::uint32_t kBinaryTree = 2;
  const std::pair<scmp_filter_attr, std::uint32_t> settings[] = {{SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS},
                                                                 {SCMP_FLTATR_CTL_OPTIMIZE, kBinaryTree}};
  for (const auto& [attribute, value] : settings) {
    const int result = seccomp_attr_set(filter.get(), attribute, value);
    if (result < 0) return fail_errno(reported_errno(result), "libseccomp refuses a filter attribute");
  }
  WRIT_TRY(choose_architecture(filter.get(), audit_arch));
  return filter;
}

// Rules are given by the machine's own numbers, whatever the filter is for (seccomp_rule_add(3)).
int library_number(const SyscallRule& rule, std::uint32_t audit_arch) {
  if (audit_arch == seccomp_arch_native()) return static_cast<int>(rule.number);
  return seccomp_syscall_resolve_name(std::string(rule.name).c_str());
}

struct Target {
  void* filter = nullptr;
  std::uint32_t audit_arch = 0;
};

Status add_rule(const Target& target, const SyscallRule& rule, const std::vector<scmp_arg_cmp>& comparisons) {
  const int result =
      seccomp_rule_add_exact_array(target.filter, SCMP_ACT_ALLOW, library_number(rule, target.audit_arch),
                                   static_cast<unsigned>(comparisons.size()), comparisons.data());
  if (result < 0)
    return fail_errno(reported_errno(result), "libseccomp refuses the rule for " + quote_bytes(rule.name));
  return {};
}

// libseccomp compares with one value at a time: a conjunction becomes the product of its value lists.
Status add_product(const Target& target, const SyscallRule& rule, const ArgumentConjunction& tests,
                   std::vector<scmp_arg_cmp>& chosen) {
  if (chosen.size() == tests.size()) return add_rule(target, rule, chosen);
  const ArgumentTest& test = tests[chosen.size()];
  for (const std::uint32_t value : test.values) {
    // MASKED_EQ leaves the high half out: SCMP_CMP_EQ would compare 64 bits (CVE-2019-10063).
    chosen.push_back({test.argument, SCMP_CMP_MASKED_EQ, test.mask, value});
    WRIT_TRY(add_product(target, rule, tests, chosen));
    chosen.pop_back();
  }
  return {};
}

Status add_rules(const Target& target, const SeccompModel& model) {
  for (const SyscallRule& rule : model.rules) {
    if (rule.allow_if.empty()) WRIT_TRY(add_rule(target, rule, {}));
    for (const ArgumentConjunction& tests : rule.allow_if) {
      std::vector<scmp_arg_cmp> chosen;
      WRIT_TRY(add_product(target, rule, tests, chosen));
    }
  }
  return {};
}

Result<BpfProgram> read_program(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return fail_errno(errno, "cannot examine libseccomp's program");
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0 || size % sizeof(sock_filter) != 0 || size > kBpfInstructionLimit * sizeof(sock_filter))
    return fail("libseccomp's program has an impossible size of " + std::to_string(size) + " bytes");
  BpfProgram program(size / sizeof(sock_filter));
  const ssize_t got = ::pread(fd, program.data(), size, 0);
  if (got < 0) return fail_errno(errno, "cannot read libseccomp's program");
  if (static_cast<std::size_t>(got) != size) return fail("libseccomp's program was cut short");
  return program;
}

// libseccomp's opinion on a model, in several programs: one for all calls without argument rules, one for each call
// with one. In one common program libseccomp 2.5.4 can join equal comparisons of two calls although one of them arrives
// there with another argument loaded: with the ioctl, prctl and socket rules of this project on aarch64 it allowed
// socket(AF_INET, SOCK_STREAM, 1), because socket's last comparison became the tail of prctl's.
class Oracle {
 public:
  static Result<Oracle> build(const SeccompModel& model) {
    Oracle oracle;
    SeccompModel plain = part_of(model);
    for (const SyscallRule& rule : model.rules) {
      if (rule.allow_if.empty()) {
        plain.rules.push_back(rule);
        continue;
      }
      SeccompModel alone = part_of(model);
      alone.rules.push_back(rule);
      WRIT_TRY(oracle.add(alone, rule.number));
    }
    WRIT_TRY(oracle.add(plain, kPlainCalls));
    return oracle;
  }

  // Every probe is put to the program that knows its number.
  [[nodiscard]] bool allows(const seccomp_data& call) const {
    const auto number = static_cast<std::uint32_t>(call.nr);
    for (const Part& part : parts_)
      if (part.number == number) return part.validated.run(call) == SECCOMP_RET_ALLOW;
    return parts_.back().validated.run(call) == SECCOMP_RET_ALLOW;
  }

 private:
  static constexpr std::uint32_t kPlainCalls = UINT32_MAX;
  struct Part {
    std::uint32_t number;
    std::unique_ptr<BpfProgram> program;  // at a fixed place: `validated` borrows it
    ValidatedProgram validated;
  };

  static SeccompModel part_of(const SeccompModel& model) {
    SeccompModel part;
    part.audit_arch = model.audit_arch;
    part.newest_known = model.newest_known;
    part.unlisted_errno = model.unlisted_errno;
    return part;
  }

  Status add(const SeccompModel& part, std::uint32_t number) {
    WRIT_ASSIGN(BpfProgram built, build_with_libseccomp(part));
    auto program = std::make_unique<BpfProgram>(std::move(built));
    WRIT_ASSIGN(const ValidatedProgram validated, ValidatedProgram::make(*program));
    parts_.push_back({number, std::move(program), validated});
    return {};
  }

  std::vector<Part> parts_;
};

}  // namespace

Result<BpfProgram> build_with_libseccomp(const SeccompModel& model) {
  WRIT_ASSIGN(const Filter filter, new_filter(model.audit_arch));
  WRIT_TRY(add_rules({filter.get(), model.audit_arch}, model));
  const UniqueFd memory(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!memory.valid()) return fail_errno(errno, "cannot make a memory file for libseccomp's program");
  const int result = seccomp_export_bpf(filter.get(), memory.get());
  if (result < 0) return fail_errno(reported_errno(result), "libseccomp cannot export its program");
  return read_program(memory.get());
}

Status compare_with_oracle(const SeccompModel& model, const BpfProgram& program) {
  WRIT_TRY(validate_model(model));
  WRIT_TRY(check_numbers_with_libseccomp(model));
  WRIT_ASSIGN(const ValidatedProgram ours, ValidatedProgram::make(program));
  WRIT_ASSIGN(const Oracle oracle, Oracle::build(model));
  Status status;
  for_each_probe(model, ProbeDepth::kStart, [&](const seccomp_data& call, const SyscallRule*) {
    if ((ours.run(call) == SECCOMP_RET_ALLOW) == oracle.allows(call)) return true;
    status = fail("the compiled system call filter and libseccomp's disagree about " + describe_call(call),
                  "this is a bug in Writ or in libseccomp; nothing was started");
    return false;
  });
  return status;
}

}  // namespace writ
