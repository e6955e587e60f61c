// The reports of `writ ci`: what they say is docs/ci.md. Pure. Every text in CiReportFacts is escaped and masked
// already; here it is escaped once more for the format that it goes into.
#ifndef WRIT_LAUNCHER_CI_REPORTS_H_
#define WRIT_LAUNCHER_CI_REPORTS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/json_text.h"
#include "launcher/ci_findings.h"
#include "launcher/ci_system.h"

namespace writ {

inline constexpr int kCiReportSchemaVersion = 1;

// A file that --artifact named.
struct CiArtifact {
  std::string path;  // below the workspace
  std::uint64_t size = 0;
  std::string refusal;  // why it was not collected; empty: it was
};

struct CiReportFacts {
  CiSystem system = CiSystem::kPlain;
  std::string command;  // one line
  CiFailOn fail_on;
  CiFindings findings;
  CiVerdict verdict;
  std::vector<CiArtifact> artifacts;
  std::string artifact_directory;
  std::vector<std::string> caches;    // names
  std::vector<std::string> masked;    // names of variables
  std::vector<std::string> problems;  // what could not be done
  JsonValue run;                      // the report of `writ run`, or null
};

[[nodiscard]] std::string ci_junit_text(const CiReportFacts& facts);
[[nodiscard]] JsonValue ci_sarif_json(const CiReportFacts& facts);
[[nodiscard]] JsonValue ci_report_json(const CiReportFacts& facts);
[[nodiscard]] std::string ci_summary_text(const CiReportFacts& facts);

// `text` as content or attribute value of XML 1.0, and as text in a cell of a Markdown table.
[[nodiscard]] std::string xml_escaped(std::string_view text);
[[nodiscard]] std::string markdown_escaped(std::string_view text);

// The verdict in one line: "passed", "exit status 3", "2 things were denied".
[[nodiscard]] std::string ci_verdict_text(const CiVerdict& verdict);

}  // namespace writ

#endif  // WRIT_LAUNCHER_CI_REPORTS_H_
