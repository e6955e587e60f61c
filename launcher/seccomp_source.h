// Where the compiled system call filter of a profile comes from.
#ifndef WRIT_LAUNCHER_SECCOMP_SOURCE_H_
#define WRIT_LAUNCHER_SECCOMP_SOURCE_H_

#include <string>

#include "broker/base/error.h"
#include "broker/policy/bpf_program.h"
#include "broker/policy/profile.h"

namespace writ {

// Returns the filter of `profile`, checked against the profile's model. `cache_home` is $XDG_CACHE_HOME.
[[nodiscard]] Result<BpfProgram> make_seccomp_program(const Profile& profile, const std::string& cache_home);

}  // namespace writ

#endif  // WRIT_LAUNCHER_SECCOMP_SOURCE_H_
