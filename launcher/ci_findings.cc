#include "launcher/ci_findings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <variant>

namespace writ {
namespace {

const JsonValue* member(const JsonObject& object, std::string_view key) { return object.find(key); }

std::string text_of(const JsonObject& object, std::string_view key) {
  const JsonValue* value = member(object, key);
  const auto* text = value == nullptr ? nullptr : std::get_if<std::string>(&value->storage());
  return text == nullptr ? std::string() : *text;
}

std::uint64_t number_of(const JsonObject& object, std::string_view key) {
  const JsonValue* value = member(object, key);
  if (value == nullptr) return 0;
  if (const auto* whole = std::get_if<std::int64_t>(&value->storage()))
    return *whole < 0 ? 0U : static_cast<std::uint64_t>(*whole);
  if (const auto* whole = std::get_if<std::uint64_t>(&value->storage())) return *whole;
  return 0;
}

double fraction_of(const JsonObject& object, std::string_view key) {
  const JsonValue* value = member(object, key);
  const auto* fraction = value == nullptr ? nullptr : std::get_if<double>(&value->storage());
  return fraction == nullptr ? static_cast<double>(number_of(object, key)) : *fraction;
}

const JsonObject* object_of(const JsonObject& object, std::string_view key) {
  const JsonValue* value = member(object, key);
  return value == nullptr ? nullptr : std::get_if<JsonObject>(&value->storage());
}

// Calls `visit` with each object of the array `key`.
template <class Visit>
void for_each(const JsonObject& object, std::string_view key, Visit visit) {
  const JsonValue* value = member(object, key);
  const auto* list = value == nullptr ? nullptr : std::get_if<JsonArray>(&value->storage());
  if (list == nullptr) return;
  for (const JsonValue& element : list->elements())
    if (const auto* entry = std::get_if<JsonObject>(&element.storage())) visit(*entry);
}

// "FILE:LINE" or "FILE:LINE:COLUMN" → file and line. Leaves the finding alone when it is neither.
void set_place(CiFinding& finding, std::string_view origin) {
  std::string_view file = origin;
  std::uint64_t line = 0;
  for (int part = 0; part < 2; ++part) {
    const std::size_t colon = file.rfind(':');
    if (colon == std::string_view::npos || colon + 1 == file.size()) break;
    const std::string_view digits = file.substr(colon + 1);
    std::uint64_t number = 0;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (problem != std::errc() || end != digits.data() + digits.size()) break;
    line = number;
    file = file.substr(0, colon);
  }
  if (line == 0 || file.empty()) return;
  finding.file = file;
  finding.line = line;
}

// Rules are shown as "deny write /srv/* (FILE:LINE)".
std::string take_place(CiFinding& finding, const std::string& rule) {
  const std::size_t open = rule.rfind(" (");
  if (!rule.ends_with(')') || open == std::string::npos) return rule;
  set_place(finding, std::string_view(rule).substr(open + 2, rule.size() - open - 3));
  return finding.line == 0 ? rule : rule.substr(0, open);
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

void add_denial(const JsonObject& entry, CiFindings& findings) {
  CiFinding finding;
  finding.object = text_of(entry, "path");
  finding.times = std::max<std::uint64_t>(number_of(entry, "times"), 1);
  const std::string rule = take_place(finding, text_of(entry, "rule"));
  finding.id = "path/" + text_of(entry, "cause");
  if (text_of(entry, "cause") == "rule" && !rule.empty()) finding.id = rule;
  const std::string reason = text_of(entry, "reason");
  finding.message = text_of(entry, "rights") + " '" + finding.object + "' was denied to " +
                    base_name(text_of(entry, "program")) + ": " + (rule.empty() ? "no rule allows it" : rule);
  if (!reason.empty()) finding.message += ": " + reason;
  findings.list.push_back(std::move(finding));
}

void add_address_denial(const JsonObject& entry, CiFindings& findings) {
  CiFinding finding;
  finding.object = text_of(entry, "address");
  finding.times = std::max<std::uint64_t>(number_of(entry, "times"), 1);
  const std::string because = take_place(finding, text_of(entry, "because"));
  finding.id = "network/" + text_of(entry, "call");
  finding.message = text_of(entry, "call") + " '" + finding.object + "' was denied: " + because;
  findings.list.push_back(std::move(finding));
}

void add_refused_command(const JsonObject& entry, CiFindings& findings) {
  if (text_of(entry, "end") != "refused") return;
  CiFinding finding;
  finding.object = text_of(entry, "program");
  set_place(finding, text_of(entry, "rule_origin"));
  const std::string rule = text_of(entry, "rule");
  finding.id = rule.empty() ? "command" : rule;
  finding.message = "the command '" + finding.object + "' was refused: " + (rule.empty() ? "no rule allows it" : rule);
  findings.list.push_back(std::move(finding));
}

// A name that may not be made was made all the same, and was taken away again.
void add_taken_away(const JsonObject& entry, CiFindings& findings) {
  if (text_of(entry, "action") == "reported") return;
  CiFinding finding;
  finding.object = text_of(entry, "path");
  finding.id = "path/protected";
  finding.times = std::max<std::uint64_t>(number_of(entry, "times"), 1);
  finding.message =
      "'" + finding.object + "' is protected: " + text_of(entry, "what") + ", " + text_of(entry, "action");
  findings.list.push_back(std::move(finding));
}

void add_missing_layer(const JsonObject& entry, CiFindings& findings) {
  if (text_of(entry, "state") != "degraded") return;
  CiFinding finding;
  finding.kind = CiFindingKind::kDegraded;
  finding.object = text_of(entry, "layer");
  finding.id = "layer/" + finding.object;
  finding.message = "ran without the layer " + finding.object;
  if (const std::string reason = text_of(entry, "reason"); !reason.empty()) finding.message += ": " + reason;
  findings.list.push_back(std::move(finding));
}

void add_limit(CiFindings& findings, std::string limit, std::string message) {
  CiFinding finding;
  finding.kind = CiFindingKind::kLimited;
  finding.id = "limit/" + limit;
  finding.object = std::move(limit);
  finding.message = std::move(message);
  findings.list.push_back(std::move(finding));
}

void add_reached_limit(const JsonObject& entry, CiFindings& findings) {
  const JsonValue* hit = member(entry, "hit");
  const auto* reached = hit == nullptr ? nullptr : std::get_if<bool>(&hit->storage());
  if (reached == nullptr || !*reached) return;
  const std::string name = text_of(entry, "name");
  std::string message = "the limit " + name + " of " + text_of(entry, "value") + " was reached";
  if (const std::string detail = text_of(entry, "detail"); !detail.empty()) message += ": " + detail;
  add_limit(findings, name, std::move(message));
}

void read_outcome(const JsonObject& report, CiFindings& findings) {
  const JsonObject* outcome = object_of(report, "outcome");
  if (outcome == nullptr) return;
  findings.outcome = text_of(*outcome, "kind");
  findings.reason = text_of(*outcome, "reason");
  if (const JsonObject* usage = object_of(report, "usage")) {
    findings.wall_seconds = fraction_of(*usage, "wall_seconds");
    findings.peak_memory_kib = number_of(*usage, "peak_memory_kib");
  }
  const bool known = findings.count(CiFindingKind::kLimited) > 0;
  if (findings.outcome == "timed_out" && !known) add_limit(findings, "wall_time", findings.reason);
  if (findings.outcome == "limited" && !known) add_limit(findings, "limit", findings.reason);
}

void read_warnings(const JsonObject& report, CiFindings& findings) {
  const JsonValue* value = member(report, "warnings");
  const auto* list = value == nullptr ? nullptr : std::get_if<JsonArray>(&value->storage());
  if (list == nullptr) return;
  for (const JsonValue& element : list->elements())
    if (const auto* text = std::get_if<std::string>(&element.storage())) findings.warnings.push_back(*text);
}

std::string counted(std::uint64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

}  // namespace

std::string_view ci_finding_word(CiFindingKind kind) {
  constexpr std::array<std::string_view, 3> kWords = {"deny", "limit", "degraded"};
  return kWords[static_cast<std::size_t>(kind)];
}

std::string_view ci_verdict_name(CiVerdictKind kind) {
  constexpr std::array<std::string_view, 4> kNames = {"passed", "command_failed", "violated", "incomplete"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::size_t CiFindings::count(CiFindingKind kind) const {
  return static_cast<std::size_t>(
      std::count_if(list.begin(), list.end(), [&](const CiFinding& finding) { return finding.kind == kind; }));
}

Result<CiFindings> read_ci_findings(const JsonValue& report) {
  const auto* object = std::get_if<JsonObject>(&report.storage());
  if (object == nullptr || text_of(*object, "schema") != "writ.run") return fail("the run has left no report");
  CiFindings findings;
  findings.profile = text_of(*object, "profile");
  findings.workspace = text_of(*object, "workspace");
  const auto add_with = [&](std::string_view key, auto add) {
    for_each(*object, key, [&](const JsonObject& entry) { add(entry, findings); });
  };
  add_with("denials", add_denial);
  add_with("network_denials", add_address_denial);
  add_with("commands", add_refused_command);
  add_with("persistence", add_taken_away);
  add_with("limit_use", add_reached_limit);
  read_outcome(*object, findings);
  add_with("layers", add_missing_layer);
  read_warnings(*object, findings);
  for (const char* key : {"denials_not_listed", "network_denials_not_listed"})
    findings.not_listed += number_of(*object, key);
  return findings;
}

void mask_ci_findings(CiFindings& findings, const SecretMask& mask) {
  if (mask.empty()) return;
  for (CiFinding& finding : findings.list)
    for (std::string* text : {&finding.id, &finding.message, &finding.object, &finding.file})
      *text = mask.masked(*text);
  for (std::string* text : {&findings.profile, &findings.workspace, &findings.reason}) *text = mask.masked(*text);
  for (std::string& warning : findings.warnings) warning = mask.masked(warning);
}

bool fails_on(const CiFailOn& fail_on, CiFindingKind kind) {
  switch (kind) {
    case CiFindingKind::kDenied:
      return fail_on.denied;
    case CiFindingKind::kLimited:
      return fail_on.limited;
    case CiFindingKind::kDegraded:
      return fail_on.degraded;
  }
  return false;
}

CiVerdict judge_ci_run(int run_status, const CiFindings& findings, const CiFailOn& fail_on) {
  CiVerdict verdict;
  if (run_status != 0) {
    verdict.kind = CiVerdictKind::kCommandFailed;
    verdict.exit_status = run_status;
    verdict.reasons.push_back(findings.reason.empty() ? "exit status " + std::to_string(run_status) : findings.reason);
    return verdict;
  }
  struct Phrase {
    CiFindingKind kind;
    const char* one;
    const char* many;
  };
  constexpr std::array<Phrase, 3> kPhrases = {{{CiFindingKind::kDenied, "thing was denied", "things were denied"},
                                               {CiFindingKind::kLimited, "limit was reached", "limits were reached"},
                                               {CiFindingKind::kDegraded, "layer was missing", "layers were missing"}}};
  for (const Phrase& phrase : kPhrases) {
    std::uint64_t count = findings.count(phrase.kind);
    if (phrase.kind == CiFindingKind::kDenied) count += findings.not_listed;
    if (count > 0 && fails_on(fail_on, phrase.kind)) verdict.reasons.push_back(counted(count, phrase.one, phrase.many));
  }
  if (verdict.reasons.empty()) return verdict;
  verdict.kind = CiVerdictKind::kViolated;
  verdict.exit_status = kExitVerdict;
  return verdict;
}

}  // namespace writ
