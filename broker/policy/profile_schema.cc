#include "broker/policy/profile_schema.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "broker/base/escape.h"
#include "broker/base/name_suggestion.h"
#include "broker/policy/environment.h"
#include "broker/policy/profile_values.h"
#include "broker/policy/schema_sections.h"
#include "broker/policy/schema_value.h"

namespace writ {
namespace {

// ---- words
// -----------------------------------------------------------------------------------------------------------

constexpr auto kExecutionWords =
    std::to_array<Word<Execution>>({{"allowed", Execution::kAllowed}, {"denied", Execution::kDenied}});
constexpr auto kWritingWords =
    std::to_array<Word<Writing>>({{"native", Writing::kNative}, {"mediated", Writing::kMediated}});
constexpr auto kUnixSocketWords =
    std::to_array<Word<UnixSockets>>({{"none", UnixSockets::kNone}, {"allowed", UnixSockets::kAllowed}});
constexpr auto kNetlinkWords =
    std::to_array<Word<NetlinkSockets>>({{"none", NetlinkSockets::kNone}, {"route", NetlinkSockets::kRoute}});
constexpr auto kSyscallBaseWords =
    std::to_array<Word<SyscallBase>>({{"standard", SyscallBase::kStandard}, {"strict", SyscallBase::kStrict}});
constexpr auto kRequirementWords =
    std::to_array<Word<Requirement>>({{"require", Requirement::kRequire}, {"prefer", Requirement::kPrefer}});
constexpr auto kTerminalWords =
    std::to_array<Word<TerminalMode>>({{"auto", TerminalMode::kAuto}, {"none", TerminalMode::kNone}});
constexpr auto kNetworkWords =
    std::to_array<Word<NetworkMode>>({{"none", NetworkMode::kNone}, {"host", NetworkMode::kHost}});

constexpr auto kAuditWords = std::to_array<Word<AuditSetting>>(
    {{"off", AuditSetting::kOff}, {"default", AuditSetting::kDefault}, {"required", AuditSetting::kRequired}});

// ---- bounds
// ----------------------------------------------------------------------------------------------------------

constexpr std::uint64_t kKibi = 1ull << 10;
constexpr std::uint64_t kMebi = 1ull << 20;
constexpr std::uint64_t kLargest = (1ull << 63) - 1;

constexpr DurationBounds kWallTime = {Milliseconds(1), kLongestDuration, "at least 1ms and at most 8760h"};
// Zero is meaningful here: no time between SIGTERM and SIGKILL.
constexpr DurationBounds kKillGrace = {Milliseconds(0), std::chrono::minutes(10), "at most 10m"};
// RLIMIT_CPU counts whole seconds, and 0 would kill the tool at once.
constexpr DurationBounds kCpuTime = {std::chrono::seconds(1), kLongestDuration, "at least 1s and at most 8760h"};
// Below this a dynamic loader cannot even map libc.
constexpr CountBounds kAddressSpace = {16 * kMebi, kLargest, "at least 16M"};
constexpr CountBounds kFileSize = {1, kLargest, "at least 1"};
// A size of 0 means "no limit" to tmpfs(5): it must never get there.
constexpr CountBounds kTmpSize = {64 * kKibi, kLargest, "at least 64K"};
constexpr CountBounds kShmSize = {4 * kKibi, kLargest, "at least 4K"};
// PID_MAX_LIMIT of linux/threads.h.
constexpr CountBounds kProcesses = {1, 4'194'304, "at least 1 and at most 4194304"};
// Below 16 no interpreter starts; above fs.nr_open's default setrlimit(2) fails.
constexpr CountBounds kOpenFiles = {16, 1'048'576, "at least 16 and at most 1048576"};

// Below this not even a shell starts.
constexpr CountBounds kMemory = {kMebi, kLargest, "at least 1M"};
constexpr CountBounds kSwap = {0, kLargest, "at least 0"};
// The kernel's smallest share of a period is a hundredth of it (cpu.max, cpu.cfs_quota_us).
constexpr CountBounds kCpus = {10, 4'096'000, "at least 0.01 and at most 4096"};
constexpr CountBounds kCpuWeight = {1, 10'000, "at least 1 and at most 10000"};
constexpr DurationBounds kTotalCpuTime = {Milliseconds(1), kLongestDuration, "at least 1ms and at most 8760h"};
constexpr CountBounds kOutputSize = {1, kLargest, "at least 1"};
constexpr CountBounds kWriteSize = {1, kLargest, "at least 1"};

// ---- lists
// -----------------------------------------------------------------------------------------------------------

// Union: an entry that is there already keeps its place.
void add_once(std::vector<std::string>& list, std::string_view entry) {
  if (std::find(list.begin(), list.end(), entry) == list.end()) list.emplace_back(entry);
}

void set_named(std::vector<DraftSetting>& settings, std::string_view name, SourceText value) {
  const auto same =
      std::find_if(settings.begin(), settings.end(), [&](const DraftSetting& s) { return s.name == name; });
  if (same != settings.end()) {
    same->value = std::move(value);
  } else {
    settings.push_back({std::string(name), std::move(value)});
  }
}

Status read_relative_paths(const SchemaValue& value, std::vector<std::string>& target) {
  return for_each_item(value, [&](const SchemaValue& item) -> Status {
    WRIT_ASSIGN(const std::string_view text, read_text(item));
    if (const Status checked = check_relative_path(text); !checked) return item.refuse(checked.error().what);
    add_once(target, text);
    return {};
  });
}

Status read_passed_names(const SchemaValue& value, ProfileDraft& draft) {
  return for_each_item(value, [&](const SchemaValue& item) -> Status {
    WRIT_ASSIGN(const std::string_view text, read_text(item));
    if (const Status checked = check_passed_name(text); !checked) return item.refuse(checked.error().what);
    add_once(draft.profile.environment.pass, text);
    return {};
  });
}

Status read_environment_settings(const SchemaValue& value, ProfileDraft& draft) {
  return for_each_entry(value, [&](const SchemaValue& entry) -> Status {
    if (const Status checked = check_set_name(entry.node.key); !checked) return entry.refuse_key(checked.error().what);
    WRIT_ASSIGN(const std::string_view text, read_free_text(entry));
    set_named(draft.environment, entry.node.key, {std::string(text), entry.origin()});
    return {};
  });
}

Status read_variables(const SchemaValue& value, ProfileDraft& draft) {
  return for_each_entry(value, [&](const SchemaValue& entry) -> Status {
    if (!is_variable_name(entry.node.key))
      return entry.refuse_key("the variable name " + quote_bytes(entry.node.key, 80) +
                              " must be made of a-z and _ (at most 40)");
    WRIT_ASSIGN(const std::string_view text, read_free_text(entry));
    set_named(draft.variables, entry.node.key, {std::string(text), entry.origin()});
    return {};
  });
}

Status read_syscall_names(const SchemaValue& value, std::vector<std::string>& target) {
  return for_each_item(value, [&](const SchemaValue& item) -> Status {
    WRIT_ASSIGN(const std::string_view text, read_text(item));
    if (!is_syscall_name(text))
      return item.refuse(quote_bytes(text, 80) + " is not the name of a system call (a-z, 0-9 and _)");
    add_once(target, text);
    return {};
  });
}

// ---- single values
// ---------------------------------------------------------------------------------------------------

Status read_cpu_time(const SchemaValue& value, ProfileDraft& draft) {
  std::optional<Milliseconds> time;
  WRIT_TRY(read_optional_duration(value, kCpuTime, time));
  if (time && time->count() % 1000 != 0) return value.refuse("'cpu_time': must be whole seconds");
  draft.profile.limits.cpu_seconds.reset();
  if (time) draft.profile.limits.cpu_seconds = static_cast<std::uint64_t>(time->count() / 1000);
  return {};
}

Status read_hostname(const SchemaValue& value, ProfileDraft& draft) {
  WRIT_ASSIGN(const std::string_view text, read_text(value));
  if (!is_hostname(text))
    return value.refuse("'hostname': " + quote_bytes(text, 80) +
                        " is not a host name (letters, digits, inner hyphens)");
  draft.profile.process.hostname = text;
  return {};
}

Status read_isolation(const SchemaValue& value, ProfileDraft& draft) {
  return for_each_entry(value, [&](const SchemaValue& entry) -> Status {
    const std::optional<Layer> layer = layer_from_name(entry.node.key);
    if (!layer) {
      std::array<std::string_view, kLayerCount> known{};
      for (std::size_t i = 0; i < kLayerCount; ++i) known[i] = kLayerNames[i].name;
      return entry.refuse_key("unknown layer " + quote_bytes(entry.node.key, 80) + did_you_mean(entry.node.key, known));
    }
    const auto index = static_cast<std::size_t>(*layer);
    draft.isolation_origins[index] = entry.origin();
    return read_word(entry, kRequirementWords, draft.profile.isolation[index]);
  });
}

Status read_description(const SchemaValue& value, ProfileDraft& draft) {
  WRIT_ASSIGN(const std::string_view text, read_free_text(value));
  draft.profile.description = text;
  return {};
}

// ---- the schema
// ------------------------------------------------------------------------------------------------------

constexpr auto kFilesystemRules = std::to_array<KeyRule>({
    {"read", [](const SchemaValue& v, ProfileDraft& d) { return read_places(v, d.read); }},
    {"write", [](const SchemaValue& v, ProfileDraft& d) { return read_places(v, d.write); }},
    {"hide", [](const SchemaValue& v, ProfileDraft& d) { return read_places(v, d.hide); }},
    {"protect",
     [](const SchemaValue& v, ProfileDraft& d) { return read_relative_paths(v, d.profile.filesystem.protect); }},
    {"report_changes",
     [](const SchemaValue& v, ProfileDraft& d) { return read_relative_paths(v, d.profile.filesystem.report_changes); }},
    {"scratch_execution",
     [](const SchemaValue& v, ProfileDraft& d) {
       return read_word(v, kExecutionWords, d.profile.filesystem.scratch_execution);
     }},
    {"writable_execution",
     [](const SchemaValue& v, ProfileDraft& d) {
       return read_word(v, kExecutionWords, d.profile.filesystem.writable_execution);
     }},
    {"writing",
     [](const SchemaValue& v, ProfileDraft& d) { return read_word(v, kWritingWords, d.profile.filesystem.writing); }},
});

constexpr auto kEnvironmentRules = std::to_array<KeyRule>({
    {"pass", read_passed_names},
    {"set", read_environment_settings},
});

constexpr auto kProcessRules = std::to_array<KeyRule>({
    {"hostname", read_hostname},
    {"unix_sockets", [](const SchemaValue& v,
                        ProfileDraft& d) { return read_word(v, kUnixSocketWords, d.profile.process.unix_sockets); }},
    {"netlink",
     [](const SchemaValue& v, ProfileDraft& d) { return read_word(v, kNetlinkWords, d.profile.process.netlink); }},
});

constexpr auto kLimitRules = std::to_array<KeyRule>({
    {"wall_time", [](const SchemaValue& v,
                     ProfileDraft& d) { return read_optional_duration(v, kWallTime, d.profile.limits.wall_time); }},
    {"kill_grace",
     [](const SchemaValue& v, ProfileDraft& d) { return read_duration(v, kKillGrace, d.profile.limits.kill_grace); }},
    {"cpu_time", read_cpu_time},
    {"address_space",
     [](const SchemaValue& v, ProfileDraft& d) {
       return read_optional_size(v, kAddressSpace, d.profile.limits.address_space);
     }},
    {"file_size", [](const SchemaValue& v,
                     ProfileDraft& d) { return read_optional_size(v, kFileSize, d.profile.limits.file_size); }},
    {"tmp_size",
     [](const SchemaValue& v, ProfileDraft& d) { return read_size(v, kTmpSize, d.profile.limits.tmp_size); }},
    {"shm_size",
     [](const SchemaValue& v, ProfileDraft& d) { return read_size(v, kShmSize, d.profile.limits.shm_size); }},
    {"processes",
     [](const SchemaValue& v, ProfileDraft& d) { return read_count(v, kProcesses, d.profile.limits.processes); }},
    {"open_files",
     [](const SchemaValue& v, ProfileDraft& d) { return read_count(v, kOpenFiles, d.profile.limits.open_files); }},
    {"memory",
     [](const SchemaValue& v, ProfileDraft& d) { return read_optional_size(v, kMemory, d.profile.limits.memory); }},
    {"swap", [](const SchemaValue& v, ProfileDraft& d) { return read_optional_size(v, kSwap, d.profile.limits.swap); }},
    {"cpus",
     [](const SchemaValue& v, ProfileDraft& d) { return read_optional_thousandths(v, kCpus, d.profile.limits.cpus); }},
    {"cpu_weight", [](const SchemaValue& v,
                      ProfileDraft& d) { return read_optional_count(v, kCpuWeight, d.profile.limits.cpu_weight); }},
    {"total_cpu_time",
     [](const SchemaValue& v, ProfileDraft& d) {
       return read_optional_duration(v, kTotalCpuTime, d.profile.limits.total_cpu_time);
     }},
    {"output_size", [](const SchemaValue& v,
                       ProfileDraft& d) { return read_optional_size(v, kOutputSize, d.profile.limits.output_size); }},
    {"write_size", [](const SchemaValue& v,
                      ProfileDraft& d) { return read_optional_size(v, kWriteSize, d.profile.limits.write_size); }},
});

constexpr auto kSyscallRules = std::to_array<KeyRule>({
    {"base",
     [](const SchemaValue& v, ProfileDraft& d) { return read_word(v, kSyscallBaseWords, d.profile.syscalls.base); }},
    {"allow", [](const SchemaValue& v, ProfileDraft& d) { return read_syscall_names(v, d.profile.syscalls.allow); }},
    {"deny", [](const SchemaValue& v, ProfileDraft& d) { return read_syscall_names(v, d.profile.syscalls.deny); }},
});

Status read_already(const SchemaValue&, ProfileDraft&) { return {}; }

constexpr auto kProfileRules = std::to_array<KeyRule>({
    {"version", read_already},
    {"name", read_already},
    {"extends", read_already},
    {"reset", read_already},
    {"description", read_description},
    {"variables", read_variables},
    {"filesystem", [](const SchemaValue& v, ProfileDraft& d) { return read_section(v, kFilesystemRules, d); }},
    {"groups", [](const SchemaValue& v, ProfileDraft& d) { return read_groups(v, d.groups); }},
    {"rules", read_rules},
    {"commands", read_commands},
    {"tests", read_tests},
    {"environment", [](const SchemaValue& v, ProfileDraft& d) { return read_section(v, kEnvironmentRules, d); }},
    {"process", [](const SchemaValue& v, ProfileDraft& d) { return read_section(v, kProcessRules, d); }},
    {"limits", [](const SchemaValue& v, ProfileDraft& d) { return read_section(v, kLimitRules, d); }},
    {"syscalls", [](const SchemaValue& v, ProfileDraft& d) { return read_section(v, kSyscallRules, d); }},
    {"isolation", read_isolation},
    {"terminal",
     [](const SchemaValue& v, ProfileDraft& d) { return read_word(v, kTerminalWords, d.profile.terminal); }},
    {"network", [](const SchemaValue& v, ProfileDraft& d) { return read_word(v, kNetworkWords, d.profile.network); }},
    {"audit", [](const SchemaValue& v, ProfileDraft& d) { return read_word(v, kAuditWords, d.profile.audit); }},
});

// Lists that `reset` can empty.
struct ResettableList {
  std::string_view key;
  void (*clear)(ProfileDraft&);
};

constexpr auto kResettableLists = std::to_array<ResettableList>({
    {"filesystem.read", [](ProfileDraft& d) { d.read.clear(); }},
    {"filesystem.write", [](ProfileDraft& d) { d.write.clear(); }},
    {"filesystem.hide", [](ProfileDraft& d) { d.hide.clear(); }},
    {"filesystem.protect", [](ProfileDraft& d) { d.profile.filesystem.protect.clear(); }},
    {"filesystem.report_changes", [](ProfileDraft& d) { d.profile.filesystem.report_changes.clear(); }},
    {"groups", [](ProfileDraft& d) { d.groups.clear(); }},
    {"rules", [](ProfileDraft& d) { d.rules.clear(); }},
    {"commands", [](ProfileDraft& d) { d.commands.clear(); }},
    {"environment.pass", [](ProfileDraft& d) { d.profile.environment.pass.clear(); }},
    {"environment.set", [](ProfileDraft& d) { d.environment.clear(); }},
    {"syscalls.allow", [](ProfileDraft& d) { d.profile.syscalls.allow.clear(); }},
    {"syscalls.deny", [](ProfileDraft& d) { d.profile.syscalls.deny.clear(); }},
});

Status reset_list(const SchemaValue& item, ProfileDraft& draft) {
  WRIT_ASSIGN(const std::string_view key, read_text(item));
  std::array<std::string_view, kResettableLists.size()> known{};
  for (std::size_t i = 0; i < known.size(); ++i) {
    known[i] = kResettableLists[i].key;
    if (known[i] != key) continue;
    kResettableLists[i].clear(draft);
    return {};
  }
  return item.refuse(quote_bytes(key, 80) + " is not a list that can be reset" + did_you_mean(key, known));
}

// ---- the header
// ------------------------------------------------------------------------------------------------------

Status check_version(const SchemaValue& root) {
  const YamlNode* version = root.node.find("version");
  if (version == nullptr) return root.refuse("'version: 1' is missing");
  constexpr CountBounds kKnownVersions = {1, 1, "1 (the only version that this program knows)"};
  std::uint64_t number = 0;
  return read_count(root.child(*version), kKnownVersions, number);
}

Result<SourceText> read_profile_name(const SchemaValue& value) {
  WRIT_ASSIGN(const std::string_view text, read_text(value));
  if (!is_profile_name(text))
    return value.refuse("the profile name " + quote_bytes(text, 80) + " must be made of a-z, 0-9 and '-' (at most 40)");
  return SourceText{std::string(text), value.origin()};
}

// A name or a list of names.
Result<std::vector<SourceText>> read_extends(const SchemaValue& value) {
  std::vector<SourceText> names;
  const auto add = [&](const SchemaValue& item) -> Status {
    WRIT_ASSIGN(SourceText name, read_profile_name(item));
    names.push_back(std::move(name));
    return {};
  };
  if (value.node.kind == YamlKind::kSequence) {
    WRIT_TRY(for_each_item(value, add));
  } else {
    WRIT_TRY(add(value));
  }
  return names;
}

}  // namespace

Result<ProfileHeader> read_profile_header(const YamlDocument& document) {
  const SchemaValue root{document, document.root};
  WRIT_TRY(expect_mapping(root));
  WRIT_TRY(check_version(root));
  for (const YamlNode& entry : root.node.children) WRIT_TRY(find_rule(root.child(entry), kProfileRules));
  const YamlNode* name = root.node.find("name");
  if (name == nullptr) return root.refuse("'name' is missing");
  ProfileHeader header;
  WRIT_ASSIGN(header.name, read_profile_name(root.child(*name)));
  if (const YamlNode* extends = root.node.find("extends")) {
    WRIT_ASSIGN(header.extends, read_extends(root.child(*extends)));
  }
  return header;
}

Status apply_profile(const YamlDocument& document, ProfileDraft& draft) {
  const SchemaValue root{document, document.root};
  // They speak of one file and are not inherited.
  draft.profile.description.clear();
  draft.tests.clear();
  if (const YamlNode* reset = root.node.find("reset"))
    WRIT_TRY(for_each_item(root.child(*reset), [&](const SchemaValue& item) { return reset_list(item, draft); }));
  return read_section(root, kProfileRules, draft);
}

Status apply_limit(std::string_view typed, LimitPolicy& limits) {
  const std::size_t equals = typed.find('=');
  if (equals == std::string_view::npos)
    return fail(quote_bytes(typed, 80) + " is not NAME=VALUE", "for example: --limit memory=512M");
  YamlDocument document{"--limit", std::string(typed), {}, 0};
  YamlNode entry;
  entry.kind = YamlKind::kScalar;
  entry.key = typed.substr(0, equals);
  entry.text = typed.substr(equals + 1);
  entry.position.column = static_cast<std::uint32_t>(equals + 2);
  document.root.kind = YamlKind::kMapping;
  document.root.children.push_back(std::move(entry));
  ProfileDraft draft;
  draft.profile.limits = limits;
  WRIT_TRY(read_section({document, document.root}, kLimitRules, draft));
  limits = draft.profile.limits;
  return {};
}

std::vector<std::string> known_limit_keys() {
  std::vector<std::string> keys;
  keys.reserve(kLimitRules.size());
  for (const KeyRule& rule : kLimitRules) keys.emplace_back(rule.key);
  return keys;
}

std::vector<std::string> known_profile_keys() {
  std::vector<std::string> keys;
  const auto add = [&](std::string_view section, std::string_view key) {
    keys.push_back(std::string(section).append(section.empty() ? "" : ".").append(key));
  };
  const auto add_table = [&](std::string_view section, std::span<const KeyRule> table) {
    for (const KeyRule& rule : table) add(section, rule.key);
  };
  add_table("", kProfileRules);
  add_table("filesystem", kFilesystemRules);
  add_table("environment", kEnvironmentRules);
  add_table("process", kProcessRules);
  add_table("limits", kLimitRules);
  add_table("syscalls", kSyscallRules);
  for (const LayerName& layer : kLayerNames) add("isolation", layer.name);
  for (const std::string_view key : rule_keys()) add("rules", key);
  for (const std::string_view key : command_keys()) add("commands", key);
  for (const std::string_view key : case_keys()) add("tests", key);
  for (const ResettableList& list : kResettableLists) keys.push_back("reset=" + std::string(list.key));
  return keys;
}

}  // namespace writ
