#include "broker/kernel/seccomp_names.h"

#include <seccomp.h>

#include "broker/base/escape.h"

namespace writ {
namespace {

// seccomp_syscall_resolve_name_arch(3): a number ≥ 0 is the architecture's own, __NR_SCMP_ERROR means that the library
// has never heard of the name, and any other negative "pseudo" number that the call belongs to another architecture.
Status check_number(const SyscallRule& rule, std::uint32_t audit_arch) {
  const std::string name(rule.name);
  const int number = seccomp_syscall_resolve_name_arch(audit_arch, name.c_str());  // SCMP_ARCH_* are AUDIT_ARCH_*
  if (number >= 0 && static_cast<std::uint32_t>(number) == rule.number) return {};
  if (number == __NR_SCMP_ERROR)
    return fail(libseccomp_version() + " does not know the system call " + quote_bytes(name),
                "install libseccomp 2.5.4 or newer, or take the name out of the profile");
  return fail(
      "Writ and " + libseccomp_version() + " do not agree on the number of the system call " + quote_bytes(name),
      "this is a bug in one of the two; nothing was started");
}

}  // namespace

Status check_numbers_with_libseccomp(const SeccompModel& model) {
  for (const SyscallRule& rule : model.rules) WRIT_TRY(check_number(rule, model.audit_arch));
  return {};
}

std::string libseccomp_version() {
  const scmp_version* version = seccomp_version();
  if (version == nullptr) return "libseccomp (version unknown)";
  return "libseccomp " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
         std::to_string(version->micro);
}

unsigned libseccomp_api_level() { return seccomp_api_get(); }

}  // namespace writ
