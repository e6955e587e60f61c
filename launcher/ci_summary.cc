#include <algorithm>
#include <array>
#include <cstdio>

#include "launcher/ci_reports.h"

namespace writ {
namespace {

constexpr std::size_t kShownFindings = 50;
constexpr std::size_t kShownArtifacts = 100;
constexpr std::size_t kSummaryLimit = std::size_t{256} << 10;  // GitHub takes one MiB for all steps of a job

std::string seconds_in_words(double seconds) {
  std::array<char, 32> text{};
  (void)std::snprintf(text.data(), text.size(), "%.2f s", seconds);
  return text.data();
}

std::string code(const std::string& text) { return "<code>" + markdown_escaped(text) + "</code>"; }

void add_overview(const CiReportFacts& facts, std::string& text) {
  const bool passed = facts.verdict.kind == CiVerdictKind::kPassed;
  text.append("### Writ: ").append(passed ? "passed" : "failed").append("\n\n| | |\n|---|---|\n");
  const auto row = [&](const char* name, const std::string& value) {
    text.append("| ").append(name).append(" | ").append(value).append(" |\n");
  };
  row("Command", code(facts.command));
  row("Verdict", markdown_escaped(ci_verdict_text(facts.verdict)));
  row("Exit status", std::to_string(facts.verdict.exit_status));
  if (!facts.findings.profile.empty()) row("Profile", code(facts.findings.profile));
  row("Time", seconds_in_words(facts.findings.wall_seconds));
  if (facts.findings.peak_memory_kib > 0)
    row("Peak memory", std::to_string(facts.findings.peak_memory_kib / 1024) + " MiB");
  const bool whole = facts.findings.count(CiFindingKind::kDegraded) == 0;
  if (facts.run.storage().index() != 0) row("Isolation", whole ? "complete" : "**degraded**, see below");
  std::string caches;
  for (const std::string& name : facts.caches) caches.append(caches.empty() ? "" : ", ").append(code(name));
  if (!caches.empty()) row("Caches", caches);
}

void add_findings(const CiReportFacts& facts, CiFindingKind kind, const char* title, std::string& text) {
  const std::size_t count = facts.findings.count(kind);
  if (count == 0) return;
  text.append("\n#### ").append(title).append("\n\n| What | Times | Decided by |\n|---|---|---|\n");
  std::size_t shown = 0;
  for (const CiFinding& finding : facts.findings.list) {
    if (finding.kind != kind || shown >= kShownFindings || text.size() > kSummaryLimit) continue;
    ++shown;
    std::string place;
    if (!finding.file.empty()) place = code(finding.file + ":" + std::to_string(finding.line));
    text.append("| ").append(markdown_escaped(finding.message)).append(" | ").append(std::to_string(finding.times));
    text.append(" | ").append(place).append(" |\n");
  }
  std::uint64_t more = count - shown;
  if (kind == CiFindingKind::kDenied) more += facts.findings.not_listed;
  if (more > 0) text.append("\n").append(std::to_string(more)).append(" more are not listed here.\n");
}

void add_artifacts(const CiReportFacts& facts, std::string& text) {
  if (facts.artifacts.empty()) return;
  text.append("\n#### Artifacts\n\n| File | Bytes |\n|---|---|\n");
  std::size_t shown = 0;
  for (const CiArtifact& artifact : facts.artifacts) {
    if (shown >= kShownArtifacts || text.size() > kSummaryLimit) break;
    ++shown;
    text.append("| ").append(code(artifact.path)).append(" | ");
    text.append(artifact.refusal.empty() ? std::to_string(artifact.size)
                                         : "not collected: " + markdown_escaped(artifact.refusal));
    text.append(" |\n");
  }
  if (facts.artifacts.size() > shown)
    text.append("\n").append(std::to_string(facts.artifacts.size() - shown)).append(" more are not listed here.\n");
}

}  // namespace

// Everything that could mean something becomes a character reference, which never does.
std::string markdown_escaped(std::string_view text) {
  std::string out;
  for (const char byte : text) {
    const auto value = static_cast<unsigned char>(byte);
    const bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
    const bool is_plain = byte == ' ' || byte == '-' || byte == ',' || byte == '/' || is_letter || value >= 0x80;
    if (is_plain)
      out += byte;
    else
      out.append("&#").append(std::to_string(value)).append(";");
  }
  return out;
}

std::string ci_summary_text(const CiReportFacts& facts) {
  std::string text;
  add_overview(facts, text);
  add_findings(facts, CiFindingKind::kDegraded, "Missing layers of isolation", text);
  add_findings(facts, CiFindingKind::kDenied, "Denied", text);
  add_findings(facts, CiFindingKind::kLimited, "Limits", text);
  add_artifacts(facts, text);
  if (!facts.problems.empty()) text.append("\n#### Problems\n\n");
  for (const std::string& problem : facts.problems) text.append("- ").append(markdown_escaped(problem)).append("\n");
  return text.append("\n");
}

}  // namespace writ
