#include "launcher/message.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace writ {
namespace {

constexpr int kMessagePatience = 5000;  // milliseconds

}  // namespace

bool write_patiently(int fd, std::string_view bytes, int patience_ms) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd ready{fd, POLLOUT, 0};
      if (::poll(&ready, 1, patience_ms) == 0) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

void print_message(std::string_view text) {
  const std::string line = "writ: " + std::string(text) + "\n";
  // Nobody can be told that telling failed.
  (void)write_patiently(STDERR_FILENO, line, kMessagePatience);
}

}  // namespace writ
