// CommandSpec: what a command takes on its command line, as data. Each command describes itself beside its options;
// command_spec.cc is the only file that sees CLI11. Only the command that was asked for is described and constructed:
// reading the line is part of every launch.
#ifndef WRIT_LAUNCHER_COMMAND_SPEC_H_
#define WRIT_LAUNCHER_COMMAND_SPEC_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

namespace writ {

// Nothing left to do: help or the version was printed, or the usage was wrong and that was said.
struct CommandLineDone {
  int exit_status = 0;
};

template <class T>
using Parsed = tl::expected<T, CommandLineDone>;

enum class Need : std::uint8_t { kOptional, kRequired };

// One option, or a positional argument when the name has no dash. The target decides the kind: bool is a flag, string
// takes one value, vector takes one value each time (a positional: all that are left).
struct OptionSpec {
  const char* names;  // "-p,--profile", or "NAME" for a positional
  const char* help;   // empty: not for people, left out of the help
  const char* type;   // how help calls the value
  std::variant<bool*, std::string*, std::vector<std::string>*> target;
  Need need = Need::kOptional;
};

struct CommandSpec {
  std::string name;  // as typed: "writ run"
  std::string_view summary;
  std::string_view footer;  // longer help with examples
  std::vector<OptionSpec> options;
};

// One row of the list of commands in the help of `writ` or `writ profile`.
struct CommandTitle {
  std::string_view name;
  std::string_view summary;
};

// What was typed, split at the first "--".
struct TypedWords {
  std::vector<std::string> ours;
  std::vector<std::string> command;
  bool separated = false;
};
[[nodiscard]] TypedWords split_at_separator(std::span<const std::string> words);

// Reads `words` into the targets of `spec`. --help prints the help of the command. Errors are printed.
[[nodiscard]] Parsed<void> read_words(const CommandSpec& spec, std::span<const std::string> words);

// The same without the short way for plain lines (plain_words.h).
[[nodiscard]] Parsed<void> read_any_words(const CommandSpec& spec, std::span<const std::string> words);

// Answers a line that names none of `titles`: help, the version (for `writ` itself), or an error with a suggestion.
[[nodiscard]] CommandLineDone answer_without_command(const CommandSpec& spec, std::span<const CommandTitle> titles,
                                                     std::span<const std::string> words);

// Prints "writ: message" and where help is found. `message` is escaped already.
CommandLineDone usage_error(std::string_view message, std::string_view command = "writ");

}  // namespace writ

#endif  // WRIT_LAUNCHER_COMMAND_SPEC_H_
