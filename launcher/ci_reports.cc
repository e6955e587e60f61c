#include "launcher/ci_reports.h"

#include <utility>

namespace writ {
namespace {

JsonArray texts_json(const std::vector<std::string>& texts) {
  JsonArray list;
  for (const std::string& text : texts) list.add(text);
  return list;
}

JsonArray fail_on_json(const CiFailOn& fail_on) {
  JsonArray list;
  for (const CiFindingKind kind : {CiFindingKind::kDenied, CiFindingKind::kLimited, CiFindingKind::kDegraded})
    if (fails_on(fail_on, kind)) list.add(ci_finding_word(kind));
  return list;
}

JsonArray findings_json(const CiFindings& findings) {
  JsonArray list;
  for (const CiFinding& finding : findings.list) {
    JsonObject object;
    object.set("kind", ci_finding_word(finding.kind)).set("id", finding.id).set("message", finding.message);
    object.set("object", finding.object).set("times", finding.times);
    if (!finding.file.empty()) object.set("file", finding.file).set("line", finding.line);
    list.add(std::move(object));
  }
  return list;
}

JsonArray artifacts_json(const std::vector<CiArtifact>& artifacts) {
  JsonArray list;
  for (const CiArtifact& artifact : artifacts) {
    JsonObject object;
    object.set("path", artifact.path).set("collected", artifact.refusal.empty());
    if (artifact.refusal.empty())
      object.set("size_bytes", artifact.size);
    else
      object.set("reason", artifact.refusal);
    list.add(std::move(object));
  }
  return list;
}

}  // namespace

std::string ci_verdict_text(const CiVerdict& verdict) {
  if (verdict.reasons.empty()) return "passed";
  std::string text;
  for (const std::string& reason : verdict.reasons) text.append(text.empty() ? "" : "; ").append(reason);
  return text;
}

JsonValue ci_report_json(const CiReportFacts& facts) {
  JsonObject verdict;
  verdict.set("result", ci_verdict_name(facts.verdict.kind)).set("exit_status", facts.verdict.exit_status);
  verdict.set("reasons", texts_json(facts.verdict.reasons)).set("fail_on", fail_on_json(facts.fail_on));
  JsonObject report;
  report.set("schema", "writ.ci").set("schema_version", kCiReportSchemaVersion).set("writ_version", WRIT_VERSION);
  report.set("system", ci_system_name(facts.system)).set("verdict", std::move(verdict));
  report.set("findings", findings_json(facts.findings)).set("findings_not_listed", facts.findings.not_listed);
  report.set("artifacts", artifacts_json(facts.artifacts)).set("caches", texts_json(facts.caches));
  report.set("masked", texts_json(facts.masked)).set("problems", texts_json(facts.problems));
  return report.set("run", facts.run);
}

}  // namespace writ
