#include "broker/kernel/landlock.h"

#include <sys/stat.h>

#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

constexpr std::uint64_t kReadRights = abi::kLandlockExecute | abi::kLandlockReadFile | abi::kLandlockReadDirectory;

// Rights that make sense for a file; the kernel refuses directory rights on a file (EINVAL).
constexpr std::uint64_t kFileRights = abi::kLandlockExecute | abi::kLandlockReadFile | abi::kLandlockWriteFile |
                                      abi::kLandlockTruncate | abi::kLandlockIoctlDevice;

std::uint64_t handled_rights(LandlockCoverage coverage, int abi_version) {
  const std::uint64_t all = landlock_all_rights(abi_version);
  switch (coverage) {
    case LandlockCoverage::kWrites:
      // TRUNCATE is looked up on every open, also one for reading (security/landlock/fs.c, hook_file_open). Outside the
      // view a tool can only name what it got as a stream, through /proc/self/fd. Of those, only a file without a name
      // on standard input is neither a read-only mount nor the tool's to truncate anyway (broker/grant/stream_grant.h).
      return all & ~(kReadRights | abi::kLandlockTruncate);
    case LandlockCoverage::kWritesAndTruncation:
      return all & ~kReadRights;
    case LandlockCoverage::kEverything:
      return all;
  }
  return all;
}

Status add_rule(int ruleset, const LandlockRule& rule, std::uint64_t handled) {
  struct stat status {};
  std::uint64_t access = rule.access & handled;
  if (::fstat(rule.tree, &status) == 0 && !S_ISDIR(status.st_mode)) access &= kFileRights;
  if (access == 0) return {};
  const abi::LandlockPathBeneath beneath{access, rule.tree};
  const long added = raw_syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
  if (added < 0) return fail_errno(static_cast<int>(-added), "cannot add a Landlock rule");
  return {};
}

}  // namespace

int landlock_abi() {
  const long version = raw_syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version < 0 ? 0 : static_cast<int>(version);
}

std::uint64_t landlock_all_rights(int abi_version) {
  std::uint64_t rights = abi_version >= 1 ? abi::kLandlockFsAbi1 : 0;
  if (abi_version >= 2) rights |= abi::kLandlockRefer;
  if (abi_version >= 3) rights |= abi::kLandlockTruncate;
  if (abi_version >= 5) rights |= abi::kLandlockIoctlDevice;
  return rights;
}

std::uint64_t landlock_read_rights() { return kReadRights; }

Result<UniqueFd> create_landlock_ruleset(const LandlockPlan& plan, int abi_version) {
  abi::LandlockRulesetAttributes attributes{};
  attributes.handled_access_fs = handled_rights(plan.coverage, abi_version);
  if (abi_version >= kLandlockTcpAbi && plan.tcp == LandlockTcp::kDenied)
    attributes.handled_access_net = abi::kLandlockNetBindTcp | abi::kLandlockNetConnectTcp;
  if (abi_version >= 6) attributes.scoped = abi::kLandlockScopeAbstractUnixSocket | abi::kLandlockScopeSignal;
  const long ruleset = raw_syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
  if (ruleset < 0) return fail_errno(static_cast<int>(-ruleset), "cannot create a Landlock ruleset");
  UniqueFd owned(static_cast<int>(ruleset));
  for (const LandlockRule& rule : plan.rules) WRIT_TRY(add_rule(owned.get(), rule, attributes.handled_access_fs));
  return owned;
}

Result<UniqueFd> create_broker_ruleset(const std::vector<int>& writable, int abi_version) {
  constexpr std::uint64_t kReading = abi::kLandlockReadFile | abi::kLandlockReadDirectory;
  abi::LandlockRulesetAttributes attributes{};
  attributes.handled_access_fs = landlock_all_rights(abi_version) & ~kReading;
  if (abi_version >= kLandlockTcpAbi)
    attributes.handled_access_net = abi::kLandlockNetBindTcp | abi::kLandlockNetConnectTcp;
  if (abi_version >= 6) attributes.scoped = abi::kLandlockScopeAbstractUnixSocket;
  const long ruleset = raw_syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
  if (ruleset < 0) return fail_errno(static_cast<int>(-ruleset), "cannot create the broker's Landlock ruleset");
  UniqueFd owned(static_cast<int>(ruleset));
  const std::uint64_t access = attributes.handled_access_fs & ~abi::kLandlockExecute;
  for (const int tree : writable) WRIT_TRY(add_rule(owned.get(), {tree, access}, access));
  return owned;
}

long restrict_self_with_landlock(int ruleset) { return raw_syscall(SYS_landlock_restrict_self, ruleset, 0); }

}  // namespace writ
