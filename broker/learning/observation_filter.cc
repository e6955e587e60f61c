#include "broker/learning/observation_filter.h"

#include <linux/fcntl.h>

#include <cstdint>

#include "broker/learning/path_calls.h"

namespace writ {
namespace {

TrappedCall unless(std::uint32_t number, std::int8_t argument, std::uint32_t mask, std::uint32_t value) {
  const ArgumentTest test{static_cast<std::uint8_t>(argument), mask, {value}};
  return {number, TrapScope::kUnless, {{test}}};
}

TrappedCall trap_of(const PathCall& row, std::uint32_t number) {
  if (row.empty_path == kNoArgument || row.first.use == PathUse::kExecute) return {number, TrapScope::kAlways, {}};
  return unless(number, row.empty_path, AT_EMPTY_PATH, AT_EMPTY_PATH);
}

// A filter sees the lower half of a pointer. One that is not null and has only zeros there names nothing either, as far
// as learning is concerned.
TrappedCall trap_of(const AddressCall& row, std::uint32_t number) {
  if (row.use != AddressUse::kSend) return {number, TrapScope::kAlways, {}};
  return unless(number, row.address, 0xFFFFFFFFu, 0);
}

template <class Rows>
void add_traps(const Rows& rows, std::vector<TrappedCall>& traps) {
  for (const auto& row : rows)
    if (const std::int32_t number = native_number(row.call); number != kNotThere)
      traps.push_back(trap_of(row, static_cast<std::uint32_t>(number)));
}

}  // namespace

std::vector<TrappedCall> observed_calls() {
  std::vector<TrappedCall> traps;
  add_traps(path_calls(), traps);
  add_traps(address_calls(), traps);
  return traps;
}

Result<BpfProgram> make_observation_filter() { return compile_listener_filter(observed_calls()); }

}  // namespace writ
