#include "launcher/profile_diff.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "broker/base/escape.h"
#include "broker/base/json_text.h"
#include "broker/sandbox/launch.h"
#include "launcher/profile_reading.h"

namespace writ {
namespace {

constexpr auto kNotCompared = std::to_array<std::string_view>({"version", "name", "description", "tests"});

// What an entry is about: the same on both sides means that its value may have changed.
using Subject = std::pair<std::string, std::string>;

Subject subject_of(const OutlineEntry& entry) {
  if (!entry.key.empty()) return {entry.section, entry.key};
  return {entry.section, entry.subject.empty() ? entry.value : entry.subject};
}

bool is_compared(const OutlineEntry& entry) {
  const std::string_view name = entry.section.empty() ? entry.key : entry.section;
  return std::find(kNotCompared.begin(), kNotCompared.end(), name) == kNotCompared.end();
}

using Values = std::map<Subject, std::string>;

Values values_of(const std::vector<OutlineEntry>& entries) {
  Values values;
  for (const OutlineEntry& entry : entries) values.emplace(subject_of(entry), entry.value);
  return values;
}

std::string value_in(const Values& values, const Subject& subject) {
  const auto found = values.find(subject);
  return found == values.end() ? std::string() : found->second;
}

std::string change_text(const ProfileChange& change, Colour colour) {
  const std::string name = change.kind == ChangeKind::kValue ? change.what + ": " : "";
  if (change.before.empty()) return painted("  + " + name + change.after, Tint::kGood, colour) + "\n";
  if (change.after.empty()) return painted("  - " + name + change.before, Tint::kBad, colour) + "\n";
  return painted("  ~ " + name + change.before + " → " + change.after, Tint::kWarning, colour) + "\n";
}

std::string diff_text(const std::vector<ProfileChange>& changes, Colour colour) {
  std::string text;
  std::optional<std::string> section;
  for (const ProfileChange& change : changes) {
    if (section != change.section)
      text += painted(change.section.empty() ? "profile" : change.section, Tint::kStrong, colour) + "\n";
    section = change.section;
    text += change_text(change, colour);
  }
  return text;
}

std::string diff_json(const std::vector<ProfileChange>& changes, const ProfileOptions& options) {
  JsonArray list;
  for (const ProfileChange& change : changes) {
    JsonObject object;
    object.set("section", change.section).set("what", escape_bytes(change.what));
    object.set("before", change.before.empty() ? JsonValue() : JsonValue(change.before));
    object.set("after", change.after.empty() ? JsonValue() : JsonValue(change.after));
    list.add(std::move(object));
  }
  JsonObject diff;
  diff.set("schema", "writ.profile.diff").set("schema_version", 1);
  diff.set("before", escape_bytes(options.names[0])).set("after", escape_bytes(options.names[1]));
  diff.set("same", changes.empty()).set("changes", std::move(list));
  return JsonValue(std::move(diff)).to_text(2) + "\n";
}

}  // namespace

std::vector<ProfileChange> compare_outlines(const std::vector<OutlineEntry>& before,
                                            const std::vector<OutlineEntry>& after) {
  const Values old_values = values_of(before);
  const Values new_values = values_of(after);
  std::vector<ProfileChange> changes;
  std::set<Subject> seen;
  std::vector<std::string> sections;  // in the order of their first appearance
  for (const std::vector<OutlineEntry>* side : {&before, &after}) {
    for (const OutlineEntry& entry : *side) {
      const Subject subject = subject_of(entry);
      if (!is_compared(entry) || !seen.insert(subject).second) continue;
      const ChangeKind kind = entry.key.empty() ? ChangeKind::kItem : ChangeKind::kValue;
      ProfileChange change{kind, entry.section, subject.second, value_in(old_values, subject),
                           value_in(new_values, subject)};
      if (std::find(sections.begin(), sections.end(), change.section) == sections.end())
        sections.push_back(change.section);
      if (change.before != change.after) changes.push_back(std::move(change));
    }
  }
  const auto place = [&](const ProfileChange& change) {
    return std::find(sections.begin(), sections.end(), change.section) - sections.begin();
  };
  std::stable_sort(changes.begin(), changes.end(),
                   [&](const ProfileChange& a, const ProfileChange& b) { return place(a) < place(b); });
  return changes;
}

int run_profile_diff(const ProfileOptions& options) {
  const std::optional<ProfileReading> reading = start_or_complain(options);
  if (!reading) return kExitWritFailed;
  const std::optional<ReadProfile> before = read_or_complain(*reading, options.names[0]);
  const std::optional<ReadProfile> after = before ? read_or_complain(*reading, options.names[1]) : std::nullopt;
  if (!after) return kExitWritFailed;
  const OutlineContext context = outline_context(reading->context());
  const std::vector<ProfileChange> changes =
      compare_outlines(outline_profile(before->profile, context), outline_profile(after->profile, context));
  const std::string text = options.format == OutputFormat::kJson ? diff_json(changes, options)
                                                                 : diff_text(changes, colour_for_standard_output());
  return print_result(text, changes.empty() ? 0 : 1);
}

}  // namespace writ
