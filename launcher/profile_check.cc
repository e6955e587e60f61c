#include "launcher/profile_check.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/escape.h"
#include "broker/base/json_text.h"
#include "broker/policy/rule_lowering.h"
#include "broker/sandbox/launch.h"
#include "launcher/profile_lint.h"
#include "launcher/profile_reading.h"
#include "launcher/profile_test.h"

namespace writ {
namespace {

struct CheckedProfile {
  std::string typed;
  std::string error;  // why it cannot be loaded or launched; several lines
  std::optional<ReadProfile> read;
  std::vector<PolicyCaseResult> cases;  // point into `read`
  std::vector<LintFinding> warnings;

  [[nodiscard]] std::size_t failed_cases() const {
    return static_cast<std::size_t>(
        std::count_if(cases.begin(), cases.end(), [](const PolicyCaseResult& result) { return !result.passed(); }));
  }
  [[nodiscard]] bool is_right() const { return error.empty() && failed_cases() == 0; }
};

// Fills `checked`; what it points to stays where it is.
void check(const ProfileReading& reading, CheckedProfile& checked) {
  Result<ReadProfile> read = reading.read(checked.typed);
  if (!read) {
    checked.error = read.error().describe();
    return;
  }
  checked.read = std::move(*read);
  checked.cases = run_policy_cases(checked.read->profile);
  if (const Result<Lowering> lowering = lower_rules(checked.read->profile); !lowering)
    checked.error = lowering.error().describe();
  checked.warnings = lint_profile(*checked.read, reading.person().home);
}

std::string counted(std::size_t number, const std::string& what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

std::string checked_text(const CheckedProfile& checked, Colour colour) {
  std::string text = painted(escape_bytes(checked.typed), Tint::kStrong, colour) + ": ";
  text += checked.is_right() ? painted("ok", Tint::kGood, colour) : painted("wrong", Tint::kBad, colour);
  if (checked.read) {
    const std::size_t failed = checked.failed_cases();
    text += ", " + counted(checked.cases.size(), "case");
    if (failed > 0) text += ", " + std::to_string(failed) + " failed";
    if (!checked.warnings.empty()) text += ", " + counted(checked.warnings.size(), "warning");
  }
  text += "\n";
  if (!checked.error.empty()) text += checked.error + "\n";
  for (const PolicyCaseResult& result : checked.cases)
    if (!result.passed())
      text += painted("failed", Tint::kBad, colour) + failed_case_text(checked.read->profile, result) + "\n";
  for (const LintFinding& finding : checked.warnings)
    text += painted("warning", Tint::kWarning, colour) + " " + (finding.place.empty() ? "" : finding.place + ": ") +
            finding.message + " (" + std::string(finding.code) + ")\n";
  return text;
}

JsonObject checked_json(const CheckedProfile& checked) {
  JsonArray cases;
  for (const PolicyCaseResult& result : checked.cases) cases.add(case_result_json(checked.read->profile, result));
  JsonArray warnings;
  for (const LintFinding& finding : checked.warnings) {
    JsonObject warning;
    warning.set("code", finding.code).set("message", finding.message);
    if (!finding.place.empty()) warning.set("place", finding.place);
    warnings.add(std::move(warning));
  }
  JsonObject object;
  object.set("profile", escape_bytes(checked.typed)).set("ok", checked.is_right());
  if (!checked.error.empty()) object.set("error", checked.error);
  object.set("cases", std::move(cases)).set("warnings", std::move(warnings));
  return object;
}

std::string all_json(const std::vector<CheckedProfile>& all, bool right) {
  JsonArray profiles;
  for (const CheckedProfile& checked : all) profiles.add(checked_json(checked));
  JsonObject object;
  object.set("schema", "writ.profile.check").set("schema_version", 1);
  object.set("ok", right).set("profiles", std::move(profiles));
  return JsonValue(std::move(object)).to_text(2) + "\n";
}

}  // namespace

int run_profile_check(const ProfileOptions& options) {
  const std::optional<ProfileReading> reading = start_or_complain(options);
  if (!reading) return kExitWritFailed;
  std::vector<CheckedProfile> all(options.names.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].typed = options.names[i];
    check(*reading, all[i]);
  }
  const bool right = std::all_of(all.begin(), all.end(), [](const CheckedProfile& one) { return one.is_right(); });
  std::string text;
  if (options.format == OutputFormat::kJson) text = all_json(all, right);
  for (const CheckedProfile& checked : all)
    if (options.format == OutputFormat::kText) text += checked_text(checked, colour_for_standard_output());
  return print_result(text, right ? 0 : 1);
}

}  // namespace writ
