#include <algorithm>
#include <array>

#include "launcher/ci_reports.h"

namespace writ {
namespace {

constexpr const char* kSchema =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
constexpr const char* kRoot = "WORKSPACE";

// A path as the path part of a URI (RFC 3986).
std::string uri_path(std::string_view path) {
  constexpr std::string_view kKept = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string uri;
  for (const char byte : path) {
    if (kKept.find(byte) != std::string_view::npos) {
      uri += byte;
      continue;
    }
    const auto value = static_cast<unsigned char>(byte);
    uri += '%';
    uri += kHex[value >> 4];
    uri += kHex[value & 15];
  }
  return uri;
}

// Relative to the workspace where it lies in it: what a CI system shows beside the source.
JsonObject artifact_location(std::string path, const std::string& workspace) {
  while (path.starts_with("./")) path.erase(0, 2);
  const bool inside = !workspace.empty() && path.starts_with(workspace + "/");
  if (inside) path.erase(0, workspace.size() + 1);
  JsonObject location;
  if (path.starts_with('/')) return location.set("uri", "file://" + uri_path(path));
  return location.set("uri", uri_path(path)).set("uriBaseId", kRoot);
}

JsonArray locations_of(const CiFinding& finding, const std::string& workspace) {
  JsonObject physical;
  if (!finding.file.empty()) {
    physical.set("artifactLocation", artifact_location(finding.file, workspace));
    physical.set("region", JsonObject().set("startLine", finding.line));
  } else if (finding.object.starts_with('/')) {
    physical.set("artifactLocation", artifact_location(finding.object, workspace));
  } else {
    return {};
  }
  return std::move(JsonArray().add(JsonObject().set("physicalLocation", std::move(physical))));
}

// The same finding in two runs of a job has the same one (FNV-1a).
std::string fingerprint_of(const CiFinding& finding) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const std::string* part : {&finding.id, &finding.object})
    for (const char byte : *part + '\n') hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211ULL;
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += kHex[hash >> shift & 15];
  return text;
}

const char* level_of(const CiReportFacts& facts, CiFindingKind kind) {
  return fails_on(facts.fail_on, kind) ? "error" : "warning";
}

JsonObject result_json(const CiReportFacts& facts, const CiFinding& finding, std::size_t rule) {
  JsonObject result;
  result.set("ruleId", finding.id).set("ruleIndex", rule).set("level", level_of(facts, finding.kind));
  result.set("message", JsonObject().set("text", finding.message));
  JsonArray locations = locations_of(finding, facts.findings.workspace);
  if (!locations.elements().empty()) result.set("locations", std::move(locations));
  result.set("occurrenceCount", finding.times);
  result.set("partialFingerprints", JsonObject().set("writ/v1", fingerprint_of(finding)));
  return result.set("properties",
                    JsonObject().set("kind", ci_finding_word(finding.kind)).set("object", finding.object));
}

JsonObject rule_json(const CiFinding& finding) {
  constexpr std::array<const char*, 3> kDescriptions = {"Something was denied by the policy of the sandbox.",
                                                        "A limit of the sandbox was reached.",
                                                        "A layer of isolation was missing."};
  const char* description = kDescriptions[static_cast<std::size_t>(finding.kind)];
  return JsonObject().set("id", finding.id).set("shortDescription", JsonObject().set("text", description));
}

JsonObject invocation_json(const CiReportFacts& facts) {
  JsonObject invocation;
  invocation.set("executionSuccessful", facts.findings.outcome != "not_started" && !facts.findings.outcome.empty());
  invocation.set("commandLine", facts.command).set("exitCode", facts.verdict.exit_status);
  return invocation;
}

}  // namespace

JsonValue ci_sarif_json(const CiReportFacts& facts) {
  JsonArray rules;
  JsonArray results;
  std::vector<std::string> known;
  for (const CiFinding& finding : facts.findings.list) {
    auto found = std::find(known.begin(), known.end(), finding.id);
    const auto index = static_cast<std::size_t>(found - known.begin());
    if (found == known.end()) {
      known.push_back(finding.id);
      rules.add(rule_json(finding));
    }
    results.add(result_json(facts, finding, index));
  }
  JsonObject driver;
  driver.set("name", "Writ").set("version", WRIT_VERSION).set("rules", std::move(rules));
  JsonObject run;
  run.set("tool", JsonObject().set("driver", std::move(driver)));
  run.set("invocations", std::move(JsonArray().add(invocation_json(facts))));
  if (!facts.findings.workspace.empty())
    run.set("originalUriBaseIds",
            JsonObject().set(kRoot, JsonObject().set("uri", "file://" + uri_path(facts.findings.workspace) + "/")));
  run.set("columnKind", "unicodeCodePoints").set("results", std::move(results));
  return JsonObject()
      .set("$schema", kSchema)
      .set("version", "2.1.0")
      .set("runs", std::move(JsonArray().add(std::move(run))));
}

}  // namespace writ
