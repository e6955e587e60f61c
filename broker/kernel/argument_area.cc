#include "broker/kernel/argument_area.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

extern char** environ;

namespace writ {
namespace {

// Arguments first, the environment behind them, without a gap (execve(2) puts them there).
struct Area {
  char* begin = nullptr;
  char* end_of_arguments = nullptr;
  char* end = nullptr;
};
Area area;

char* end_of(char* text) { return text + std::strlen(text) + 1; }

// glibc gives main's arguments to constructors. Here, because `environ` points elsewhere after the first setenv(3).
[[gnu::constructor]] void find_argument_area(int argc, char** argv, char** environment) {
  if (argc < 1 || argv[0] == nullptr) return;
  area.begin = argv[0];
  area.end_of_arguments = end_of(argv[argc - 1]);
  area.end = area.end_of_arguments;
  for (char** entry = environment; *entry != nullptr; ++entry) area.end = end_of(*entry);
}

constexpr auto kKeptVariables =
    std::to_array<std::string_view>({"TZ", "TZDIR", "TERM", "COLUMNS", "LINES", "NO_COLOR", "LANG", "LANGUAGE",
                                     "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "LC_TIME", "HOME", "PATH", "TMPDIR"});

bool is_kept(std::string_view variable) {
  const std::string_view name = variable.substr(0, variable.find('='));
  return std::find(kKeptVariables.begin(), kKeptVariables.end(), name) != kKeptVariables.end();
}

}  // namespace

void blank_argument_area(const char* title) {
  if (area.begin == nullptr || area.end < area.end_of_arguments) return;
  std::memset(area.begin, 0, static_cast<std::size_t>(area.end - area.begin));
  const std::size_t length = std::strlen(title);
  if (area.begin + length + 1 >= area.end_of_arguments) return;
  std::memcpy(area.begin, title, length);
  // A last byte that is not zero makes the kernel show a title, up to its first zero (fs/proc/base.c: get_mm_cmdline);
  // without it the length of what was there would show.
  area.end_of_arguments[-1] = '.';
}

void forget_environment() {
  if (environ == nullptr) return;
  char** kept = environ;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (is_kept(*entry))
      *kept++ = *entry;
    else
      ::explicit_bzero(*entry, std::strlen(*entry));
  }
  *kept = nullptr;
}

}  // namespace writ
