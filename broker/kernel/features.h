// Features: what this host can enforce, found out by trying it and never by reading a version number.
//
// A plain value: made once by probe_features() and passed around; tests make their own with Features::all_available()
// and set(). Any thread. probe_features() itself forks short-lived children and waits for each of them.
#ifndef WRIT_BROKER_KERNEL_FEATURES_H_
#define WRIT_BROKER_KERNEL_FEATURES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "broker/policy/layer.h"

namespace writ {

enum class Feature : std::uint8_t {
  // One for each layer of broker/policy/layer.h that a profile may require.
  kUserNamespace,
  kView,
  kLockedView,
  kPidNamespace,
  kNetworkNamespace,
  kIpcNamespace,
  kUtsNamespace,
  kCgroupNamespace,
  kLandlock,
  kSeccomp,
  kControlGroup,
  // What the layers are built with.
  kProcMount,
  kNoNewPrivileges,
  kClone3,
  kCloseRange,
  kPidfd,
  kOpenat2,
  // Good to know.
  kIdmappedMounts,
  kCgroupV2,
  kCgroupV1,
  kCorePattern,
};
inline constexpr std::size_t kFeatureCount = 21;

enum class FeatureState : std::uint8_t {
  kAvailable,
  kDegraded,  // works, with less than the newest kernels give; `detail` says what is missing
  kUnavailable,
};

enum class FeatureRole : std::uint8_t {
  kLayer,      // a layer of isolation: the profile says whether it is required
  kMechanism,  // Writ cannot build any sandbox without it
  kInformation,
};

struct FeatureStatus {
  FeatureState state = FeatureState::kUnavailable;
  std::string detail;    // what was found, or the step that failed; safe to print
  int system_errno = 0;  // the kernel's reason, 0 when there is none
  std::string hint;      // what the reader can do about it; may be empty
};

struct FeatureDescription {
  Feature feature;
  FeatureRole role;
  std::string_view name;  // key in `writ doctor --json`
  std::string_view purpose;
};

struct Features {
  std::array<FeatureStatus, kFeatureCount> statuses;
  int landlock_abi = 0;               // 0: no Landlock
  std::uint32_t landlock_errata = 0;  // bit n-1 set: erratum n is fixed (kernel 6.15 tells; 0 before)

  [[nodiscard]] const FeatureStatus& status(Feature feature) const {
    return statuses[static_cast<std::size_t>(feature)];
  }
  // Replaces the status of one feature (fakes of tests, and the probe itself).
  void set(Feature feature, FeatureStatus status) { statuses[static_cast<std::size_t>(feature)] = std::move(status); }

  // True when the feature can be used, with or without degradation.
  [[nodiscard]] bool usable(Feature feature) const { return status(feature).state != FeatureState::kUnavailable; }
  [[nodiscard]] bool usable(Layer layer) const;

  // Returns a host on which everything works, with the newest Landlock that Writ knows: the start of a fake.
  [[nodiscard]] static Features all_available();
};

// Returns the description of `feature`.
[[nodiscard]] const FeatureDescription& describe_feature(Feature feature);

// Returns the feature that `layer` stands on.
[[nodiscard]] Feature feature_of(Layer layer);

// Returns "available", "degraded" or "unavailable".
[[nodiscard]] std::string_view feature_state_name(FeatureState state);

// Tries every feature. Each attempt runs in a forked child of its own which ends before this function goes on; nothing
// is left behind: no mount, process, namespace, file or cgroup, and the caller's own state is untouched. Takes a few
// milliseconds, and at most kProbeDeadline for a child that hangs. Never fails: what cannot be tried is unavailable.
[[nodiscard]] Features probe_features();

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_FEATURES_H_
