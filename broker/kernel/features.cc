#include "broker/kernel/features.h"

#include <cerrno>

#include "broker/kernel/feature_probe.h"

namespace writ {
namespace {

constexpr int kNewestLandlockAbi = 9;

constexpr std::string_view layer_purpose(Layer layer) { return kLayerNames[static_cast<std::size_t>(layer)].purpose; }

constexpr std::array<FeatureDescription, kFeatureCount> kDescriptions = {{
    {Feature::kUserNamespace, FeatureRole::kLayer, layer_name(Layer::kUserNamespace),
     layer_purpose(Layer::kUserNamespace)},
    {Feature::kView, FeatureRole::kLayer, layer_name(Layer::kView), layer_purpose(Layer::kView)},
    {Feature::kLockedView, FeatureRole::kLayer, layer_name(Layer::kLockedView), layer_purpose(Layer::kLockedView)},
    {Feature::kPidNamespace, FeatureRole::kLayer, layer_name(Layer::kPidNamespace),
     layer_purpose(Layer::kPidNamespace)},
    {Feature::kNetworkNamespace, FeatureRole::kLayer, layer_name(Layer::kNetworkNamespace),
     layer_purpose(Layer::kNetworkNamespace)},
    {Feature::kIpcNamespace, FeatureRole::kLayer, layer_name(Layer::kIpcNamespace),
     layer_purpose(Layer::kIpcNamespace)},
    {Feature::kUtsNamespace, FeatureRole::kLayer, layer_name(Layer::kUtsNamespace),
     layer_purpose(Layer::kUtsNamespace)},
    {Feature::kCgroupNamespace, FeatureRole::kLayer, layer_name(Layer::kCgroupNamespace),
     layer_purpose(Layer::kCgroupNamespace)},
    {Feature::kLandlock, FeatureRole::kLayer, layer_name(Layer::kLandlock), layer_purpose(Layer::kLandlock)},
    {Feature::kSeccomp, FeatureRole::kLayer, layer_name(Layer::kSeccomp), layer_purpose(Layer::kSeccomp)},
    {Feature::kControlGroup, FeatureRole::kLayer, layer_name(Layer::kControlGroup),
     layer_purpose(Layer::kControlGroup)},
    {Feature::kProcMount, FeatureRole::kMechanism, "proc_mount", "a /proc that shows the sandbox's own processes"},
    {Feature::kNoNewPrivileges, FeatureRole::kMechanism, "no_new_privs", "set-uid programs give nothing"},
    {Feature::kClone3, FeatureRole::kMechanism, "clone3", "processes start with a pidfd and in their namespaces"},
    {Feature::kCloseRange, FeatureRole::kMechanism, "close_range", "no descriptor slips into a tool"},
    {Feature::kPidfd, FeatureRole::kMechanism, "pidfd", "signals reach the process that was meant"},
    {Feature::kOpenat2, FeatureRole::kMechanism, "openat2", "files are opened beneath a granted tree"},
    {Feature::kIdmappedMounts, FeatureRole::kInformation, "idmapped_mounts",
     "root's workspace without root's identity"},
    {Feature::kCgroupV2, FeatureRole::kInformation, "cgroup_v2", "limits for a whole run"},
    {Feature::kCgroupV1, FeatureRole::kInformation, "cgroup_v1", "limits for a whole run, older form"},
    {Feature::kCorePattern, FeatureRole::kInformation, "core_pattern", "where core dumps go"},
}};

struct Probe {
  Feature feature;
  ProbeFunction run;
};

constexpr std::array<Probe, 17> kProbes = {{
    {Feature::kUserNamespace, probe_user_namespace},
    {Feature::kView, probe_view},
    {Feature::kLockedView, probe_locked_view},
    {Feature::kPidNamespace, probe_pid_namespace},
    {Feature::kNetworkNamespace, probe_network_namespace},
    {Feature::kIpcNamespace, probe_ipc_namespace},
    {Feature::kUtsNamespace, probe_uts_namespace},
    {Feature::kCgroupNamespace, probe_cgroup_namespace},
    {Feature::kLandlock, probe_landlock},
    {Feature::kSeccomp, probe_seccomp},
    {Feature::kProcMount, probe_proc_mount},
    {Feature::kNoNewPrivileges, probe_no_new_privileges},
    {Feature::kClone3, probe_clone3},
    {Feature::kCloseRange, probe_close_range},
    {Feature::kPidfd, probe_pidfd},
    {Feature::kOpenat2, probe_openat2},
    {Feature::kIdmappedMounts, probe_idmapped_mounts},
}};

FeatureStatus status_of(Feature feature, const ProbeReport& report, const HostFacts& host) {
  FeatureStatus status{.state = report.state, .detail = report.step, .system_errno = report.system_errno, .hint = {}};
  if (report.state == FeatureState::kUnavailable) {
    if (report.system_errno != 0) status.detail = std::string("cannot ") + report.step;
    status.hint = probe_hint(feature, report.system_errno, host);
  }
  return status;
}

void probe_landlock_versions(Features& features, const ProbeContext& context, const ProbeReport& landlock) {
  if (landlock.state == FeatureState::kUnavailable) return;
  features.landlock_abi = landlock.value;
  const ProbeReport errata = run_probe(probe_landlock_errata, context);
  features.landlock_errata = static_cast<std::uint32_t>(errata.value);
  FeatureStatus status = features.status(Feature::kLandlock);
  status.detail = "ABI " + std::to_string(landlock.value) + (status.detail.empty() ? "" : ": " + status.detail);
  features.set(Feature::kLandlock, std::move(status));
}

}  // namespace

bool Features::usable(Layer layer) const { return usable(feature_of(layer)); }

Features Features::all_available() {
  Features features;
  for (FeatureStatus& status : features.statuses) status.state = FeatureState::kAvailable;
  features.landlock_abi = kNewestLandlockAbi;
  return features;
}

const FeatureDescription& describe_feature(Feature feature) { return kDescriptions[static_cast<std::size_t>(feature)]; }

// The first features are the layers, in the same order; the static_asserts hold it.
Feature feature_of(Layer layer) { return static_cast<Feature>(layer); }
static_assert(static_cast<int>(Feature::kUserNamespace) == static_cast<int>(Layer::kUserNamespace));
static_assert(static_cast<int>(Feature::kCgroupNamespace) == static_cast<int>(Layer::kCgroupNamespace));
static_assert(static_cast<int>(Feature::kControlGroup) == static_cast<int>(Layer::kControlGroup) && kLayerCount == 11);

std::string_view feature_state_name(FeatureState state) {
  switch (state) {
    case FeatureState::kAvailable:
      return "available";
    case FeatureState::kDegraded:
      return "degraded";
    case FeatureState::kUnavailable:
      break;
  }
  return "unavailable";
}

Features probe_features() {
  Features features;
  const ProbeContext context = make_probe_context();
  const HostFacts host = read_host_facts();
  for (const Probe& probe : kProbes) {
    const ProbeReport report = run_probe(probe.run, context);
    features.set(probe.feature, status_of(probe.feature, report, host));
    if (probe.feature == Feature::kLandlock) probe_landlock_versions(features, context, report);
  }
  features.set(Feature::kControlGroup, examine_control_group());
  features.set(Feature::kCgroupV2, examine_cgroup_v2());
  features.set(Feature::kCgroupV1, examine_cgroup_v1());
  features.set(Feature::kCorePattern, examine_core_pattern());
  return features;
}

}  // namespace writ
