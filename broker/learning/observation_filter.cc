#include "broker/learning/observation_filter.h"

#include <linux/fcntl.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "broker/learning/path_calls.h"
#include "broker/policy/bpf_assembler.h"

namespace writ {
namespace {

using Label = BackwardAssembler::Label;

constexpr std::uint32_t kArchOffset = offsetof(seccomp_data, arch);
constexpr std::uint32_t kNumberOffset = offsetof(seccomp_data, nr);

// Both supported architectures are little-endian: the lower half of an argument comes first.
constexpr std::uint32_t lower_half(int argument) {
  return static_cast<std::uint32_t>(offsetof(seccomp_data, args)) + static_cast<std::uint32_t>(argument) * 8;
}

class ObservationFilter {
 public:
  BpfProgram write() {
    for (const PathCall& row : path_calls()) add(row.call, path_verdict(row));
    for (const AddressCall& row : address_calls()) add(row.call, address_verdict(row));
    std::sort(targets_.begin(), targets_.end());
    Label next = allow_;
    for (auto target = targets_.rbegin(); target != targets_.rend(); ++target)
      next = out_.jump_if(BPF_JEQ, target->first, target->second, next);
    const Label by_number = out_.load(kNumberOffset, next);
    const Label native = out_.jump_if(BPF_JEQ, kNativeAuditArch, by_number, allow_);
    return out_.finish(out_.load(kArchOffset, native));
  }

 private:
  void add(const SyscallNumbers& call, Label verdict) {
    if (const std::int32_t number = native_number(call); number != kNotThere)
      targets_.emplace_back(static_cast<std::uint32_t>(number), verdict);
  }

  Label path_verdict(const PathCall& row) {
    if (row.empty_path == kNoArgument) return notify_;
    const Label test = out_.jump_if(BPF_JSET, AT_EMPTY_PATH, allow_, notify_);
    return out_.load(lower_half(row.empty_path), test);
  }

  // Only an address that is not null names something: connected sockets send without one.
  Label address_verdict(const AddressCall& row) {
    if (row.use != AddressUse::kSend) return notify_;
    const Label upper = out_.load(lower_half(row.address) + 4, out_.jump_if(BPF_JEQ, 0, allow_, notify_));
    return out_.load(lower_half(row.address), out_.jump_if(BPF_JEQ, 0, upper, notify_));
  }

  BackwardAssembler out_;
  Label allow_ = out_.return_value(SECCOMP_RET_ALLOW);
  Label notify_ = out_.return_value(SECCOMP_RET_USER_NOTIF);
  std::vector<std::pair<std::uint32_t, Label>> targets_;
};

}  // namespace

BpfProgram make_observation_filter() { return ObservationFilter().write(); }

}  // namespace writ
