#include "launcher/learn_report.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "broker/base/escape.h"

namespace writ {
namespace {

constexpr std::size_t kShownLines = 20;  // of each list, for people; JSON has all

constexpr std::array<std::string_view, kSuggestionKinds> kKindNames = {"secret",  "writing",  "looked_at",
                                                                       "refused", "too_many", "inexpressible"};

std::string_view kind_name(SuggestionKind kind) { return kKindNames[static_cast<std::size_t>(kind)]; }
std::string_view access_name(PathAccess access) { return access == PathAccess::kWrite ? "write" : "read"; }

std::string shown_path(const LearnFacts& facts, const std::string& path) {
  return escape_bytes(facts.record->places().spelled(path), kShownPath);
}

// A list with a title; long ones end in a count.
class Section {
 public:
  explicit Section(std::string title) : text_(std::move(title)) {}
  void add(const std::string& line) {
    if (++lines_ <= kShownLines) text_ += "  " + line + "\n";
  }
  [[nodiscard]] std::string take(std::uint64_t not_listed = 0) {
    if (lines_ == 0 && not_listed == 0) return {};
    const std::uint64_t more = not_listed + lines_ - std::min<std::uint64_t>(lines_, kShownLines);
    if (more > 0) text_ += "  … and " + std::to_string(more) + " more\n";
    return std::move(text_);
  }

 private:
  std::string text_;
  std::uint64_t lines_ = 0;
};

std::string programs_text(const std::vector<std::string>& programs) {
  std::string text;
  for (const std::string& program : programs)
    text.append(text.empty() ? "" : ", ").append(escape_bytes(program, kShownProgram));
  return text;
}

std::string proposal_text(const LearnFacts& facts) {
  const Proposal& proposal = *facts.proposal;
  Section rules("proposed:\n");
  for (const ProposedRule& rule : proposal.rules)
    rules.add(std::string(access_name(rule.access)) + " " + shown_path(facts, rule.path) + (rule.is_tree ? "/*" : "") +
              "  (" + rule.because + ")");
  Section wanted("wanted and not granted:\n");
  for (const Suggestion& suggestion : proposal.suggestions)
    wanted.add(std::string(kind_name(suggestion.kind)) + ": " + std::string(access_name(suggestion.access)) + " " +
               shown_path(facts, suggestion.path) + "  (" + suggestion.because + ")");
  std::uint64_t not_listed = 0;
  for (const std::uint64_t count : proposal.not_listed) not_listed += count;
  return rules.take() + wanted.take(not_listed);
}

std::string usage_text(const LearnFacts& facts) {
  Section used("granted by " + facts.compared_with + " and used:\n");
  for (const RuleUsage& rule : facts.usage.used) used.add(rule.rule + "  (" + std::to_string(rule.count) + ")");
  Section unused("granted by " + facts.compared_with + " and not used:\n");
  for (const RuleUsage& rule : facts.usage.unused) unused.add(rule.rule);
  return used.take() + unused.take();
}

std::string denials_text(const LearnFacts& facts) {
  Section denied(facts.compared_with + " would have denied:\n");
  for (const Denial& denial : facts.denials.list)
    denied.add(rights_text(denial.rights) + " " + shown_path(facts, denial.path) + "  (" +
               std::to_string(denial.count) + "×, " + programs_text(denial.programs) + ": " + denial.cause +
               ")\n    allow it: " + denial.remedy);
  std::string text = denied.take(facts.denials.not_listed);
  return text.empty() ? facts.compared_with + " would have denied nothing that this run did\n" : text;
}

JsonArray escaped_array(const std::vector<std::string>& texts) {
  JsonArray list;
  for (const std::string& text : texts) list.add(escape_bytes(text));
  return list;
}

JsonObject path_json(const LearnFacts& facts, const std::string& path, PathAccess access) {
  return JsonObject()
      .set("path", escape_bytes(facts.record->places().spelled(path)))
      .set("access", access_name(access));
}

void add_proposal(const LearnFacts& facts, JsonObject& report) {
  JsonArray rules;
  for (const ProposedRule& rule : facts.proposal->rules)
    rules.add(path_json(facts, rule.path, rule.access)
                  .set("tree", rule.is_tree)
                  .set("used", rule.used.size())
                  .set("files", rule.files)
                  .set("because", rule.because));
  JsonArray wanted;
  for (const Suggestion& suggestion : facts.proposal->suggestions)
    wanted.add(path_json(facts, suggestion.path, suggestion.access)
                   .set("kind", kind_name(suggestion.kind))
                   .set("because", suggestion.because));
  report.set("extends", facts.proposal->extends).set("proposed", std::move(rules)).set("wanted", std::move(wanted));
}

JsonArray usage_json(const std::vector<RuleUsage>& rules) {
  JsonArray list;
  for (const RuleUsage& rule : rules) list.add(JsonObject().set("rule", rule.rule).set("count", rule.count));
  return list;
}

JsonArray denials_json(const LearnFacts& facts) {
  JsonArray list;
  for (const Denial& denial : facts.denials.list)
    list.add(JsonObject()
                 .set("path", escape_bytes(facts.record->places().spelled(denial.path)))
                 .set("rights", rights_text(denial.rights))
                 .set("count", denial.count)
                 .set("programs", escaped_array(denial.programs))
                 .set("cause", denial.cause)
                 .set("remedy", denial.remedy));
  return list;
}

}  // namespace

std::vector<std::string> address_lines(const AddressLog& addresses) {
  std::vector<std::string> lines;
  for (const auto& [key, entry] : addresses.entries())
    lines.push_back(rights_text(entry.sighting.rights) + " " + escape_bytes(entry.sighting.text, kShownPath) + ", " +
                    std::to_string(entry.count) + "× by " +
                    programs_text({entry.programs.begin(), entry.programs.end()}));
  if (addresses.not_kept() > 0) lines.push_back("… and " + std::to_string(addresses.not_kept()) + " more");
  return lines;
}

std::string learn_text(const LearnFacts& facts) {
  std::string text = facts.proposal != nullptr ? proposal_text(facts) + usage_text(facts) : denials_text(facts);
  Section addresses("addresses that the program asked for:\n");
  for (const std::string& line : address_lines(facts.record->addresses())) addresses.add(line);
  text += addresses.take();
  if (const std::uint64_t lost = facts.record->not_granted().not_kept(); lost > 0)
    text += "the program named so many different paths that " + std::to_string(lost) + " uses were not kept\n";
  if (!facts.output.empty()) text += "wrote " + facts.output + ": read it before you use it\n";
  return text;
}

JsonValue learn_json(const LearnFacts& facts) {
  JsonObject report;
  report.set("schema", "writ.learn").set("schema_version", kLearnReportSchemaVersion).set("writ_version", WRIT_VERSION);
  report.set("compared_with", facts.compared_with).set("exit_status", facts.exit_status);
  report.set("observed_uses", facts.record->sightings()).set("uses_not_kept", facts.record->not_granted().not_kept());
  report.set("peak_memory_kib", facts.broker_memory_kib);
  if (facts.proposal != nullptr) add_proposal(facts, report);
  report.set("granted_and_used", usage_json(facts.usage.used))
      .set("granted_and_unused", usage_json(facts.usage.unused));
  if (facts.proposal == nullptr)
    report.set("denied", denials_json(facts)).set("denied_not_listed", facts.denials.not_listed);
  report.set("addresses", escaped_array(address_lines(facts.record->addresses())));
  report.set("output", facts.output);
  return report;
}

}  // namespace writ
