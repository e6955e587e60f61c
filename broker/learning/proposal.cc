#include "broker/learning/proposal.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "broker/base/escape.h"
#include "broker/learning/profile_text.h"

namespace writ {
namespace {

constexpr Rights kUsingRights{Right::kRead, Right::kExecute};

std::string times(std::uint64_t count) { return count == 1 ? "once" : std::to_string(count) + " times"; }

std::string by_programs(const std::set<std::string>& programs) {
  std::string text;
  for (const std::string& program : programs)
    text.append(text.empty() ? " by " : ", ").append(escape_bytes(program, kShownProgram));
  return text;
}

class Proposer {
 public:
  Proposer(const LearningRecord& record, const HostFacts& host, const ProposalOptions& options)
      : record_(record), places_(record.places()), host_(host), options_(options) {}

  Proposal propose();

 private:
  void choose_base();
  void sort_entry(const Observation& entry);
  void sort_writing(const Observation& entry);
  void sort_directory(const Observation& entry);
  [[nodiscard]] const GroupTree* group_of(std::string_view path) const;
  void use_group(const GroupTree& tree, const Observation& entry);
  void add_group_rules();
  void add_file_rules();
  void add_alias(const Observation& entry, const std::string& name, const std::set<std::string>& links);
  void add_rule(ProposedRule rule);
  void suggest(SuggestionKind kind, const Observation& entry, PathAccess access, std::string because);
  void finish();
  [[nodiscard]] bool allowed(Rights rights, const std::string& path) const {
    return record_.decide(rights, path).effect == Effect::kAllow;
  }
  [[nodiscard]] const ProposedRule* rule_for(std::string_view path) const;
  [[nodiscard]] std::string denial(Rights rights, const std::string& path) const;
  [[nodiscard]] std::string file_reason(const FoldedRule& rule) const;

  const LearningRecord& record_;
  const LearningPlaces& places_;
  const HostFacts& host_;
  const ProposalOptions& options_;
  Proposal proposal_;
  std::set<std::string> files_;
  std::map<const GroupTree*, std::vector<const Observation*>> groups_;
  std::vector<const Observation*> directories_;
};

// The rule among the proposed ones that reaches `path`.
const ProposedRule* Proposer::rule_for(std::string_view path) const {
  for (const ProposedRule& rule : proposal_.rules)
    if (rule.path == path || (rule.is_tree && lies_within(path, rule.path))) return &rule;
  return nullptr;
}

// Why the policy says no in words that a person can act on; empty when it merely says nothing.
std::string Proposer::denial(Rights rights, const std::string& path) const {
  const Decision decision = record_.decide(rights, path);
  if (decision.effect == Effect::kAllow || decision.cause == DecisionCause::kNothing) return {};
  if (decision.cause == DecisionCause::kSecret) return {};
  std::string text = decision.cause == DecisionCause::kProtected ? "a protected name" : "the profile says no";
  if (decision.rule != nullptr) text += ": " + escape_bytes(decision.rule->text());
  if (decision.rule != nullptr && !decision.rule->reason.empty())
    text += " (" + escape_bytes(decision.rule->reason) + ")";
  return text;
}

void Proposer::suggest(SuggestionKind kind, const Observation& entry, PathAccess access, std::string because) {
  because += ", " + times(entry.count) + by_programs(entry.programs);
  const bool sayable = is_expressible_path(places_.spelled(entry.path));
  proposal_.suggestions.push_back(
      {sayable ? kind : SuggestionKind::kInexpressible, entry.path, access, std::move(because)});
}

void Proposer::choose_base() {
  proposal_.extends = options_.extends;
  const bool writes = record_.workspace_use().has(Right::kWrite);
  if (proposal_.extends.empty()) proposal_.extends = writes ? "default" : "base";
  // The working directory has to exist, whether or not something in it was read.
  const bool has_workspace = options_.extends.empty() ? writes : allowed(Rights{Right::kRead}, places_.workspace);
  proposal_.reads_workspace = !has_workspace && !writes;
  if (has_workspace || proposal_.reads_workspace || !writes) return;
  add_rule({places_.workspace, PathAccess::kWrite, true, {places_.workspace}, 0, "the workspace was written to"});
}

void Proposer::sort_writing(const Observation& entry) {
  const Rights write{Right::kWrite};
  if (!join(entry.rights, entry.missed).has(Right::kWrite) || allowed(write, entry.path)) return;
  for (const std::string& tree : options_.writable) {
    if (!lies_within(entry.path, tree)) continue;
    if (rule_for(tree) == nullptr)
      add_rule({tree, PathAccess::kWrite, true, {entry.path}, 0, "opened with --write and written to"});
    return;
  }
  if (places_.region_of(entry.path) == Region::kWorkspace && denial(write, entry.path).empty()) return;
  if (std::string why = denial(write, entry.path); !why.empty())
    return suggest(SuggestionKind::kDenied, entry, PathAccess::kWrite, "not written: " + why);
  suggest(SuggestionKind::kWriting, entry, PathAccess::kWrite,
          entry.obstacle == Obstacle::kPermission ? "writing, which the host's permissions refuse" : "writing");
}

void Proposer::sort_directory(const Observation& entry) {
  if (allowed(Rights{Right::kList}, entry.path)) return;
  directories_.push_back(&entry);
}

void Proposer::sort_entry(const Observation& entry) {
  const Region region = places_.region_of(entry.path);
  // Whether the secret exists is not said: the tool may read this profile in its workspace one day.
  if (region == Region::kSecret) {
    const bool writes = join(entry.rights, entry.missed).has(Right::kWrite);
    return suggest(SuggestionKind::kSecret, entry, writes ? PathAccess::kWrite : PathAccess::kRead,
                   "a place for secrets, asked for");
  }
  sort_writing(entry);
  if (region == Region::kWorkspace || entry.finding == Finding::kMissing) return;
  if (entry.finding == Finding::kDirectory) return sort_directory(entry);
  const Rights used = meet(entry.rights, kUsingRights);
  if (used.empty()) {
    if (entry.missed.empty() && !entry.rights.has(Right::kWrite) && group_of(entry.path) == nullptr &&
        !allowed(Rights{Right::kRead}, entry.path))
      suggest(SuggestionKind::kLookedAt, entry, PathAccess::kRead, "looked at, not read");
    return;
  }
  if (std::string why = denial(used, entry.path); !why.empty())
    return suggest(SuggestionKind::kDenied, entry, PathAccess::kRead, std::move(why));
  if (!is_expressible_path(places_.spelled(entry.path)))
    return suggest(SuggestionKind::kInexpressible, entry, PathAccess::kRead, "read");
  if (entry.finding != Finding::kFile || allowed(used, entry.path)) return;
  if (const GroupTree* tree = group_of(entry.path))
    use_group(*tree, entry);
  else
    files_.insert(entry.path);
}

std::string Proposer::file_reason(const FoldedRule& rule) const {
  std::uint64_t count = 0;
  std::set<std::string> programs;
  Rights rights;
  for (const std::string& path : rule.used) {
    const Observation& entry = record_.not_granted().entries().find(path)->second;
    count += entry.count;
    rights = join(rights, entry.rights);
    programs.insert(entry.programs.begin(), entry.programs.end());
  }
  while (programs.size() > kProgramLimit) programs.erase(std::prev(programs.end()));
  const std::string what = rights.has(Right::kExecute) ? "executed" : "used";
  if (!rule.is_tree) return what + " " + times(count) + by_programs(programs);
  return std::to_string(rule.used.size()) + " of " + std::to_string(rule.files) + " files were used" +
         by_programs(programs);
}

void Proposer::add_rule(ProposedRule rule) {
  if (proposal_.rules.size() < kRuleLimit) {
    proposal_.rules.push_back(std::move(rule));
    return;
  }
  proposal_.suggestions.push_back({SuggestionKind::kTooMany, rule.path, rule.access, std::move(rule.because)});
}

const GroupTree* Proposer::group_of(std::string_view path) const {
  const auto found = std::find_if(options_.groups.begin(), options_.groups.end(), [&](const GroupTree& tree) {
    return lies_within(path, tree.path) && !lies_within(places_.workspace, tree.path);
  });
  return found == options_.groups.end() ? nullptr : &*found;
}

void Proposer::use_group(const GroupTree& tree, const Observation& entry) { groups_[&tree].push_back(&entry); }

// One rule for each tree of which a file was used; what else was looked at in it is given with it.
void Proposer::add_group_rules() {
  for (const auto& [tree, entries] : groups_) {
    std::vector<std::string> used;
    std::set<std::string> programs;
    for (const Observation* entry : entries) {
      used.push_back(entry->path);
      programs.insert(entry->programs.begin(), entry->programs.end());
    }
    while (programs.size() > kProgramLimit) programs.erase(std::prev(programs.end()));
    std::string because = std::to_string(used.size()) + " of its files were used" + by_programs(programs) +
                          "; a tree of the shipped group '" + tree->group + "'";
    // First, as what the rule is about: the tree itself.
    used.insert(used.begin(), tree->path);
    add_rule({tree->path, PathAccess::kRead, true, std::move(used), 0, std::move(because)});
  }
}

void Proposer::add_file_rules() {
  for (FoldedRule& rule : fold_rules(files_, places_, host_)) {
    std::string because = file_reason(rule);
    add_rule({rule.path, PathAccess::kRead, rule.is_tree, std::move(rule.used), rule.files, std::move(because)});
  }
}

// A name that leads through a link which the sandbox would not have: the object appears under that very name, or the
// link itself is given where its whole target is granted anyway.
void Proposer::add_alias(const Observation& entry, const std::string& name, const std::set<std::string>& links) {
  const bool reachable = std::all_of(links.begin(), links.end(), [&](const std::string& link) {
    return record_.is_there_anyway(link) || rule_for(link) != nullptr;
  });
  const bool target = rule_for(entry.path) != nullptr || allowed(Rights{Right::kRead}, entry.path);
  if (reachable || !target || rule_for(name) != nullptr || allowed(Rights{Right::kRead}, name)) return;
  const Region region = places_.region_of(name);
  const bool nameable = region == Region::kHome || region == Region::kElsewhere;
  if (!nameable || !is_expressible_path(places_.spelled(name))) return;
  add_rule({name,
            PathAccess::kRead,
            false,
            {entry.path},
            1,
            "another name, through a link, for " + escape_bytes(places_.spelled(entry.path))});
}

Proposal Proposer::propose() {
  choose_base();
  const auto& entries = record_.not_granted().entries();
  for (const auto& [path, entry] : entries) sort_entry(entry);
  add_group_rules();
  add_file_rules();
  for (const auto& [path, entry] : entries)
    for (const auto& [name, links] : entry.names)
      if (entry.finding == Finding::kFile && !meet(entry.rights, kUsingRights).empty()) add_alias(entry, name, links);
  // Directories last: whether one needs anything depends on what is granted in it.
  for (const Observation* entry : directories_) {
    const bool there = std::any_of(proposal_.rules.begin(), proposal_.rules.end(), [&](const ProposedRule& rule) {
      return lies_within(rule.path, entry->path) || (rule.is_tree && lies_within(entry->path, rule.path));
    });
    if (there || lies_within(places_.workspace, entry->path) || lies_within(places_.home, entry->path)) continue;
    const bool listed = entry->rights.has(Right::kList) || entry->rights.has(Right::kRead);
    const auto files = host_.files_beneath(entry->path, 0);
    const bool empty = files && *files == 0;
    const std::string why = denial(Rights{Right::kList}, entry->path);
    if (!why.empty())
      suggest(SuggestionKind::kDenied, *entry, PathAccess::kRead, why);
    else if (listed && empty && places_.may_grant_tree(entry->path) &&
             is_expressible_path(places_.spelled(entry->path)))
      add_rule({entry->path,
                PathAccess::kRead,
                true,
                {entry->path},
                0,
                "listed, and empty at the time" + by_programs(entry->programs)});
    else
      suggest(SuggestionKind::kLookedAt, *entry, PathAccess::kRead, listed ? "listed" : "looked at");
  }
  finish();
  return std::move(proposal_);
}

void Proposer::finish() {
  for (std::string secret : {places_.home + "/.ssh/id_rsa", std::string("/etc/shadow")})
    if (secret.front() == '/' && places_.region_of(secret) == Region::kSecret && !allowed({Right::kRead}, secret) &&
        is_expressible_path(places_.spelled(secret)))
      proposal_.denied_secrets.push_back(std::move(secret));
  if (options_.network == NetworkMode::kHost)
    for (const auto& [key, entry] : record_.addresses().entries())
      proposal_.uses_network = proposal_.uses_network || entry.sighting.is_ip;
  std::sort(proposal_.rules.begin(), proposal_.rules.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  std::stable_sort(proposal_.suggestions.begin(), proposal_.suggestions.end(), [](const auto& a, const auto& b) {
    return std::pair(a.kind, std::string_view(a.path)) < std::pair(b.kind, std::string_view(b.path));
  });
  std::vector<Suggestion> kept;
  std::vector<std::size_t> listed(kSuggestionKinds);
  for (Suggestion& suggestion : proposal_.suggestions) {
    const auto kind = static_cast<std::size_t>(suggestion.kind);
    if (++listed[kind] <= kSuggestionLimit)
      kept.push_back(std::move(suggestion));
    else
      ++proposal_.not_listed[kind];
  }
  proposal_.suggestions = std::move(kept);
}

}  // namespace

Proposal propose(const LearningRecord& record, const HostFacts& host, const ProposalOptions& options) {
  return Proposer(record, host, options).propose();
}

}  // namespace writ
