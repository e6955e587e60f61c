#include "tools/native/descriptor_reading.h"

#include <unistd.h>

#include <cerrno>

namespace writ::tools {

DoorResult<std::size_t> read_bytes(int descriptor, std::span<char> buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t got = ::read(descriptor, buffer.data() + filled, buffer.size() - filled);
    if (got == 0) break;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return tl::unexpected(RequestError{FailureCode::kFailed, {}});
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

}  // namespace writ::tools
