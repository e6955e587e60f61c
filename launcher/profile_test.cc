#include "launcher/profile_test.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "broker/base/escape.h"
#include "broker/sandbox/launch.h"
#include "launcher/profile_provenance.h"
#include "launcher/profile_reading.h"
#include "launcher/rule_json.h"

namespace writ {
namespace {

struct TestedProfile {
  std::string typed;
  ReadProfile read;
  std::vector<PolicyCaseResult> results;  // point into `read`
};

std::size_t failures_of(const std::vector<PolicyCaseResult>& results) {
  return static_cast<std::size_t>(
      std::count_if(results.begin(), results.end(), [](const PolicyCaseResult& result) { return !result.passed(); }));
}

std::string counted(std::size_t number, const std::string& what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

std::string tested_text(const TestedProfile& tested, Colour colour) {
  const Profile& profile = tested.read.profile;
  std::string text = painted(escape_bytes(tested.typed), Tint::kStrong, colour) + "\n";
  for (const PolicyCaseResult& result : tested.results) {
    if (result.passed())
      text += "  " + painted("ok     ", Tint::kGood, colour) + result.policy_case->text() + "\n";
    else
      text += "  " + painted("FAILED", Tint::kBad, colour) + failed_case_text(profile, result) + "\n";
  }
  const std::size_t failures = failures_of(tested.results);
  if (tested.results.empty()) return text + "  no cases: the profile has no `tests:` of its own\n";
  return text + "  " + counted(tested.results.size() - failures, "case") + " passed, " + std::to_string(failures) +
         " failed\n";
}

std::string tests_json(const std::vector<TestedProfile>& all) {
  JsonArray profiles;
  std::size_t failures = 0;
  for (const TestedProfile& tested : all) {
    JsonArray cases;
    for (const PolicyCaseResult& result : tested.results) cases.add(case_result_json(tested.read.profile, result));
    failures += failures_of(tested.results);
    profiles.add(JsonObject()
                     .set("profile", escape_bytes(tested.typed))
                     .set("failed", failures_of(tested.results))
                     .set("cases", std::move(cases)));
  }
  JsonObject object;
  object.set("schema", "writ.profile.test").set("schema_version", 1);
  object.set("failed", failures).set("profiles", std::move(profiles));
  return JsonValue(std::move(object)).to_text(2) + "\n";
}

}  // namespace

std::string failed_case_text(const Profile& profile, const PolicyCaseResult& result) {
  return " " + place_text(profile, result.policy_case->origin) + ": " + result.policy_case->text() + ", but it is " +
         std::string(effect_name(result.decided)) + ": " + result.because;
}

JsonObject case_result_json(const Profile& profile, const PolicyCaseResult& result) {
  JsonObject object = case_json(profile, *result.policy_case);
  object.set("decided", effect_name(result.decided)).set("passed", result.passed());
  object.set("because", result.because);
  return object;
}

int run_profile_test(const ProfileOptions& options) {
  const std::optional<ProfileReading> reading = start_or_complain(options);
  if (!reading) return kExitWritFailed;
  std::vector<TestedProfile> all(options.names.size());
  std::size_t failures = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::optional<ReadProfile> read = read_or_complain(*reading, options.names[i]);
    if (!read) return kExitWritFailed;
    all[i].typed = options.names[i];
    all[i].read = std::move(*read);
    all[i].results = run_policy_cases(all[i].read.profile);
    failures += failures_of(all[i].results);
  }
  std::string text;
  if (options.format == OutputFormat::kJson) text = tests_json(all);
  for (const TestedProfile& tested : all)
    if (options.format == OutputFormat::kText) text += tested_text(tested, colour_for_standard_output());
  return print_result(text, failures == 0 ? 0 : 1);
}

}  // namespace writ
