#include "launcher/standard_output.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "broker/sandbox/launch.h"
#include "launcher/message.h"

namespace writ {

Colour colour_for_standard_output() {
  const char* no_colour = std::getenv("NO_COLOR");
  const bool unwanted = no_colour != nullptr && *no_colour != '\0';
  return !unwanted && ::isatty(STDOUT_FILENO) == 1 ? Colour::kAlways : Colour::kNever;
}

std::string painted(std::string_view text, Tint tint, Colour colour) {
  constexpr std::array<std::string_view, 5> kStarts = {"\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[1m", "\x1b[2m"};
  if (colour == Colour::kNever || text.empty()) return std::string(text);
  return std::string(kStarts[static_cast<std::size_t>(tint)]).append(text).append("\x1b[0m");
}

bool print_standard_output(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

int print_result(std::string_view text, int exit_status) {
  if (print_standard_output(text)) return exit_status;
  print_message("cannot write to standard output: " + std::string(std::strerror(errno)));
  return kExitWritFailed;
}

}  // namespace writ
