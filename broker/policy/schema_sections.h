// The sections of the profile schema about places, rules, commands and cases. Internal to the profile loader, but for
// what other files of Writ spell the same way (broker/approval). Pure; any thread. Every error carries
// file:line:column.
#ifndef WRIT_BROKER_POLICY_SCHEMA_SECTIONS_H_
#define WRIT_BROKER_POLICY_SCHEMA_SECTIONS_H_

#include <span>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/policy/profile_draft.h"
#include "broker/policy/schema_value.h"

namespace writ {

// A list of paths, {path, optional} and {group, optional}.
[[nodiscard]] Status read_places(const SchemaValue& value, std::vector<DraftPath>& target);

// One path, as it is written: variables are expanded later, patterns are refused now.
[[nodiscard]] Result<SourceText> read_path_text(const SchemaValue& value);

// The name of a group: [a-z0-9-]{1,40}.
[[nodiscard]] Result<SourceText> read_group_name(const SchemaValue& value);

// The words true and false.
[[nodiscard]] Result<Presence> read_optional(const SchemaValue& value);

// {name: [paths]}; a group that is there already grows.
[[nodiscard]] Status read_groups(const SchemaValue& value, std::vector<DraftGroup>& groups);

[[nodiscard]] Status read_rules(const SchemaValue& value, ProfileDraft& draft);
[[nodiscard]] Status read_commands(const SchemaValue& value, ProfileDraft& draft);
[[nodiscard]] Status read_tests(const SchemaValue& value, ProfileDraft& draft);

// The keys of one rule, command rule and case.
[[nodiscard]] std::span<const std::string_view> rule_keys();
[[nodiscard]] std::span<const std::string_view> command_keys();
[[nodiscard]] std::span<const std::string_view> case_keys();

// The one of `exact`, `prefix` and `contains` that the mapping `value` has; none means any arguments.
[[nodiscard]] Status read_command_arguments(const SchemaValue& value, CommandRule& rule);

// The words allow, ask and deny.
[[nodiscard]] Status read_effect(const SchemaValue& value, Effect& effect);

// Fails at the first entry of a mapping whose key is none of `keys`.
[[nodiscard]] Status check_keys(const SchemaValue& value, std::span<const std::string_view> keys);

// The file of shipped groups: `version: 1` and `groups:`.
[[nodiscard]] Status read_group_file(const YamlDocument& document, std::vector<DraftGroup>& groups);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_SCHEMA_SECTIONS_H_
