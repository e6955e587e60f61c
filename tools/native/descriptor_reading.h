// Reads what the broker handed over as a descriptor. The descriptor is borrowed.
#ifndef WRIT_TOOLS_NATIVE_DESCRIPTOR_READING_H_
#define WRIT_TOOLS_NATIVE_DESCRIPTOR_READING_H_

#include <cstddef>
#include <span>

#include "tools/native/broker_door.h"

namespace writ::tools {

inline constexpr std::size_t kReadPiece = 64 * 1024;

// Reads from where the descriptor stands until `buffer` is full or the file ends, and returns how much that was.
// Error: kFailed, the kernel's reason is not passed on.
[[nodiscard]] DoorResult<std::size_t> read_bytes(int descriptor, std::span<char> buffer);

}  // namespace writ::tools

#endif  // WRIT_TOOLS_NATIVE_DESCRIPTOR_READING_H_
