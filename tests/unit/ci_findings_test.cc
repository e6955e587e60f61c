// What a run's report means for a CI job: findings, verdict, reports. The bytes are as hostile as a tool's names can
// be.
#include "launcher/ci_findings.h"

#include <catch2/catch.hpp>

#include "launcher/ci_masking.h"
#include "launcher/ci_reports.h"

namespace writ {
namespace {

constexpr const char* kReport = R"json({
  "schema": "writ.run", "profile": "build", "workspace": "/w",
  "warnings": ["something"],
  "layers": [{"layer": "view", "state": "active"}, {"layer": "locked_view", "state": "degraded", "reason": "no"}],
  "denials": [
    {"path": "/w/a<b>&\"|`x`", "rights": "write", "cause": "rule", "program": "/usr/bin/sh",
     "rule": "deny write /w/a* (./p.yaml:7)", "reason": "keep it", "times": 3},
    {"path": "/w/.envrc", "rights": "write", "cause": "protected", "program": "sh", "rule": "deny write /w/.envrc/*"}],
  "denials_not_listed": 2,
  "network_denials": [{"call": "connect", "address": "192.0.2.1:80", "because": "no rule allows it", "times": 1}],
  "commands": [{"program": "/usr/bin/git", "end": "refused", "rule": "deny git", "rule_origin": "p.yaml:9:3"},
               {"program": "/usr/bin/ls", "end": "finished"}],
  "persistence": [{"path": "/w/Makefile", "what": "appeared", "action": "reported", "times": 1},
                  {"path": "/w/.vscode", "what": "created", "action": "quarantined", "times": 2}],
  "outcome": {"kind": "exited", "exit_status": 0, "reason": "exit status 0"},
  "usage": {"wall_seconds": 1.5, "peak_memory_kib": 2048}
})json";

JsonValue parsed(const std::string& text) {
  auto value = parse_json(text);
  REQUIRE(value);
  return std::move(*value);
}

CiFindings findings_of(const std::string& text) {
  auto findings = read_ci_findings(parsed(text));
  REQUIRE(findings);
  return std::move(*findings);
}

CiReportFacts facts_of(const CiFailOn& fail_on) {
  CiReportFacts facts;
  facts.command = "make -j2 </testcase> | `rm`";
  facts.fail_on = fail_on;
  facts.findings = findings_of(kReport);
  facts.verdict = judge_ci_run(0, facts.findings, fail_on);
  return facts;
}

const JsonObject& object_of(const JsonValue& value) { return std::get<JsonObject>(value.storage()); }
const JsonValue& at(const JsonValue& value, std::string_view key) {
  const JsonValue* found = object_of(value).find(key);
  REQUIRE(found != nullptr);
  return *found;
}
const JsonValue& at(const JsonValue& value, std::size_t index) {
  return std::get<JsonArray>(value.storage()).elements().at(index);
}
std::string text_at(const JsonValue& value, std::string_view key) {
  return std::get<std::string>(at(value, key).storage());
}

}  // namespace

TEST_CASE("findings are what was denied, limited or missing", "[ci_findings]") {
  const CiFindings findings = findings_of(kReport);
  CHECK(findings.count(CiFindingKind::kDenied) == 5);
  CHECK(findings.count(CiFindingKind::kDegraded) == 1);
  CHECK(findings.count(CiFindingKind::kLimited) == 0);
  CHECK(findings.not_listed == 2);
  CHECK(findings.list[0].id == "deny write /w/a*");
  CHECK(findings.list[0].file == "./p.yaml");
  CHECK(findings.list[0].line == 7);
  CHECK(findings.list[0].times == 3);
  CHECK(findings.list[1].id == "path/protected");
  CHECK(findings.list[1].file.empty());
  CHECK(findings.list[3].file == "p.yaml");
  CHECK(findings.list[3].line == 9);
  CHECK_FALSE(read_ci_findings(parsed(R"({"schema": "other"})")));
  CHECK_FALSE(read_ci_findings(parsed("[]")));
}

TEST_CASE("a reached time limit is a finding", "[ci_findings]") {
  const CiFindings findings = findings_of(
      R"({"schema": "writ.run", "outcome": {"kind": "timed_out", "exit_status": 124, "reason": "the time limit"}})");
  REQUIRE(findings.count(CiFindingKind::kLimited) == 1);
  CHECK(findings.list[0].object == "wall_time");
}

TEST_CASE("a limit that was reached is a finding, also when the command went on", "[ci_findings]") {
  const CiFindings findings = findings_of(
      R"json({"schema": "writ.run", "limit_use": [{"name": "memory", "value": "64 MiB", "hit": true, "detail": "killed 1"},
          {"name": "cpus", "value": "1", "hit": false}],
          "outcome": {"kind": "exited", "exit_status": 0, "reason": "exit status 0"}})json");
  REQUIRE(findings.count(CiFindingKind::kLimited) == 1);
  CHECK(findings.list[0].id == "limit/memory");
  CHECK(findings.list[0].message == "the limit memory of 64 MiB was reached: killed 1");
  CHECK(judge_ci_run(0, findings, {false, true, false}).exit_status == kExitVerdict);
  CHECK(findings_of(R"({"schema": "writ.run", "outcome": {"kind": "limited", "reason": "x"}})")
            .count(CiFindingKind::kLimited) == 1);
}

TEST_CASE("the command's own failure is the exit status, whatever was found", "[ci_findings]") {
  const CiVerdict verdict = judge_ci_run(3, findings_of(kReport), {true, true, true});
  CHECK(verdict.kind == CiVerdictKind::kCommandFailed);
  CHECK(verdict.exit_status == 3);
}

TEST_CASE("what --fail-on names makes a step fail, and nothing else", "[ci_findings]") {
  const CiFindings findings = findings_of(kReport);
  const CiVerdict denied = judge_ci_run(0, findings, {true, false, false});
  CHECK(denied.exit_status == kExitVerdict);
  CHECK(denied.reasons == std::vector<std::string>{"7 things were denied"});
  CHECK(judge_ci_run(0, findings, {false, true, false}).exit_status == 0);
  CHECK(judge_ci_run(0, findings, {false, false, true}).reasons == std::vector<std::string>{"1 layer was missing"});
  CHECK(judge_ci_run(0, findings, {}).kind == CiVerdictKind::kPassed);
}

TEST_CASE("JUnit has a case for each kind, and no tag of the tool's", "[ci_findings]") {
  const std::string text = ci_junit_text(facts_of({true, true, false}));
  CHECK(text.find("tests=\"4\" failures=\"1\"") != std::string::npos);
  CHECK(text.find("name=\"make -j2 &lt;/testcase&gt; | `rm`\"") != std::string::npos);
  CHECK(text.find("a&lt;b&gt;&amp;&quot;|`x`") != std::string::npos);
  CHECK(text.find("<failure message=") != std::string::npos);
  CHECK(text.find("<system-out>ran without the layer locked_view: no") != std::string::npos);
  CHECK(xml_escaped("a\xEF\xBF\xBF"
                    "b\x01"
                    "c") == "a?b?c");
}

TEST_CASE("SARIF names rule and place of each finding", "[ci_findings]") {
  const JsonValue sarif = ci_sarif_json(facts_of({true, true, false}));
  CHECK(text_at(sarif, "version") == "2.1.0");
  const JsonValue& run = at(at(sarif, "runs"), std::size_t{0});
  const JsonValue& result = at(at(run, "results"), std::size_t{0});
  CHECK(text_at(result, "ruleId") == "deny write /w/a*");
  CHECK(text_at(result, "level") == "error");
  const JsonValue& physical = at(at(at(result, "locations"), std::size_t{0}), "physicalLocation");
  CHECK(text_at(at(physical, "artifactLocation"), "uri") == "p.yaml");
  CHECK(std::get<std::uint64_t>(at(at(physical, "region"), "startLine").storage()) == 7);
  // What no file says has the object's own place.
  const JsonValue& second = at(at(run, "results"), std::size_t{1});
  const JsonValue& place = at(at(at(second, "locations"), std::size_t{0}), "physicalLocation");
  CHECK(text_at(at(place, "artifactLocation"), "uri") == ".envrc");
}

TEST_CASE("the summary has no markup of the tool's", "[ci_findings]") {
  const std::string text = ci_summary_text(facts_of({true, true, false}));
  CHECK(text.find("<b>") == std::string::npos);
  CHECK(text.find("`x`") == std::string::npos);
  CHECK(text.find("### Writ: failed") != std::string::npos);
  CHECK(text.find("locked&#95;view") != std::string::npos);
  CHECK(markdown_escaped("@a [x](y) <i> |") == "&#64;a &#91;x&#93;&#40;y&#41; &#60;i&#62; &#124;");
}

TEST_CASE("masking leaves no text of a report out, and no key in", "[ci_findings]") {
  auto mask = SecretMask::create(std::vector<std::string>{"locked_view", "keep it"});
  REQUIRE(mask);
  CiFindings findings = findings_of(kReport);
  mask_ci_findings(findings, *mask);
  for (const CiFinding& finding : findings.list)
    for (const std::string* text : {&finding.id, &finding.message, &finding.object}) {
      CHECK(text->find("locked_view") == std::string::npos);
      CHECK(text->find("keep it") == std::string::npos);
    }
  const std::string masked = masked_json(parsed(kReport), *mask).to_text();
  CHECK(masked.find("locked_view") == std::string::npos);
  CHECK(masked.find("\"***\"") != std::string::npos);
}

TEST_CASE("a secret that cannot be masked is named and not shown", "[ci_findings]") {
  const auto lookup = [](const char* name) { return std::string(name) == "SHORT" ? "abc" : ""; };
  const auto refused = read_ci_secrets({"SHORT"}, lookup);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().describe().find("--mask SHORT: ") == 0);
  CHECK(refused.error().describe().find("abc") == std::string::npos);
  const auto unset = read_ci_secrets({"NONE"}, lookup);
  REQUIRE(unset);
  CHECK(unset->unset == std::vector<std::string>{"NONE"});
}

TEST_CASE("paths of a report become bytes again", "[ci_findings]") {
  CHECK(unescaped_path("/a/b") == "/a/b");
  CHECK(unescaped_path("/a\\\\x41\\x0a") == "/a\\x41\n");
}

}  // namespace writ
