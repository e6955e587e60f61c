#include "launcher/learn_profile.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "broker/base/escape.h"
#include "broker/policy/profile_loader.h"
#include "broker/policy/profile_values.h"
#include "launcher/profile_store.h"

namespace writ {
namespace {

// Those whose trees are one program each. Caches and settings are not among them: of these, single files are learned.
constexpr std::array<std::string_view, 5> kRuntimeGroups = {"python-runtimes", "node-runtimes", "toolchains-rust",
                                                            "toolchains-go", "toolchains-java"};

constexpr std::size_t kLongestName = 40;

ProfileContext loader_context(const LearnProfileContext& context, const ProfileStore& store) {
  ProfileContext made;
  made.variables = {{"workspace", context.workspace},
                    {"home", context.person.home},
                    {"user", context.person.name},
                    {"uid", std::to_string(context.person.uid)},
                    {"gid", std::to_string(context.person.gid)}};
  made.groups_source = &ProfileStore::shipped_groups;
  made.find_profile = [&store](std::string_view name) { return store.find(name); };
  return made;
}

const PathGrant* find_grant(const Profile& profile, const std::string& path) {
  for (const PathGrant& grant : profile.filesystem.grants)
    if (grant.path == path) return &grant;
  return nullptr;
}

// Whether `profile` itself grants at least what `grant` does at the same place.
bool gives(const Profile& profile, const PathGrant& grant) {
  const PathGrant* found = find_grant(profile, grant.path);
  return found != nullptr && (found->access == PathAccess::kWrite || grant.access == PathAccess::kRead);
}

bool proposed(const Proposal& proposal, const PathGrant& grant, const std::string& workspace) {
  if (proposal.reads_workspace && grant.path == workspace && grant.access == PathAccess::kRead) return true;
  return std::any_of(proposal.rules.begin(), proposal.rules.end(), [&](const ProposedRule& rule) {
    return rule.path == grant.path && (rule.access == PathAccess::kWrite || grant.access == PathAccess::kRead);
  });
}

// What the cases of `profile` are decided as; those of a profile that was added to must stay as they were.
Status check_cases(const Profile& profile, const Profile* before) {
  const std::vector<PolicyCaseResult> results = run_policy_cases(profile);
  const std::vector<PolicyCaseResult> earlier =
      before == nullptr ? std::vector<PolicyCaseResult>() : run_policy_cases(*before);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].passed() || (i < earlier.size() && !earlier[i].passed())) continue;
    return fail(
        "with what was learned the profile fails its own test '" + escape_bytes(results[i].policy_case->text()) +
            "', so it was not written: " + escape_bytes(results[i].because),
        before == nullptr ? "please report this with the command" : "change the test, if it is no longer meant");
  }
  return {};
}

}  // namespace

Result<Profile> load_learn_profile(const LearnProfileContext& context, const std::string& typed) {
  const ProfileStore store(context.person.configuration_home);
  WRIT_ASSIGN(const ProfileSource source, store.find_typed(typed));
  return load_profile(source, loader_context(context, store));
}

Result<Profile> load_learn_text(const LearnProfileContext& context, const std::string& display_name,
                                const std::string& text) {
  const ProfileStore store(context.person.configuration_home);
  return load_profile({display_name, text}, loader_context(context, store));
}

Result<std::vector<GroupTree>> runtime_groups(const LearnProfileContext& context) {
  std::vector<GroupTree> trees;
  for (const std::string_view group : kRuntimeGroups) {
    const std::string name(group);
    const std::string text =
        "version: 1\nname: " + name + "\nfilesystem:\n  read:\n    - {group: " + name + ", optional: true}\n";
    WRIT_ASSIGN(const Profile profile, load_learn_text(context, "group '" + name + "'", text));
    for (const PathGrant& grant : profile.filesystem.grants) trees.push_back({name, grant.path});
  }
  return trees;
}

Status check_learned_text(const LearnProfileContext& context, const std::string& display_name, const std::string& text,
                          const Proposal& proposal, const std::string* before_text) {
  auto loaded = load_learn_text(context, display_name, text);
  if (!loaded)
    return fail("the proposed profile does not load, and was not written: " + loaded.error().what,
                "please report this with the command");
  WRIT_ASSIGN(const Profile base, before_text != nullptr ? load_learn_text(context, display_name, *before_text)
                                                         : load_learn_profile(context, proposal.extends));
  WRIT_TRY(check_cases(*loaded, before_text == nullptr ? nullptr : &base));
  for (const ProposedRule& rule : proposal.rules)
    if (!gives(*loaded, {rule.path, rule.access}))
      return fail("the proposed profile lost the rule about " + quote_bytes(rule.path) + ", and was not written");
  for (const PathGrant& grant : loaded->filesystem.grants)
    if (!gives(base, grant) && !proposed(proposal, grant, context.workspace))
      return fail("the proposed profile would grant " + quote_bytes(grant.path) +
                  ", which nobody proposed; it was not written");
  return {};
}

std::string profile_name_for(const std::string& file) {
  std::string_view stem = std::string_view(file).substr(file.rfind('/') + 1);
  for (const std::string_view ending : {".yaml", ".yml"})
    if (stem.ends_with(ending)) stem.remove_suffix(ending.size());
  std::string name;
  for (const char c : stem.substr(0, kLongestName)) {
    const bool upper = c >= 'A' && c <= 'Z';
    const std::string one(1, upper ? static_cast<char>(c - 'A' + 'a') : c);
    name += is_profile_name(one) ? one : "-";
  }
  return is_profile_name(name) ? name : "learned";
}

bool grants_writing(const Profile& profile, const std::string& path) {
  const PathGrant* grant = find_grant(profile, path);
  return grant != nullptr && grant->access == PathAccess::kWrite;
}

}  // namespace writ
