// Landlock (landlock(7)): a ruleset that the tool puts on itself as a floor under the view.
#ifndef WRIT_BROKER_KERNEL_LANDLOCK_H_
#define WRIT_BROKER_KERNEL_LANDLOCK_H_

#include <cstdint>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

// Returns the Landlock ABI of the running kernel, 0 when Landlock is absent or disabled.
[[nodiscard]] int landlock_abi();

// The first ABI that knows TCP (Linux 6.7).
inline constexpr int kLandlockTcpAbi = 4;

// Which file system operations the ruleset handles. Rights that are not handled are not restricted by Landlock.
enum class LandlockCoverage : std::uint8_t {
  // Everything that changes something, device ioctls, TCP and scopes. Opens for reading cost nothing: the view alone
  // bounds them (a handled read right adds 0.6 µs to each open).
  kWrites,
  // Truncating too, which costs each open 0.6 us: the kernel walks from the file to the root to say whether it may be
  // truncated later. Used where the tool can name a file outside of the view, its standard input.
  kWritesAndTruncation,
  // Reading, executing and truncating too: used where there is no view, and by the `strict` profile.
  kEverything,
};

enum class LandlockTcp : std::uint8_t { kUnrestricted, kDenied };

struct LandlockRule {
  int tree = -1;             // borrowed O_PATH descriptor of a file or directory
  std::uint64_t access = 0;  // kLandlock… rights; rights the ABI lacks are dropped by create_landlock_ruleset
};

struct LandlockPlan {
  LandlockCoverage coverage = LandlockCoverage::kWrites;
  LandlockTcp tcp = LandlockTcp::kUnrestricted;
  std::vector<LandlockRule> rules;
};

// Returns every file system right that `abi` knows.
[[nodiscard]] std::uint64_t landlock_all_rights(int abi);

// Returns the rights of reading and executing that `abi` knows.
[[nodiscard]] std::uint64_t landlock_read_rights();

// Makes the ruleset for the given `abi` (≥ 1). The result is put in force by restrict_self_with_landlock.
[[nodiscard]] Result<UniqueFd> create_landlock_ruleset(const LandlockPlan& plan, int abi);

// Makes a ruleset for a broker, `abi` ≥ 2: beneath the borrowed directories `writable` everything but executing,
// elsewhere reading and nothing else; no TCP of its own, no abstract sockets of others. Signals stay: a broker ends its
// sandbox.
[[nodiscard]] Result<UniqueFd> create_broker_ruleset(const std::vector<int>& writable, int abi);

// Puts the borrowed `ruleset` in force for the calling thread. Needs no_new_privs. Raw; returns 0 or -errno.
[[nodiscard]] long restrict_self_with_landlock(int ruleset);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_LANDLOCK_H_
