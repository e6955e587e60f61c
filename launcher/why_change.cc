#include "launcher/why_change.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/escape.h"
#include "launcher/outline_rules.h"

namespace writ {
namespace {

// True when a profile with `rule` decides otherwise, and a mechanism of today holds it.
template <class AddRule>
bool turns_around(const RunPolicy& policy, const AccessRequest& request, Effect wanted, AddRule add) {
  RunPolicy changed = policy;
  add(changed.own);
  const Result<WhyAnswer> answer = judge(changed, request);
  return answer && answer->decision.effect == wanted && answer->mechanism != Mechanism::kNotInForce;
}

bool rule_turns_around(const RunPolicy& policy, const AccessRequest& request, const Rule& rule) {
  return turns_around(policy, request, rule.effect, [&](Profile& own) { own.rules.push_back(rule); });
}

// The same without what bounds the profile: tells a rule that is not enough from one that is not permitted.
bool would_without_bounds(const RunPolicy& policy, const AccessRequest& request, const Rule& rule) {
  RunPolicy unbounded{policy.own, {}, policy.places};
  return rule_turns_around(unbounded, request, rule);
}

std::string directory_of(const std::string& path) { return path.substr(0, std::max<std::size_t>(1, path.rfind('/'))); }

// The places that a rule could name, smallest first.
std::vector<PathPattern> patterns_for(const std::string& path, Rights rights, const AskedObject& object) {
  if (object.kind == HostKind::kDirectory) return {{path, PathScope::kSubtree}};
  if (object.kind == HostKind::kFile) return {{path, PathScope::kExact}};
  // What does not exist can only be made in a directory that may be written. Never for a secret: that would be more
  // than the one file.
  if (rights.has(Right::kWrite) && object.parent == HostKind::kDirectory && directory_of(path) != "/")
    return {{directory_of(path), PathScope::kSubtree}};
  return {{path, PathScope::kExact}};
}

// The smallest sets of rights that a view can give: everything that is shown can be read.
std::vector<Rights> rights_for(Rights asked) {
  const Rights seen = join(asked, {Right::kRead, Right::kList});
  return {seen, join(seen, {Right::kExecute}), kPathRights};
}

std::string option_for(const Rule& rule, const PathPattern& pattern) {
  return (rule.rights.has(Right::kWrite) ? "--write " : "--read ") + escape_bytes(pattern.path);
}

WhyChange proposal(const Rule& rule) {
  WhyChange change;
  change.advice = rule.effect == Effect::kAllow ? "this rule would allow it" : "this rule would deny it";
  change.yaml = rule_yaml(rule);
  const auto* path = std::get_if<PathPattern>(&rule.resource);
  if (path != nullptr && rule.effect == Effect::kAllow) change.option = option_for(rule, *path);
  return change;
}

WhyChange advice_only(std::string advice) { return {std::move(advice), "", ""}; }

WhyChange blocked_by_bounds() {
  return advice_only(
      "a rule of the profile is not enough: a manifest or the administrator's ceiling does not allow it either");
}

WhyChange allow_path(const RunPolicy& policy, const PathRequest& request, const AskedObject& object) {
  // The object itself, not the link that leads to it.
  const std::string& path = request.names.back();
  bool blocked = false;
  const std::string& home = policy.own.home;
  for (const PathPattern& pattern : patterns_for(path, request.rights, object)) {
    for (const Rights rights : rights_for(request.rights)) {
      const Rule rule{Effect::kAllow, rights, pattern, "", {}, false};
      if (rule_turns_around(policy, request, rule)) {
        WhyChange change = proposal(rule);
        if (pattern.scope == PathScope::kSubtree && pattern.matches(home))
          change.advice += ", with a whole home in it: rather name the directory that is needed";
        return change;
      }
      blocked = blocked || would_without_bounds(policy, request, rule);
    }
  }
  return blocked ? blocked_by_bounds() : advice_only("no single rule changes that");
}

WhyChange allow_secret(const RunPolicy& policy, const PathRequest& request, const AskedObject& object) {
  if (object.kind == HostKind::kDirectory)
    return advice_only("this is a place for secrets: nothing is proposed that shows all of it; ask about the one file");
  WhyChange change = allow_path(policy, request, {object.kind, HostKind::kAbsent});
  if (!change.yaml.empty())
    change.advice = "this is a place for secrets: only naming the very path shows it, and nothing wider is proposed";
  return change;
}

// As a rule spells it: an IPv4 address is kept in its IPv4-mapped form (RFC 4291, 2.5.5.2).
std::string numeric_text(const IpAddress& address) {
  constexpr IpAddress kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  constexpr std::size_t kPrefix = 12;
  const bool is_mapped = std::equal(address.begin(), address.begin() + kPrefix, kMapped.begin());
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes = is_mapped ? address.data() + kPrefix : address.data();
  const char* written = ::inet_ntop(is_mapped ? AF_INET : AF_INET6, bytes, text.data(), text.size());
  return written == nullptr ? std::string() : std::string(written);
}

AddressPattern pattern_of(const Address& address) {
  AddressPattern pattern;
  pattern.host = address.host.empty() && address.address ? numeric_text(*address.address) : address.host;
  pattern.network = address.address;
  pattern.prefix_length = address.address ? 128 : 0;
  pattern.port = address.port;
  return pattern;
}

WhyChange allow_address(const RunPolicy& policy, const AddressRequest& request) {
  const Rule rule{Effect::kAllow, request.rights, pattern_of(request.address), "", {}, false};
  if (rule_turns_around(policy, request, rule)) return proposal(rule);
  RunPolicy open = policy;
  open.own.network = NetworkMode::kHost;
  const Result<WhyAnswer> answer = judge(open, request);
  if (answer && answer->decision.effect == Effect::kAllow)
    return {"no rule opens this one yet: only the whole network of the host can be given", "network: host",
            "--network host"};
  return policy.bounds.empty() ? advice_only("no rule opens this address") : blocked_by_bounds();
}

WhyChange allow_command(const RunPolicy& policy, const CommandRequest& request, const WhyAnswer& answer,
                        const AskedObject& object) {
  if (answer.decision.cause != WhyCause::kCommand && !request.names.empty())
    return allow_path(policy, {{Right::kExecute}, request.names, AskedAbout::kHostObject}, object);
  CommandRule rule;
  rule.effect = Effect::kAllow;
  rule.program = request.argv.front();
  rule.match = ArgumentMatch::kExact;
  for (std::size_t i = 1; i < request.argv.size(); ++i) rule.arguments.push_back({request.argv[i]});
  const bool enough =
      turns_around(policy, request, Effect::kAllow, [&](Profile& own) { own.commands.push_back(rule); });
  if (!enough) return blocked_by_bounds();
  return {"this rule would allow it", command_rule_yaml(rule), ""};
}

// The other way round: what would forbid something that is allowed.
WhyChange deny_it(const RunPolicy& policy, const AccessRequest& request, const AskedObject& object) {
  if (const auto* path = std::get_if<PathRequest>(&request)) {
    const PathScope scope = object.kind == HostKind::kDirectory ? PathScope::kSubtree : PathScope::kExact;
    const Rule rule{Effect::kDeny, path->rights, PathPattern{path->names.back(), scope}, "", {}, false};
    if (rule_turns_around(policy, request, rule)) return proposal(rule);
  }
  return {};
}

struct Changer {
  const RunPolicy& policy;
  const WhyAnswer& answer;
  const AskedObject& object;

  WhyChange operator()(const PathRequest& request) const {
    return answer.decision.cause == WhyCause::kSecret ? allow_secret(policy, request, object)
                                                      : allow_path(policy, request, object);
  }
  WhyChange operator()(const AddressRequest& request) const { return allow_address(policy, request); }
  WhyChange operator()(const CommandRequest& request) const { return allow_command(policy, request, answer, object); }
};

std::string where(const WhyDecision& decision) {
  return decision.place.empty() ? std::string("in the profile") : "at " + decision.place;
}

// Decisions that no added rule can change, or nothing.
std::optional<WhyChange> unchangeable(const WhyAnswer& answer) {
  const WhyDecision& decision = answer.decision;
  if (answer.bound == BoundKind::kCeiling)
    return advice_only("only the administrator can change that, in " + std::string(kCeilingPath));
  if (answer.bound == BoundKind::kManifest)
    return advice_only("no rule of the profile changes that: " + answer.decided_by + " would have to allow it too");
  const bool by_rule =
      !decision.rule.empty() && (decision.cause == WhyCause::kRule || decision.cause == WhyCause::kCommand);
  if (by_rule && decision.effect == Effect::kDeny)
    return advice_only("no rule can be added: deny wins. Change or remove the one " + where(decision));
  if (by_rule && decision.effect == Effect::kAsk)
    return advice_only("no allow rule can be added: ask wins over allow. Change the effect of the one " +
                       where(decision));
  if (decision.cause == WhyCause::kProtected)
    return advice_only(
        "the name is on the list filesystem.protect: a profile without it (`reset: [filesystem.protect]`, "
        "as in 'git') can write it");
  return std::nullopt;
}

}  // namespace

WhyChange find_change(const RunPolicy& policy, const AccessRequest& request, const WhyAnswer& answer,
                      const AskedObject& object) {
  if (answer.decision.effect == Effect::kAllow) return deny_it(policy, request, object);
  if (std::optional<WhyChange> fixed = unchangeable(answer)) return std::move(*fixed);
  return std::visit(Changer{policy, answer, object}, request);
}

}  // namespace writ
