// The short way to read a command line: options by their exact names, each value a word of its own. Most launches are
// typed like that, and describing all options to CLI11 costs them more than everything else about the line. Whatever
// looks otherwise (--option=value, -xyz, help, a positional argument, a mistake) is left to CLI11 (command_spec.h);
// that both read the same is held by a unit test.
#ifndef WRIT_LAUNCHER_PLAIN_WORDS_H_
#define WRIT_LAUNCHER_PLAIN_WORDS_H_

#include <cstdint>
#include <span>
#include <string>

#include "launcher/command_spec.h"

namespace writ {

enum class PlainWords : std::uint8_t { kRead, kNotPlain };

// Reads `words` into the targets of `spec`. With kNotPlain no target was touched. Pure; any thread.
[[nodiscard]] PlainWords read_plain_words(const CommandSpec& spec, std::span<const std::string> words);

}  // namespace writ

#endif  // WRIT_LAUNCHER_PLAIN_WORDS_H_
