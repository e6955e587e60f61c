#include "broker/approval/approval_entries.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "broker/approval/named_policy.h"
#include "broker/policy/profile_values.h"
#include "broker/policy/schema_sections.h"
#include "broker/policy/schema_value.h"

namespace writ {
namespace {

constexpr std::array<std::string_view, 2> kFileKeys = {"version", "approvals"};
constexpr std::array<std::string_view, 9> kEntryKeys = {"effect", "rights", "path",     "address", "program",
                                                        "exact",  "prefix", "contains", "reason"};
constexpr std::array<std::string_view, 3> kObjectKeys = {"path", "address", "program"};
constexpr std::array<std::string_view, 3> kArgumentKeys = {"exact", "prefix", "contains"};

struct EntryEffect {
  ApprovalOutcome outcome = ApprovalOutcome::kDeny;
  bool asks = false;
};
constexpr auto kEffectWords = std::to_array<Word<EntryEffect>>({
    {"once", {ApprovalOutcome::kAllowOnce, false}},
    {"run", {ApprovalOutcome::kAllowRun, false}},
    {"deny", {ApprovalOutcome::kDeny, false}},
    {named_policy_name(NamedPolicy::kAllowOnce), {ApprovalOutcome::kAllowOnce, false}},
    {named_policy_name(NamedPolicy::kAlwaysAllow), {ApprovalOutcome::kAllowRun, false}},
    {named_policy_name(NamedPolicy::kAlwaysDeny), {ApprovalOutcome::kDeny, false}},
    {named_policy_name(NamedPolicy::kAskEachTime), {ApprovalOutcome::kDeny, true}},
});

Result<SchemaValue> required_entry(const SchemaValue& value, std::string_view key) {
  if (const YamlNode* node = value.node.find(key)) return value.child(*node);
  return value.refuse("'" + std::string(key) + "' is missing");
}

Result<SchemaValue> find_object(const SchemaValue& value) {
  const YamlNode* object = nullptr;
  for (const std::string_view key : kObjectKeys) {
    const YamlNode* node = value.node.find(key);
    if (node == nullptr) continue;
    if (object != nullptr)
      return value.child(*node).refuse_key("an entry is about one of 'path', 'address' and 'program': write two");
    object = node;
  }
  if (object == nullptr) return value.refuse("this entry is about nothing: add 'path', 'address' or 'program'");
  return value.child(*object);
}

Status read_rights(const SchemaValue& value, Rights possible, std::string_view misplaced, Rights& target) {
  WRIT_TRY(for_each_item(value, [&](const SchemaValue& item) -> Status {
    WRIT_ASSIGN(const std::string_view word, read_text(item));
    const std::optional<Right> right = right_from_name(word);
    if (!right) return refuse_word(item, word, kRightNames);
    if (!possible.has(*right)) return item.refuse(misplaced);
    target = join(target, {*right});
    return {};
  }));
  if (target.empty()) return value.refuse("'rights' is empty: an entry about nothing");
  return {};
}

// Refuses the keys that belong to commands, or the one that does not.
Status check_belonging(const SchemaValue& value, bool is_command) {
  const YamlNode* rights = value.node.find("rights");
  if (is_command && rights != nullptr)
    return value.child(*rights).refuse_key("a command has no 'rights': it is run or not");
  for (const std::string_view key : kArgumentKeys) {
    const YamlNode* node = value.node.find(key);
    if (!is_command && node != nullptr)
      return value.child(*node).refuse_key("'" + std::string(key) + "' is about the arguments of a 'program'");
  }
  return {};
}

template <class Pattern>
Status read_pattern(const SchemaValue& object, ApprovalEntry& entry) {
  WRIT_ASSIGN(const std::string_view text, read_text(object));
  Result<Pattern> pattern = Pattern::parse(text);
  if (!pattern) return object.refuse(pattern.error().what);
  entry.pattern = std::move(*pattern);
  return {};
}

Status read_program(const SchemaValue& value, const SchemaValue& object, ApprovalEntry& entry) {
  CommandRule rule;
  rule.effect = Effect::kAllow;  // only so that it can match; what it answers is the entry's outcome
  WRIT_ASSIGN(rule.program, read_text(object));
  const bool by_path = rule.program.find('/') != std::string::npos;
  const Result<std::string> path = normalize_absolute_path(rule.program);
  if (by_path && (!path || *path != rule.program))
    return object.refuse("a program is a file name, or an absolute path without '.', '..' and repeated slashes");
  WRIT_TRY(read_command_arguments(value, rule));
  entry.pattern = std::move(rule);
  return {};
}

Status read_object(const SchemaValue& value, ApprovalEntry& entry) {
  WRIT_ASSIGN(const SchemaValue object, find_object(value));
  const bool is_command = object.node.key == "program";
  WRIT_TRY(check_belonging(value, is_command));
  if (is_command) return read_program(value, object, entry);
  WRIT_ASSIGN(const SchemaValue rights, required_entry(value, "rights"));
  if (object.node.key == "path") {
    WRIT_TRY(read_rights(rights, kPathRights, "this right is about an address, not about a path", entry.rights));
    // As in a profile: what may be read may be listed.
    const bool reads = entry.outcome != ApprovalOutcome::kDeny && entry.rights.has(Right::kRead);
    if (reads) entry.rights = join(entry.rights, {Right::kList});
    return read_pattern<PathPattern>(object, entry);
  }
  WRIT_TRY(read_rights(rights, kAddressRights, "this right is about a path, not about an address", entry.rights));
  return read_pattern<AddressPattern>(object, entry);
}

Result<ApprovalEntry> read_entry(const SchemaValue& value) {
  WRIT_TRY(check_keys(value, kEntryKeys));
  ApprovalEntry entry;
  entry.line = value.node.position.line;
  WRIT_ASSIGN(const SchemaValue effect, required_entry(value, "effect"));
  EntryEffect meaning;
  WRIT_TRY(read_word(effect, kEffectWords, meaning));
  entry.outcome = meaning.outcome;
  entry.asks = meaning.asks;
  WRIT_TRY(read_object(value, entry));
  if (const YamlNode* reason = value.node.find("reason")) {
    WRIT_ASSIGN(entry.reason, read_text(value.child(*reason)));
  }
  return entry;
}

Status check_version(const SchemaValue& root) {
  WRIT_ASSIGN(const SchemaValue version, required_entry(root, "version"));
  std::uint64_t number = 0;
  constexpr CountBounds kOnlyOne{1, 1, "1, the only version that there is"};
  return read_count(version, kOnlyOne, number);
}

}  // namespace

Result<std::vector<ApprovalEntry>> read_approval_entries(const YamlDocument& document) {
  const SchemaValue root{document, document.root};
  WRIT_TRY(check_keys(root, kFileKeys));
  WRIT_TRY(check_version(root));
  WRIT_ASSIGN(const SchemaValue list, required_entry(root, "approvals"));
  std::vector<ApprovalEntry> entries;
  WRIT_TRY(for_each_item(list, [&](const SchemaValue& item) -> Status {
    WRIT_ASSIGN(ApprovalEntry entry, read_entry(item));
    entries.push_back(std::move(entry));
    return {};
  }));
  return entries;
}

}  // namespace writ
