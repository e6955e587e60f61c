#include "broker/kernel/capabilities.h"

#include <linux/securebits.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>

#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

// Above CAP_LAST_CAP prctl answers EINVAL, which ends both loops; 64 is the width of the kernel's set.
constexpr int kCapabilityLimit = 64;

constexpr unsigned long kLockedSecurebits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                            SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                                            SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

long drop_bounding_set() {
  for (int capability = 0; capability < kCapabilityLimit; ++capability) {
    const long dropped = raw_syscall(SYS_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0);
    if (dropped == -EINVAL) return 0;
    if (dropped < 0) return dropped;
  }
  return 0;
}

bool bounding_set_is_empty() {
  for (int capability = 0; capability < kCapabilityLimit; ++capability)
    switch (raw_syscall(SYS_prctl, PR_CAPBSET_READ, capability, 0, 0, 0)) {
      case 0:
        continue;
      case -EINVAL:
        return true;  // beyond the last one the kernel knows
      default:
        return false;
    }
  return true;
}

long clear_sets() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none{};
  return raw_syscall(SYS_capset, &header, none.data());
}

bool sets_are_empty() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> sets{};
  if (raw_syscall(SYS_capget, &header, sets.data()) < 0) return false;
  for (const __user_cap_data_struct& half : sets)
    if ((half.effective | half.permitted | half.inheritable) != 0) return false;
  return true;
}

}  // namespace

long drop_every_capability() {
  // The bounding set needs CAP_SETPCAP, so it goes first; the sets themselves go last.
  if (const long result = drop_bounding_set(); result < 0) return result;
  if (const long result = raw_syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); result < 0)
    return result;
  if (const long result = raw_syscall(SYS_prctl, PR_SET_SECUREBITS, kLockedSecurebits, 0, 0, 0); result < 0)
    return result;
  if (const long result = clear_sets(); result < 0) return result;
  return sets_are_empty() && bounding_set_is_empty() ? 0 : -ENOTRECOVERABLE;
}

namespace {

long keep_capabilities(std::uint32_t low) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> sets{};
  sets[0].effective = sets[0].permitted = low;
  return raw_syscall(SYS_capset, &header, sets.data());
}

}  // namespace

long keep_only_mount_authority() { return keep_capabilities(1u << CAP_SYS_ADMIN | 1u << CAP_SETPCAP); }
long keep_only_identity_authority() { return keep_capabilities(1u << CAP_SETFCAP); }
long keep_no_capability() { return keep_capabilities(0); }

namespace {

// DAC_OVERRIDE, FOWNER: what a tool made belongs to another user. KILL: so do its processes. SETUID, SETGID: a
// mediating broker acts as the tool on files, and a serving one maps identities. CHOWN, SYS_ADMIN: views. SETFCAP: a
// map that holds the namespace's own uid 0 (user_namespaces(7)).
constexpr std::array<cap_value_t, 8> kRootBroker = {CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_KILL,    CAP_SETUID,
                                                    CAP_SETGID,       CAP_CHOWN,  CAP_SETFCAP, CAP_SYS_ADMIN};

std::span<const cap_value_t> kept_capabilities(BrokerStage stage) {
  const std::span<const cap_value_t> all(kRootBroker);
  switch (stage) {
    case BrokerStage::kSupervising:
      return {};
    case BrokerStage::kSupervisingAsRoot:
      return all.first(3);
    case BrokerStage::kMediatingAsRoot:
      return all.first(5);
    case BrokerStage::kServingTools:
      return all.last(1);
    case BrokerStage::kServingToolsAsRoot:
      return all;
  }
  return {};
}

// Without these no tool of root's can be made somebody else: its ids, its private directories, its bounding set.
constexpr std::array<cap_value_t, 4> kRootLauncher = {CAP_CHOWN, CAP_SETGID, CAP_SETUID, CAP_SETPCAP};

std::string capability_name(cap_value_t capability) {
  char* const name = cap_to_name(capability);
  std::string text = name == nullptr ? std::to_string(capability) : name;
  cap_free(name);
  return text;
}

// Without CAP_SETPCAP it stays as it is: a host without user namespaces gives an ordinary user nothing to lose, and
// no_new_privs keeps every program from taking anything out of it.
Status reduce_bounding_set(std::span<const cap_value_t> kept) {
  const cap_t current = cap_get_proc();
  cap_flag_value_t held = CAP_CLEAR;
  cap_get_flag(current, CAP_SETPCAP, CAP_EFFECTIVE, &held);
  cap_free(current);
  if (held == CAP_CLEAR) return {};
  for (cap_value_t capability = 0; cap_get_bound(capability) >= 0; ++capability) {
    const bool keep = std::find(kept.begin(), kept.end(), capability) != kept.end();
    if (!keep && cap_get_bound(capability) == 1 && cap_drop_bound(capability) != 0)
      return fail_errno(errno, "cannot reduce the broker's capability bounding set");
  }
  return {};
}

}  // namespace

Status require_launcher_capabilities() {
  const cap_t current = cap_get_proc();
  if (current == nullptr) return fail_errno(errno, "cannot read the broker's capabilities");
  std::string missing;
  for (const cap_value_t wanted : kRootLauncher) {
    cap_flag_value_t held = CAP_CLEAR;
    cap_get_flag(current, wanted, CAP_EFFECTIVE, &held);
    if (held == CAP_CLEAR) missing += (missing.empty() ? "" : ", ") + capability_name(wanted);
  }
  cap_free(current);
  if (missing.empty()) return {};
  return fail("uid 0 without the capabilities of root cannot make a tool somebody else; missing: " + missing,
              "run Writ as an ordinary user, or give the container these capabilities (docker: --cap-add)");
}

std::vector<std::string> held_capabilities() {
  std::vector<std::string> names;
  const cap_t current = cap_get_proc();
  for (cap_value_t capability = 0; capability < kCapabilityLimit; ++capability) {
    cap_flag_value_t held = CAP_CLEAR;
    if (cap_get_flag(current, capability, CAP_EFFECTIVE, &held) != 0) break;  // beyond what the library knows
    if (held == CAP_SET) names.push_back(capability_name(capability));
  }
  cap_free(current);
  return names;
}

Status limit_broker_capabilities(BrokerStage stage) {
  const std::span<const cap_value_t> kept = kept_capabilities(stage);
  WRIT_TRY(reduce_bounding_set(kept));
  (void)cap_reset_ambient();  // there are none before Linux 4.3
  const cap_t current = cap_get_proc();
  const cap_t reduced = cap_init();
  for (const cap_value_t wanted : kept) {
    cap_flag_value_t held = CAP_CLEAR;
    cap_get_flag(current, wanted, CAP_PERMITTED, &held);
    if (held == CAP_CLEAR) continue;
    cap_set_flag(reduced, CAP_PERMITTED, 1, &wanted, CAP_SET);
    cap_set_flag(reduced, CAP_EFFECTIVE, 1, &wanted, CAP_SET);
  }
  const int result = cap_set_proc(reduced);
  const int set_errno = errno;
  cap_free(current);
  cap_free(reduced);
  if (result != 0) return fail_errno(set_errno, "cannot reduce the broker's capabilities");
  return {};
}

}  // namespace writ
