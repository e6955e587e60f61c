// The probes behind probe_features(): each tries one thing in a forked child. Internal to broker/kernel.
//
// Fork safety: a ProbeFunction runs in a child of a possibly threaded process, so it makes system calls only: no
// allocation, no locks, no C++ streams. Everything it needs is computed beforehand and handed over in ProbeContext.
#ifndef WRIT_BROKER_KERNEL_FEATURE_PROBE_H_
#define WRIT_BROKER_KERNEL_FEATURE_PROBE_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>

#include "broker/kernel/features.h"

namespace writ {

inline constexpr std::chrono::milliseconds kProbeDeadline{5000};

enum class Privilege : std::uint8_t { kOrdinary, kSystemAdministrator };  // CAP_SYS_ADMIN here and now?

struct ProbeContext {
  Privilege privilege = Privilege::kOrdinary;
  std::array<char, 64> uid_map{};  // "<uid> <uid> 1\n": the caller mapped to itself
  std::array<char, 64> gid_map{};
};

// What a probe has to say. `step` points to a string literal: the child is a fork of this very program, so the address
// means the same on both sides of the pipe.
struct ProbeReport {
  FeatureState state = FeatureState::kAvailable;
  std::int32_t system_errno = 0;
  std::int32_t value = 0;
  const char* step = "";  // the step that failed, or what was found
};
static_assert(std::is_trivially_copyable_v<ProbeReport>);

using ProbeFunction = ProbeReport (*)(const ProbeContext&);

// What the host says about itself; only used to give better hints.
struct HostFacts {
  std::optional<std::int64_t> max_user_namespaces;
  std::optional<std::int64_t> unprivileged_userns_clone;  // Debian's and Ubuntu's own switch
  std::optional<std::int64_t> apparmor_restricts_userns;  // Ubuntu 23.10 and newer
  bool in_container = false;
  bool under_seccomp = false;  // a filter was already in force when Writ started
};

// Returns a report of failure at `step` with the calling thread's errno.
[[nodiscard]] ProbeReport probe_failed(const char* step);

// Runs `probe` in a forked child and returns its report; a child that dies or exceeds `deadline` is a failure.
[[nodiscard]] ProbeReport run_probe(ProbeFunction probe, const ProbeContext& context,
                                    std::chrono::milliseconds deadline = kProbeDeadline);

// Returns the caller's privilege and identity maps.
[[nodiscard]] ProbeContext make_probe_context();

// Reads sysctls and marks of containers. Everything that cannot be read stays absent.
[[nodiscard]] HostFacts read_host_facts();

// Returns what to do about `feature` that failed with `system_errno`; pure.
[[nodiscard]] std::string probe_hint(Feature feature, int system_errno, const HostFacts& host);

// feature_probe_namespaces.cc
[[nodiscard]] ProbeReport probe_user_namespace(const ProbeContext& context);
[[nodiscard]] ProbeReport probe_pid_namespace(const ProbeContext& context);
[[nodiscard]] ProbeReport probe_network_namespace(const ProbeContext& context);
[[nodiscard]] ProbeReport probe_ipc_namespace(const ProbeContext& context);
[[nodiscard]] ProbeReport probe_uts_namespace(const ProbeContext& context);
[[nodiscard]] ProbeReport probe_cgroup_namespace(const ProbeContext& context);
[[nodiscard]] ProbeReport probe_proc_mount(const ProbeContext& context);
// Enters a user namespace (skipped for CAP_SYS_ADMIN), then unshares `flags`; reports the step that failed.
[[nodiscard]] ProbeReport enter_namespaces(const ProbeContext& context, int flags);

// feature_probe_mounts.cc
[[nodiscard]] ProbeReport probe_view(const ProbeContext& context);
[[nodiscard]] ProbeReport probe_locked_view(const ProbeContext& context);
[[nodiscard]] ProbeReport probe_idmapped_mounts(const ProbeContext& context);

// feature_probe_calls.cc
[[nodiscard]] ProbeReport probe_landlock(const ProbeContext& context);
[[nodiscard]] ProbeReport probe_landlock_errata(const ProbeContext& context);
[[nodiscard]] ProbeReport probe_seccomp(const ProbeContext& context);
[[nodiscard]] ProbeReport probe_no_new_privileges(const ProbeContext& context);
[[nodiscard]] ProbeReport probe_clone3(const ProbeContext& context);
[[nodiscard]] ProbeReport probe_close_range(const ProbeContext& context);
[[nodiscard]] ProbeReport probe_pidfd(const ProbeContext& context);
[[nodiscard]] ProbeReport probe_openat2(const ProbeContext& context);

// feature_probe_host.cc: informational, by reading; no child needed.
[[nodiscard]] FeatureStatus examine_control_group();
[[nodiscard]] FeatureStatus examine_cgroup_v2();
[[nodiscard]] FeatureStatus examine_cgroup_v1();
[[nodiscard]] FeatureStatus examine_core_pattern();

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_FEATURE_PROBE_H_
