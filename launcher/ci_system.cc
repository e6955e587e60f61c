#include "launcher/ci_system.h"

#include <array>
#include <utility>

#include "launcher/command_neutraliser.h"

namespace writ {
namespace {

struct SystemName {
  CiSystem system;
  std::string_view name;
};

constexpr std::array<SystemName, 7> kSystems = {{{CiSystem::kPlain, "plain"},
                                                 {CiSystem::kGitHub, "github"},
                                                 {CiSystem::kGitLab, "gitlab"},
                                                 {CiSystem::kJenkins, "jenkins"},
                                                 {CiSystem::kBuildkite, "buildkite"},
                                                 {CiSystem::kAzure, "azure"},
                                                 {CiSystem::kCircle, "circle"}}};

std::string_view level_word(CiLevel level) {
  constexpr std::array<std::string_view, 3> kWords = {"error", "warning", "notice"};
  return kWords[static_cast<std::size_t>(level)];
}

using Replacement = std::pair<char, std::string_view>;

template <std::size_t kCount>
std::string replaced(std::string_view text, const std::array<Replacement, kCount>& table) {
  std::string out;
  for (const char byte : text) {
    std::string_view shown(&byte, 1);
    for (const auto& [from, to] : table)
      if (from == byte) shown = to;
    out.append(shown);
  }
  return out;
}

// What the runner undoes in a command's message, and in the value of a property.
std::string github_message(std::string_view text) {
  return replaced(text, std::array<Replacement, 3>{{{'%', "%25"}, {'\r', "%0D"}, {'\n', "%0A"}}});
}
std::string github_property(std::string_view text) {
  return replaced(text,
                  std::array<Replacement, 5>{{{'%', "%25"}, {'\r', "%0D"}, {'\n', "%0A"}, {':', "%3A"}, {',', "%2C"}}});
}

std::string azure_message(std::string_view text) {
  return replaced(text, std::array<Replacement, 3>{{{'%', "%AZP25"}, {'\r', "%0D"}, {'\n', "%0A"}}});
}
std::string azure_property(std::string_view text) {
  return replaced(
      text, std::array<Replacement, 5>{{{'%', "%AZP25"}, {'\r', "%0D"}, {'\n', "%0A"}, {']', "%5D"}, {';', "%3B"}}});
}

std::string one_line(std::string_view text) {
  return replaced(text, std::array<Replacement, 3>{{{'\r', " "}, {'\n', " "}, {'\x1b', " "}}});
}

std::string github_annotation(const CiAnnotation& annotation) {
  std::string line = "::";
  line.append(level_word(annotation.level)).append(" ");
  if (!annotation.file.empty()) line.append("file=").append(github_property(annotation.file)).append(",");
  if (annotation.line > 0) line.append("line=").append(std::to_string(annotation.line)).append(",");
  line.append("title=").append(github_property(annotation.title));
  return line.append("::").append(github_message(annotation.message)).append("\n");
}

// There are two types only: what is a notice elsewhere is a line.
std::string azure_annotation(const CiAnnotation& annotation) {
  const std::string text = azure_message(annotation.title + ": " + annotation.message);
  if (annotation.level == CiLevel::kNotice) return "writ: " + without_ci_commands(text) + "\n";
  std::string line = "##vso[task.logissue type=";
  line.append(level_word(annotation.level)).append(";");
  if (!annotation.file.empty()) line.append("sourcepath=").append(azure_property(annotation.file)).append(";");
  if (annotation.line > 0) line.append("linenumber=").append(std::to_string(annotation.line)).append(";");
  return line.append("]").append(text).append("\n");
}

std::string plain_annotation(const CiAnnotation& annotation) {
  std::string line = "writ: ";
  line.append(level_word(annotation.level)).append(": ");
  if (!annotation.file.empty()) line.append(one_line(annotation.file));
  if (!annotation.file.empty() && annotation.line > 0) line.append(":").append(std::to_string(annotation.line));
  if (!annotation.file.empty()) line.append(": ");
  return line.append(one_line(annotation.title + ": " + annotation.message)).append("\n");
}

std::string gitlab_mark(std::string_view word, const CiGroup& group, std::time_t now) {
  std::string mark = "\x1b[0Ksection_";
  mark.append(word).append(":").append(std::to_string(now)).append(":").append(group.id);
  return mark.append("\r\x1b[0K");
}

}  // namespace

std::string_view ci_system_name(CiSystem system) { return kSystems[static_cast<std::size_t>(system)].name; }

std::optional<CiSystem> ci_system_from_name(std::string_view name) {
  for (const SystemName& entry : kSystems)
    if (entry.name == name) return entry.system;
  return std::nullopt;
}

std::vector<std::string_view> ci_system_names() {
  std::vector<std::string_view> names;
  names.reserve(kSystems.size());
  for (const SystemName& entry : kSystems) names.push_back(entry.name);
  return names;
}

CiSystem detect_ci_system(const VariableLookup& variable) {
  const auto is_true = [&](const char* name) {
    const std::string value = variable(name);
    return value == "true" || value == "True" || value == "1";
  };
  if (is_true("GITHUB_ACTIONS")) return CiSystem::kGitHub;
  if (is_true("GITLAB_CI")) return CiSystem::kGitLab;
  if (is_true("BUILDKITE")) return CiSystem::kBuildkite;
  if (is_true("TF_BUILD")) return CiSystem::kAzure;
  if (is_true("CIRCLECI")) return CiSystem::kCircle;
  const bool jenkins = !variable("JENKINS_URL").empty() || variable("BUILD_TAG").starts_with("jenkins-");
  return jenkins ? CiSystem::kJenkins : CiSystem::kPlain;
}

std::vector<std::string> ci_command_files(CiSystem system, const VariableLookup& variable) {
  std::vector<const char*> names;
  if (system == CiSystem::kGitHub)
    names = {"GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"};
  if (system == CiSystem::kCircle) names = {"BASH_ENV"};
  if (system == CiSystem::kBuildkite) names = {"BUILDKITE_ENV_FILE"};
  std::vector<std::string> files;
  for (const char* name : names)
    if (std::string path = variable(name); path.starts_with('/')) files.push_back(std::move(path));
  return files;
}

CiCommands ci_commands(CiSystem system) {
  if (system == CiSystem::kGitHub) return CiCommands::kStopped;
  return system == CiSystem::kAzure ? CiCommands::kNeutralised : CiCommands::kNone;
}

std::string ci_annotation(CiSystem system, const CiAnnotation& annotation) {
  if (system == CiSystem::kGitHub) return github_annotation(annotation);
  return system == CiSystem::kAzure ? azure_annotation(annotation) : plain_annotation(annotation);
}

std::string ci_group_begin(CiSystem system, const CiGroup& group, std::time_t now) {
  switch (system) {
    case CiSystem::kGitHub:
      return "::group::" + github_message(group.title) + "\n";
    case CiSystem::kAzure:
      return "##[group]" + without_ci_commands(one_line(group.title)) + "\n";
    case CiSystem::kGitLab:
      return gitlab_mark("start", group, now) + one_line(group.title) + "\n";
    case CiSystem::kBuildkite:
      return "--- " + one_line(group.title) + "\n";
    case CiSystem::kPlain:
    case CiSystem::kJenkins:
    case CiSystem::kCircle:
      return {};
  }
  return {};
}

std::string ci_group_end(CiSystem system, const CiGroup& group, std::time_t now, CiGroupEnd end) {
  if (system == CiSystem::kGitHub) return "::endgroup::\n";
  if (system == CiSystem::kAzure) return "##[endgroup]\n";
  if (system == CiSystem::kGitLab) return gitlab_mark("end", group, now) + "\n";
  // Buildkite's groups end where the next begins; this one opens the current one.
  return system == CiSystem::kBuildkite && end == CiGroupEnd::kFailed ? "^^^ +++\n" : "";
}

std::string ci_stop_commands(CiSystem system, std::string_view token) {
  if (ci_commands(system) != CiCommands::kStopped) return {};
  return std::string("::stop-commands::").append(token).append("\n");
}

std::string ci_resume_commands(CiSystem system, std::string_view token) {
  if (ci_commands(system) != CiCommands::kStopped) return {};
  return std::string("::").append(token).append("::\n");
}

}  // namespace writ
