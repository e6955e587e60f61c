#include "launcher/ci_log.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <utility>

#include "broker/authority/random_bits.h"
#include "broker/base/hex_text.h"
#include "launcher/command_neutraliser.h"
#include "launcher/message.h"

namespace writ {
namespace {

constexpr std::size_t kShownFindings = 10;  // what GitHub shows of each kind for one step
constexpr std::size_t kShownArtifacts = 20;
constexpr int kPatience = 60'000;  // milliseconds for a log that is not read

std::string random_word() {
  const RandomBits bits = system_random_bits();
  std::array<std::uint8_t, sizeof bits> bytes{};
  std::memcpy(bytes.data(), &bits, sizeof bits);
  return "writ-" + hex_text(bytes);
}

// As the repository sees it.
std::string relative_to(const std::string& path, const std::string& workspace) {
  const bool inside = !workspace.empty() && path.starts_with(workspace + "/");
  return inside ? path.substr(workspace.size() + 1) : path;
}

}  // namespace

// A system without groups has nothing to say that a program's reader could not do without: standard error is for it.
CiLog::CiLog(CiSystem system, Volume volume, int log, const SecretMask& mask)
    : system_(system), volume_(volume), log_(log), mask_(mask), token_(random_word()) {
  if (system == CiSystem::kPlain || system == CiSystem::kJenkins || system == CiSystem::kCircle) log_ = STDERR_FILENO;
  group_.id = random_word();
}

void CiLog::print(const std::string& lines) const { (void)write_patiently(log_, lines, kPatience); }

// A line that is no command of ours must not be one of the tool's either, whatever name of a file is in it.
void CiLog::print_line(const std::string& text) const { print("writ: " + without_ci_commands(text) + "\n"); }

void CiLog::begin_output(const std::string& command) {
  group_.title = "writ ci: " + command;
  std::string lines;
  if (volume_ == Volume::kNormal) lines += ci_group_begin(system_, group_, std::time(nullptr));
  lines += ci_stop_commands(system_, token_);
  if (!lines.empty()) print(lines);
}

void CiLog::end_output(bool at_line_start, CiGroupEnd end) {
  std::string lines = ci_resume_commands(system_, token_);
  if (volume_ == Volume::kNormal) lines += ci_group_end(system_, group_, std::time(nullptr), end);
  if (!lines.empty()) print((at_line_start ? "" : "\n") + lines);
}

void CiLog::annotate(CiAnnotation annotation) const {
  if (volume_ == Volume::kQuiet && annotation.level != CiLevel::kError) return;
  annotation.message = mask_.masked(annotation.message);
  print(ci_annotation(system_, annotation));
}

void CiLog::tell_findings(const CiReportFacts& facts) const {
  const std::size_t shown = std::min(facts.findings.list.size(), kShownFindings);
  for (std::size_t i = 0; i < shown; ++i) {
    const CiFinding& finding = facts.findings.list[i];
    const CiLevel level = fails_on(facts.fail_on, finding.kind) ? CiLevel::kError : CiLevel::kWarning;
    constexpr std::array<const char*, 3> kTitles = {"denied by policy", "limit reached", "isolation degraded"};
    annotate({level, kTitles[static_cast<std::size_t>(finding.kind)], finding.message,
              relative_to(finding.file, facts.findings.workspace), finding.line});
  }
  const std::uint64_t more = facts.findings.list.size() - shown + facts.findings.not_listed;
  if (more > 0) print_line(std::to_string(more) + " more findings; --json FILE lists them");
}

void CiLog::tell_artifacts(const CiReportFacts& facts) const {
  std::size_t collected = 0;
  std::size_t told = 0;
  for (const CiArtifact& artifact : facts.artifacts) {
    if (artifact.refusal.empty()) ++collected;
    if (told++ >= kShownArtifacts) continue;
    if (artifact.refusal.empty())
      print_line("artifact: " + artifact.path + " (" + std::to_string(artifact.size) + " bytes)");
    else
      annotate({CiLevel::kWarning, "artifact not collected", artifact.path + ": " + artifact.refusal, "", 0});
  }
  if (told > kShownArtifacts) print_line(std::to_string(told - kShownArtifacts) + " more artifacts");
  if (collected > 0) print_line(std::to_string(collected) + " artifacts are in " + facts.artifact_directory);
}

void CiLog::tell(const CiReportFacts& facts) const {
  if (volume_ == Volume::kNormal) {
    for (const std::string& warning : facts.findings.warnings) print_line("warning: " + warning);
    tell_findings(facts);
    tell_artifacts(facts);
  }
  for (const std::string& problem : facts.problems) annotate({CiLevel::kError, "writ ci", problem, "", 0});
  const std::string text = "verdict: " + ci_verdict_text(facts.verdict);
  if (facts.verdict.kind == CiVerdictKind::kViolated)
    annotate({CiLevel::kError, "writ ci", text, "", 0});
  else if (volume_ == Volume::kNormal)
    print_line(text);
}

}  // namespace writ
