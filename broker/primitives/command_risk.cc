#include "broker/primitives/command_risk.h"

#include <algorithm>
#include <array>

namespace writ {
namespace {

constexpr auto kDestructive =
    std::to_array<std::string_view>({"rm", "del", "rmdir", "remove-item", "move-item", "chmod", "chown", "icacls",
                                     "reg", "regedit", "taskkill", "sudo", "su", "runas", "docker", "kubectl"});
constexpr auto kNetwork =
    std::to_array<std::string_view>({"curl", "wget", "ssh", "scp", "sftp", "nc", "ncat", "netcat"});
constexpr auto kPackages =
    std::to_array<std::string_view>({"npm", "npx", "yarn", "pnpm", "pip", "pip3", "uv", "cargo"});
constexpr auto kInterpreters =
    std::to_array<std::string_view>({"bash", "sh", "dash", "zsh", "fish", "cmd", "powershell", "pwsh", "python",
                                     "python3", "py", "node", "ruby", "perl", "php"});
// Programs beside those whose words can hold a script.
constexpr auto kScriptPrograms = std::to_array<std::string_view>(
    {"ash", "ksh", "mksh", "csh", "tcsh", "awk", "gawk", "mawk", "lua", "tclsh", "expect", "pypy", "watch", "script"});
constexpr std::string_view kShellCharacters = "|&;<>()$`\\\"'*?[]#~=%{}!\n\r\t ";
constexpr std::string_view kWordEnds = " \t\r\n;|&()<>`$\"'{}=";

using Words = std::span<const std::string>;

template <class List>
bool is_in(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// "/bin/RM.exe" is rm: names are compared as the least careful system would.
std::string plain_name(std::string_view word) {
  word = word.substr(word.find_last_of("/\\") + 1);  // npos + 1 is 0
  std::string name(word);
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (name.ends_with(".exe")) name.resize(name.size() - 4);
  return name;
}

// Of "python3.11" what python is.
std::string_view without_version(std::string_view name) {
  return name.substr(0, name.find_last_not_of("0123456789.-") + 1);  // npos + 1 is 0
}

bool runs_script(std::string_view word) {
  const std::string name = plain_name(word);
  const std::string_view plain = without_version(name);
  return is_in(kInterpreters, name) || is_in(kInterpreters, plain) || is_in(kScriptPrograms, plain);
}

// `env -S "TEXT"` makes words of the text.
bool splits_text(Words argv) {
  const auto is_split = [](std::string_view word) {
    const bool is_short = word.starts_with('-') && !word.starts_with("--");
    return word.starts_with("--s") || (is_short && word.find('S') != std::string_view::npos);
  };
  return std::any_of(argv.begin(), argv.end(), [](const std::string& word) { return plain_name(word) == "env"; }) &&
         std::any_of(argv.begin(), argv.end(), is_split);
}

bool names_destructive(std::string_view word) { return is_in(kDestructive, plain_name(word)); }

// A script for a shell, in one word of the command line.
bool script_is_destructive(std::string_view script) {
  while (!script.empty()) {
    const std::size_t end = std::min(script.find_first_of(kWordEnds), script.size());
    if (end > 0 && names_destructive(script.substr(0, end))) return true;
    script.remove_prefix(std::min(end + 1, script.size()));
  }
  return false;
}

bool is_destructive(Words argv) {
  if (std::any_of(argv.begin(), argv.end(), [](const std::string& word) { return names_destructive(word); }))
    return true;
  const bool has_script =
      splits_text(argv) || std::any_of(argv.begin(), argv.end(), [](const std::string& w) { return runs_script(w); });
  return has_script &&
         std::any_of(argv.begin() + 1, argv.end(), [](const std::string& word) { return script_is_destructive(word); });
}

bool begins_with(Words argv, std::initializer_list<std::string_view> words) {
  return argv.size() >= words.size() && std::equal(words.begin(), words.end(), argv.begin());
}

bool is_exactly(Words argv, std::initializer_list<std::string_view> words) {
  return argv.size() == words.size() && begins_with(argv, words);
}

bool is_project_code(Words argv) {
  return argv.front() == "pytest" || begins_with(argv, {"npm", "test"}) || begins_with(argv, {"npm", "run"}) ||
         begins_with(argv, {"uv", "run"}) || begins_with(argv, {"cargo", "test"}) ||
         begins_with(argv, {"cargo", "run"}) || begins_with(argv, {"python", "-m", "pytest"}) ||
         begins_with(argv, {"python3", "-m", "pytest"});
}

bool is_harmless(Words argv) {
  const bool asks_version = argv.size() == 2 && argv[1] == "--version" && argv[0].find('/') == std::string::npos;
  return asks_version || is_exactly(argv, {"git", "status"}) || is_exactly(argv, {"git", "status", "--short"}) ||
         is_exactly(argv, {"git", "branch", "--show-current"}) || is_exactly(argv, {"git", "diff", "--stat"}) ||
         is_exactly(argv, {"git", "rev-parse", "--show-toplevel"});
}

bool has_shell_characters(Words argv) {
  return std::any_of(argv.begin(), argv.end(),
                     [](const std::string& word) { return word.find_first_of(kShellCharacters) != std::string::npos; });
}

}  // namespace

CommandRisk classify_command(Words argv) {
  if (is_destructive(argv))
    return {RiskLevel::kDestructive, Effect::kDeny, "it names a program that destroys or takes over"};
  const std::string& program = argv.front();
  if (is_in(kNetwork, program)) return {RiskLevel::kHigh, Effect::kAsk, "it reaches other machines"};
  if (is_project_code(argv)) return {RiskLevel::kMedium, Effect::kAsk, "it runs code of the project"};
  if (begins_with(argv, {"python", "-m", "compileall"}) || begins_with(argv, {"python3", "-m", "compileall"}))
    return {RiskLevel::kHigh, Effect::kAsk, "it writes compiled code"};
  if (is_in(kPackages, program)) return {RiskLevel::kHigh, Effect::kAsk, "it installs and runs packages"};
  if (is_in(kInterpreters, program)) return {RiskLevel::kHigh, Effect::kAsk, "it runs any program text"};
  if (has_shell_characters(argv)) return {RiskLevel::kMedium, Effect::kAsk, "it has characters of a shell's language"};
  if (is_harmless(argv)) return {RiskLevel::kHarmless, Effect::kAllow, "it only looks"};
  if (is_exactly(argv, {"git", "diff"})) return {RiskLevel::kLow, Effect::kAllow, "it only looks"};
  return {RiskLevel::kMedium, Effect::kAsk, "nothing is known about it"};
}

}  // namespace writ
