#include <algorithm>
#include <array>
#include <cstdio>

#include "launcher/ci_reports.h"

namespace writ {
namespace {

// One test case of the suite.
struct JunitCase {
  std::string name;
  std::string failure;  // empty: it passed
  std::string details;
};

std::string details_of(const CiFindings& findings, CiFindingKind kind) {
  std::string text;
  for (const CiFinding& finding : findings.list) {
    if (finding.kind != kind) continue;
    if (!finding.file.empty()) text.append(finding.file).append(":").append(std::to_string(finding.line)).append(": ");
    text.append(finding.message);
    if (finding.times > 1) text.append(" (").append(std::to_string(finding.times)).append(" times)");
    text.append("\n");
  }
  if (kind == CiFindingKind::kDenied && findings.not_listed > 0)
    text.append(std::to_string(findings.not_listed)).append(" more are not listed\n");
  return text;
}

std::vector<JunitCase> junit_cases(const CiReportFacts& facts) {
  const bool failed = facts.verdict.kind == CiVerdictKind::kCommandFailed;
  std::vector<JunitCase> cases = {{facts.command, failed ? ci_verdict_text(facts.verdict) : "", ""}};
  struct Name {
    CiFindingKind kind;
    const char* name;
  };
  constexpr std::array<Name, 3> kNames = {{{CiFindingKind::kDenied, "nothing was denied"},
                                           {CiFindingKind::kLimited, "no limit was reached"},
                                           {CiFindingKind::kDegraded, "no layer of isolation was missing"}}};
  for (const Name& entry : kNames) {
    JunitCase made{entry.name, "", details_of(facts.findings, entry.kind)};
    if (!made.details.empty() && fails_on(facts.fail_on, entry.kind))
      made.failure = made.details.substr(0, made.details.find('\n'));
    cases.push_back(std::move(made));
  }
  if (!facts.problems.empty()) cases.push_back({"reports and artifacts", facts.problems.front(), ""});
  return cases;
}

std::string case_text(const JunitCase& entry, const std::string& seconds) {
  std::string text =
      "    <testcase classname=\"writ ci\" name=\"" + xml_escaped(entry.name) + "\" time=\"" + seconds + "\"";
  if (entry.failure.empty() && entry.details.empty()) return text + "/>\n";
  text += ">\n";
  if (!entry.failure.empty())
    text.append("      <failure message=\"")
        .append(xml_escaped(entry.failure))
        .append("\">")
        .append(xml_escaped(entry.details))
        .append("</failure>\n");
  else
    text.append("      <system-out>").append(xml_escaped(entry.details)).append("</system-out>\n");
  return text + "    </testcase>\n";
}

std::string seconds_text(double seconds) {
  std::array<char, 32> text{};
  (void)std::snprintf(text.data(), text.size(), "%.3f", seconds);
  return text.data();
}

}  // namespace

std::string xml_escaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char byte = text[at];
    // U+FFFE and U+FFFF are no characters of XML, and neither is most of what is below a space (XML 1.0, 2.2).
    const std::string_view three = text.substr(at, 3);
    if (three == "\xEF\xBF\xBE" || three == "\xEF\xBF\xBF") {
      out += '?';
      at += 2;
    } else if (byte == '&') {
      out += "&amp;";
    } else if (byte == '<') {
      out += "&lt;";
    } else if (byte == '>') {
      out += "&gt;";
    } else if (byte == '"') {
      out += "&quot;";
    } else if (byte == '\'') {
      out += "&apos;";
    } else if (static_cast<unsigned char>(byte) < 0x20 && byte != '\n' && byte != '\t') {
      out += '?';
    } else {
      out += byte;
    }
  }
  return out;
}

std::string ci_junit_text(const CiReportFacts& facts) {
  const std::vector<JunitCase> cases = junit_cases(facts);
  const auto failures =
      std::count_if(cases.begin(), cases.end(), [](const JunitCase& entry) { return !entry.failure.empty(); });
  const std::string seconds = seconds_text(facts.findings.wall_seconds);
  const std::string counts = "tests=\"" + std::to_string(cases.size()) + "\" failures=\"" + std::to_string(failures) +
                             "\" errors=\"0\" skipped=\"0\" time=\"" + seconds + "\"";
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites " + counts +
                     ">\n  <testsuite name=\"writ ci\" " + counts + ">\n";
  for (std::size_t i = 0; i < cases.size(); ++i) text += case_text(cases[i], i == 0 ? seconds : "0.000");
  return text + "  </testsuite>\n</testsuites>\n";
}

}  // namespace writ
