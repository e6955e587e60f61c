#include "broker/mediation/look_calls.h"

#include <algorithm>
#include <array>

namespace writ {
namespace {

constexpr CallPath followed(int path, int directory = -1) {
  return {static_cast<std::int8_t>(path), static_cast<std::int8_t>(directory), FinalLink::kFollowed};
}
constexpr CallPath meant(int path, int directory = -1) {
  return {static_cast<std::int8_t>(path), static_cast<std::int8_t>(directory), FinalLink::kMeant};
}

// Arguments as in syscalls(2) and the page of each call. chroot(2) and mount calls do not exist in a sandbox.
constexpr auto kLooks = std::to_array<LookCall>({
    {numbers_of("open"), Look::kOpen, followed(0), 1},
    {numbers_of("openat"), Look::kOpen, followed(1, 0), 2},
    {numbers_of("stat"), Look::kInspect, followed(0)},
    {numbers_of("lstat"), Look::kInspect, meant(0)},
    {numbers_of("newfstatat"), Look::kInspect, followed(1, 0), 3},
    {numbers_of("statx"), Look::kInspect, followed(1, 0), 2},
    {numbers_of("access"), Look::kInspect, followed(0)},
    {numbers_of("faccessat"), Look::kInspect, followed(1, 0)},
    {numbers_of("faccessat2"), Look::kInspect, followed(1, 0), 3},
    {numbers_of("readlink"), Look::kInspect, meant(0)},
    {numbers_of("readlinkat"), Look::kInspect, meant(1, 0)},
    {numbers_of("statfs"), Look::kInspect, followed(0)},
    {numbers_of("getxattr"), Look::kInspect, followed(0)},
    {numbers_of("lgetxattr"), Look::kInspect, meant(0)},
    {numbers_of("listxattr"), Look::kInspect, followed(0)},
    {numbers_of("llistxattr"), Look::kInspect, meant(0)},
    {numbers_of("chdir"), Look::kEnter, followed(0)},
    {numbers_of("inotify_add_watch"), Look::kEnter, followed(1)},
    {numbers_of("execve"), Look::kExecute, followed(0)},
    {numbers_of("execveat"), Look::kExecute, followed(1, 0), 4},
});

std::int32_t number_on(const SyscallNumbers& call, std::uint32_t audit_arch) {
  return audit_arch == AUDIT_ARCH_X86_64 ? call.x86_64 : call.aarch64;
}

}  // namespace

std::span<const LookCall> look_calls() { return kLooks; }

const LookCall* find_look_call(std::int32_t number) {
  for (const LookCall& row : kLooks)
    if (number != kNotThere && number_on(row.call, kNativeAuditArch) == number) return &row;
  return nullptr;
}

std::vector<TrappedCall> look_traps(TrapReach reach, std::uint32_t audit_arch) {
  std::vector<TrappedCall> traps;
  for (const LookCall& row : kLooks)
    if (const std::int32_t number = number_on(row.call, audit_arch); number != kNotThere)
      traps.push_back({static_cast<std::uint32_t>(number), TrapScope::kAlways, {}});
  if (reach == TrapReach::kLooks) return traps;
  for (TrappedCall& change : mediated_traps(audit_arch)) {
    const bool known =
        std::any_of(traps.begin(), traps.end(), [&](const TrappedCall& trap) { return trap.number == change.number; });
    if (!known) traps.push_back(std::move(change));
  }
  return traps;
}

}  // namespace writ
