#include "broker/learning/usage_diff.h"

#include <utility>
#include <variant>

#include "broker/base/escape.h"
#include "broker/learning/profile_text.h"

namespace writ {
namespace {

std::string cause_text(const Decision& decision) {
  std::string rule = decision.rule == nullptr ? std::string() : escape_bytes(decision.rule->text());
  switch (decision.cause) {
    case DecisionCause::kSecret:
      return "a place for secrets: " + rule;
    case DecisionCause::kHidden:
      return "hidden: " + rule;
    case DecisionCause::kProtected:
      return "a protected name: " + rule;
    case DecisionCause::kNothing:
      return "no rule grants it";
    case DecisionCause::kRule:
      break;
  }
  if (decision.rule == nullptr || decision.rule->reason.empty()) return rule;
  return rule + " (" + escape_bytes(decision.rule->reason) + ")";
}

void add_addresses(const LearningRecord& record, Denials& denials) {
  for (const auto& [key, entry] : record.addresses().entries()) {
    const Result<Address> address = Address::parse(entry.sighting.text);
    if (!address) continue;  // a socket with a path: the view and process.unix_sockets are about those
    const Decision decision = record.policy().decide_address(entry.sighting.rights, *address);
    if (decision.effect == Effect::kAllow) continue;
    denials.list.push_back({entry.sighting.text,
                            entry.sighting.rights,
                            entry.count,
                            {entry.programs.begin(), entry.programs.end()},
                            cause_text(decision),
                            "network: host, or a rule about this address"});
  }
}

std::string remedy_text(const Decision& decision, Rights rights, const std::string& path,
                        const LearningPlaces& places) {
  const std::string spelled = places.spelled(path);
  if (!is_expressible_path(spelled)) return "no profile can hold this name; grant a directory above it";
  const std::string_view list = rights.has(Right::kWrite) ? "write" : "read";
  std::string entry = "filesystem." + std::string(list) + ": - " + yaml_path(spelled);
  switch (decision.cause) {
    case DecisionCause::kNothing:
      return entry;
    case DecisionCause::kSecret:
    case DecisionCause::kHidden:
      return entry + "  # only this very path, and only if you mean it";
    case DecisionCause::kProtected:
      return "none: a change there would outlive the run; `reset: [filesystem.protect]` gives up the protection";
    case DecisionCause::kRule:
      break;
  }
  return "none: a rule of the profile says no, and no other rule overrules it";
}

}  // namespace

GrantUsage grant_usage(const LearningRecord& record, const HostFacts& host) {
  GrantUsage usage;
  for (const Rule& rule : record.policy().rules()) {
    const auto* path = std::get_if<PathPattern>(&rule.resource);
    if (rule.effect != Effect::kAllow || path == nullptr || is_built_in(rule)) continue;
    const auto used = record.rule_uses().find(&rule);
    if (used != record.rule_uses().end())
      usage.used.push_back({escape_bytes(rule.text()), used->second});
    else if (host.exists(path->path))
      usage.unused.push_back({escape_bytes(rule.text()), 0});
  }
  return usage;
}

Denials denials_of(const LearningRecord& record) {
  Denials denials;
  for (const auto& [path, entry] : record.not_granted().entries()) {
    const Rights asked = join(entry.rights, entry.missed);
    const Rights rights = needed_rights({path, {}, {}, asked, entry.finding, entry.obstacle});
    const Decision decision = record.decide(rights, path);
    if (decision.effect == Effect::kAllow) continue;
    if (denials.list.size() >= kUsageDenialLimit) {
      ++denials.not_listed;
      continue;
    }
    std::string cause = cause_text(decision);
    const bool in_home = record.places().region_of(path) == Region::kHome && rights.has(Right::kWrite);
    if (in_home) cause += "; the sandbox's own home would take it and forget it";
    denials.list.push_back({path,
                            rights,
                            entry.count,
                            {entry.programs.begin(), entry.programs.end()},
                            std::move(cause),
                            remedy_text(decision, rights, path, record.places())});
  }
  add_addresses(record, denials);
  denials.not_listed += record.not_granted().not_kept();
  return denials;
}

}  // namespace writ
