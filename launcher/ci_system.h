// CiSystem: which CI system this step runs in, and how it wants groups, annotations and the end of commands written.
// Pure: text in, text out. docs/ci.md has the sources of each syntax.
//
// What comes from a tool passes through escape_bytes() before it comes here: it has no line ends and no control
// characters. What would end or begin a command of the CI system is escaped here.
#ifndef WRIT_LAUNCHER_CI_SYSTEM_H_
#define WRIT_LAUNCHER_CI_SYSTEM_H_

#include <cstdint>
#include <ctime>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace writ {

enum class CiSystem : std::uint8_t { kPlain, kGitHub, kGitLab, kJenkins, kBuildkite, kAzure, kCircle };

// "github", "gitlab", …, "plain".
[[nodiscard]] std::string_view ci_system_name(CiSystem system);
[[nodiscard]] std::optional<CiSystem> ci_system_from_name(std::string_view name);
[[nodiscard]] std::vector<std::string_view> ci_system_names();

// The value of an environment variable; empty when it is not set.
using VariableLookup = std::function<std::string(const char* name)>;

// By what each system sets in every step. kPlain where nothing is known.
[[nodiscard]] CiSystem detect_ci_system(const VariableLookup& variable);

// The files through which a step may command the system: what is written there happens with the system's authority.
// Those of `system` that `variable` names; absolute paths only.
[[nodiscard]] std::vector<std::string> ci_command_files(CiSystem system, const VariableLookup& variable);

// What the system does with lines that a program prints.
enum class CiCommands : std::uint8_t {
  kNone,         // nothing but layout
  kStopped,      // obeys them, and can be told to stop (GitHub)
  kNeutralised,  // obeys them, and cannot: Writ makes them harmless (Azure)
};
[[nodiscard]] CiCommands ci_commands(CiSystem system);

enum class CiLevel : std::uint8_t { kError, kWarning, kNotice };

struct CiAnnotation {
  CiLevel level = CiLevel::kWarning;
  std::string title;
  std::string message;
  std::string file;  // may be empty
  std::uint64_t line = 0;
};

// A group of lines. `id` is a word that nobody can guess.
struct CiGroup {
  std::string title;
  std::string id;
};

// Each is one or more whole lines, or empty where the system has nothing like it.
[[nodiscard]] std::string ci_annotation(CiSystem system, const CiAnnotation& annotation);
[[nodiscard]] std::string ci_group_begin(CiSystem system, const CiGroup& group, std::time_t now);
enum class CiGroupEnd : std::uint8_t { kSucceeded, kFailed };
[[nodiscard]] std::string ci_group_end(CiSystem system, const CiGroup& group, std::time_t now, CiGroupEnd end);
// Between these two lines the system obeys no command. `token` is one word that nobody can guess.
[[nodiscard]] std::string ci_stop_commands(CiSystem system, std::string_view token);
[[nodiscard]] std::string ci_resume_commands(CiSystem system, std::string_view token);

}  // namespace writ

#endif  // WRIT_LAUNCHER_CI_SYSTEM_H_
