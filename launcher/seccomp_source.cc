#include "launcher/seccomp_source.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <optional>

#include "broker/base/unique_fd.h"
#include "broker/kernel/seccomp_cache.h"
#include "broker/policy/seccomp_profile.h"

namespace writ {
namespace {

// No cache is no error: the filter is then compared with libseccomp's again. A symbolic link is no directory of ours.
std::optional<SeccompCache> open_cache(const std::string& cache_home) {
  const std::string own = cache_home + "/writ";
  const std::string directory = own + "/filters";
  for (const std::string& part : {cache_home, own, directory}) (void)::mkdir(part.c_str(), 0700);
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return std::nullopt;
  auto cache = SeccompCache::open(std::move(fd));
  if (!cache) return std::nullopt;
  return std::move(*cache);
}

// Filters of the shipped bases were compared when Writ was built; the cache is for all others.
bool needs_cache(const SyscallPolicy& syscalls) { return !syscalls.allow.empty() || !syscalls.deny.empty(); }

}  // namespace

Result<BpfProgram> make_seccomp_program(const Profile& profile, const std::string& cache_home) {
  WRIT_ASSIGN(const SeccompModel model, build_seccomp_model(profile.syscalls, profile.process));
  std::optional<SeccompCache> cache;
  if (needs_cache(profile.syscalls)) cache = open_cache(cache_home);
  return seccomp_program_for(model, cache ? &*cache : nullptr);
}

}  // namespace writ
