#include "launcher/run_authority.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "broker/base/escape.h"
#include "broker/base/json_text.h"
#include "broker/kernel/acting_identity.h"
#include "broker/policy/access_policy.h"
#include "broker/sandbox/host_path.h"
#include "broker/store/store.h"

namespace writ {
namespace {

constexpr std::string_view kFilesystem = "filesystem";
constexpr std::string_view kNetwork = "network";
constexpr std::string_view kWorkspace = "workspace:";

// What the rights of a capability are in the language of rules, and what a call needs of a capability.
struct RightPair {
  CapabilityRight capability;
  Rights rule;
};
constexpr std::array<RightPair, 3> kPathPairs = {{{CapabilityRight::kRead, {Right::kRead, Right::kList}},
                                                  {CapabilityRight::kWrite, {Right::kWrite}},
                                                  {CapabilityRight::kExecute, {Right::kExecute}}}};
constexpr std::array<RightPair, 2> kAddressPairs = {
    {{CapabilityRight::kConnect, {Right::kConnect}}, {CapabilityRight::kBind, {Right::kBind}}}};

std::span<const RightPair> pairs_of(std::string_view kind) {
  if (kind == kFilesystem) return kPathPairs;
  if (kind == kNetwork) return kAddressPairs;
  return {};
}

Rights rule_rights(const Capability& capability) {
  Rights rights;
  for (const RightPair& pair : pairs_of(capability.resource.kind()))
    if (capability.rights.has(pair.capability)) rights = join(rights, pair.rule);
  return rights;
}

// The sandbox's own scratch (its home, /tmp) is about other objects than the host's of the same name.
bool is_granted(const AccessPolicy& policy, Rights rights, const std::string& path) {
  const Decision decision = policy.decide_path(rights, path);
  return decision.effect == Effect::kAllow && !policy.is_built_in(decision.rule);
}

ApprovalAnswer answer_by(ApprovalOutcome outcome, std::string text) {
  return {outcome, ApprovalCause::kCapability, std::move(text)};
}

ApprovalAnswer refusal(std::string text) { return answer_by(ApprovalOutcome::kDeny, std::move(text)); }

}  // namespace

Result<std::unique_ptr<RunAuthority>> RunAuthority::open(const std::string& subject, const std::string& state_home,
                                                         std::string workspace) {
  auto parsed = Subject::parse(subject);
  if (!parsed) return fail("--subject: " + parsed.error().what, parsed.error().hint);
  const std::string directory = state_home + "/writ/store";
  WRIT_ASSIGN(Store store, Store::open(directory));
  WRIT_ASSIGN(auto authority, DurableAuthority::open(std::move(store)));
  // The watch begins before anything is read: what changes meanwhile is looked at once more.
  return std::unique_ptr<RunAuthority>(
      new RunAuthority(std::move(*parsed), std::move(workspace), directory, std::move(authority)));
}

// A row that is left is removed by whoever looks next.
RunAuthority::~RunAuthority() {
  if (!live_) return;
  ActingIdentity::step_back();
  (void)live_->remove_own();
}

Result<std::optional<Rule>> RunAuthority::rule_of(const Capability& capability) const {
  Rule rule;
  rule.effect = capability.effect == Effect::kDeny ? Effect::kDeny : Effect::kAsk;
  rule.rights = rule_rights(capability);
  rule.reason = "capability " + id_text(capability.id);
  rule.optional = true;
  if (rule.rights.empty()) return std::optional<Rule>();
  std::string body = capability.resource.text();
  body.erase(0, capability.resource.kind().size() + 1);
  if (capability.resource.kind() == kNetwork) {
    WRIT_ASSIGN(AddressPattern address, AddressPattern::parse(body));
    rule.resource = std::move(address);
    return std::optional<Rule>(std::move(rule));
  }
  if (body.starts_with(kWorkspace)) {
    body.erase(0, kWorkspace.size());
    body = workspace_ + (body == "." ? "" : "/" + body);
  }
  WRIT_ASSIGN(PathPattern path, PathPattern::parse(body));
  rule.resource = std::move(path);
  return std::optional<Rule>(std::move(rule));
}

Result<std::vector<Rule>> RunAuthority::rules(const Profile& own) {
  WRIT_ASSIGN(const std::vector<Capability> held, authority_->list(subject_));
  const AccessPolicy policy = AccessPolicy::compile(own);
  std::vector<Rule> rules;
  for (const Capability& capability : held) {
    WRIT_ASSIGN(const CapabilityStanding standing, authority_->standing(capability.id));
    if (standing != CapabilityStanding::kCounts) continue;
    auto rule = rule_of(capability);
    if (!rule) return fail("capability " + id_text(capability.id) + ": " + rule.error().what, rule.error().hint);
    if (!*rule) continue;
    const auto* path = std::get_if<PathPattern>(&(*rule)->resource);
    const bool known = path != nullptr && is_granted(policy, (*rule)->rights, path->path);
    if ((*rule)->effect == Effect::kDeny || !known) rules.push_back(std::move(**rule));
  }
  return rules;
}

std::vector<std::string> RunAuthority::warnings() const {
  std::vector<std::string> lines;
  for (const StoredReservation& effect : authority_->recovered())
    lines.push_back("an effect by capability " + id_text(effect.capability) +
                    " was in flight when its process ended; it counts as done and is not begun again");
  return lines;
}

std::vector<CapabilityRequest> RunAuthority::requests_about(Rights rights, const ApprovalObject& object) const {
  std::vector<CapabilityRequest> requests;
  const bool is_path = std::holds_alternative<PathObject>(object);
  const std::string_view kind = is_path ? kFilesystem : kNetwork;
  // What cannot be named by a resource is nothing that a capability is about.
  auto resource = TypedResource::parse_exact(std::string(kind).append(":").append(object_bytes(object)));
  if (!resource || std::holds_alternative<CommandObject>(object)) return requests;
  for (const RightPair& pair : pairs_of(kind))
    if (!meet(pair.rule, rights).empty()) requests.push_back({subject_, pair.capability, *resource});
  return requests;
}

std::optional<AuthorityClaim> RunAuthority::claim(const ApprovalQuestion& question) {
  const std::vector<CapabilityRequest> requests = requests_about(question.rights, question.object);
  std::optional<CapabilityDecision> last;
  for (const CapabilityRequest& request : requests) {
    auto decision = authority_->decide(request);
    if (!decision) return AuthorityClaim{refusal(decision.error().describe()), {}};
    if (decision->reason == DecisionReason::kNothing || decision->effect == Effect::kAsk) return std::nullopt;
    if (!decision->allowed())
      return AuthorityClaim{refusal("denied by capability " + id_text(*decision->selected)), {}};
    last = std::move(*decision);
  }
  if (!last) return std::nullopt;
  if (requests.size() > 1 && last->consumes)
    return AuthorityClaim{refusal("a capability with a number of uses is for one right at a time"), {}};
  return allow(question, requests.back(), *last);
}

// A capability without a number of uses: a path is allowed for the run, until the store says something else.
AuthorityClaim RunAuthority::allow(const ApprovalQuestion& question, const CapabilityRequest& request,
                                   const CapabilityDecision& decision) {
  if (decision.consumes) return take_use(question, request);
  const std::string text = "capability " + id_text(*decision.selected);
  const auto* path = std::get_if<PathObject>(&question.object);
  const OutcomeSet offered = offered_outcomes(question);
  if (path == nullptr || !offered.has(ApprovalOutcome::kAllowRun))
    return {answer_by(ApprovalOutcome::kAllowOnce, text), {}};
  const auto row = record(decision, path->path);
  if (!row) return {refusal(row.error().describe()), {}};
  Granted granted{question.rights, path->path, id_text(*decision.selected), {}, *row};
  granted.ends_at = earliest_end(decision);
  granted_.push_back(std::move(granted));
  return {answer_by(ApprovalOutcome::kAllowRun, text), {}};
}

// Of all capabilities in the chain, on CLOCK_BOOTTIME.
std::optional<std::int64_t> RunAuthority::earliest_end(const CapabilityDecision& decision) {
  std::optional<std::int64_t> end;
  const AuthorityTime now = system_authority_time();
  for (const CapabilityId& id : decision.chain)
    if (const auto link = authority_->find(id); link && *link && (*link)->expires_at)
      end = std::min(now.running + *(*link)->expires_at - now.wall, end.value_or(INT64_MAX));
  return end;
}

// So that whoever revokes it learns what this run had of it.
Result<LiveGrantId> RunAuthority::record(const CapabilityDecision& decision, const std::string& path) {
  if (!live_) {
    WRIT_ASSIGN(live_, LiveGrants::open(directory_));
  }
  return live_->add(decision.chain, path);
}

AuthorityClaim RunAuthority::take_use(const ApprovalQuestion& question, const CapabilityRequest& request) {
  if (!offered_outcomes(question).has(ApprovalOutcome::kAllowOnce))
    return {refusal("a capability with a number of uses opens single files, not a place as a whole"), {}};
  auto reserved = authority_->reserve(request);
  if (!reserved) return {refusal(reserved.error().describe()), {}};
  if (!reserved->reservation) return {refusal("the capability was used up or taken back in the meantime"), {}};
  return {answer_by(ApprovalOutcome::kAllowOnce, "one use of capability " + id_text(reserved->reservation->capability)),
          reserved->reservation->id};
}

bool RunAuthority::may_proceed(const AuthorityClaim& claim) {
  if (!claim.reservation) return true;
  const auto proceed = authority_->may_proceed(*claim.reservation);
  return proceed && *proceed;
}

Status RunAuthority::settle(const AuthorityClaim& claim, EffectOutcome outcome) {
  return claim.reservation ? authority_->settle(*claim.reservation, outcome) : Status();
}

bool RunAuthority::has_expired() const {
  const std::int64_t now = system_authority_time().running;
  return std::any_of(granted_.begin(), granted_.end(),
                     [&](const Granted& granted) { return granted.ends_at && *granted.ends_at <= now; });
}

std::optional<std::chrono::milliseconds> RunAuthority::poll_timeout() const {
  if (granted_.empty() && withdrawn_.empty()) return std::nullopt;
  const auto look = std::chrono::ceil<std::chrono::milliseconds>(changes_.next_look() - StoreWatch::Clock::now());
  std::chrono::milliseconds next = std::max(look, std::chrono::milliseconds(0));
  const std::int64_t now = system_authority_time().running;
  for (const Granted& granted : granted_) {
    if (!granted.ends_at) continue;
    const std::chrono::milliseconds left(std::clamp<std::int64_t>(*granted.ends_at - now, 0, 3'600'000));
    next = std::min(left, next);
  }
  return next;
}

// An authority that cannot be asked allows nothing.
std::optional<CapabilityDecision> RunAuthority::still_allowed(const Granted& granted) {
  std::optional<CapabilityDecision> last;
  for (const CapabilityRequest& request : requests_about(granted.rights, PathObject{granted.path})) {
    auto decision = authority_->decide(request);
    if (!decision || !decision->allowed()) return std::nullopt;
    last = std::move(*decision);
  }
  return last;
}

// Another capability allows it as well: whoever revoked the one is told that, and this one is kept an eye on.
void RunAuthority::follow(Granted& granted, const CapabilityDecision& decision) {
  if (!decision.selected || id_text(*decision.selected) == granted.capability) return;
  const std::string now_by = id_text(*decision.selected);
  JsonObject outcome;
  outcome.set("path", escape_bytes(granted.path)).set("answered", true).set("names_gone", false).set("complete", false);
  outcome.set("text", quote_bytes(granted.path) + ": still allowed, by capability " + now_by);
  (void)live_->report(granted.row, JsonValue(std::move(outcome)).to_text(), HolderFate::kKilled);
  const auto row = record(decision, granted.path);
  if (!row) return;  // looked at again with the next change
  granted.row = *row;
  granted.capability = now_by;
  granted.ends_at = earliest_end(decision);
}

WithdrawnGrant RunAuthority::withdraw(const Granted& granted) {
  const HolderFate fate = live_->ordered(granted.row).value_or(HolderFate::kListed);
  withdrawn_.push_back({granted.path, granted.row, fate});
  return {WithdrawnGrant::News::kWithdrawn, granted.path,
          "capability " + granted.capability + " does not allow it any more", fate};
}

// Orders about what was withdrawn before.
void RunAuthority::add_orders(std::vector<WithdrawnGrant>& news) {
  for (Withdrawn& one : withdrawn_) {
    if (one.fate == HolderFate::kKilled) continue;
    one.fate = live_->ordered(one.row).value_or(HolderFate::kListed);
    if (one.fate == HolderFate::kKilled)
      news.push_back({WithdrawnGrant::News::kHoldersToBeEnded, one.path, "its holders are to be ended", one.fate});
  }
}

std::vector<WithdrawnGrant> RunAuthority::take_withdrawn() {
  std::vector<WithdrawnGrant> news;
  if (!changes_.take_due(StoreWatch::Clock::now()) && !has_expired()) return news;
  add_orders(news);
  std::erase_if(granted_, [&](Granted& granted) {
    const auto decision = still_allowed(granted);
    if (decision)
      follow(granted, *decision);
    else
      news.push_back(withdraw(granted));
    return !decision;
  });
  return news;
}

Status RunAuthority::report(std::string_view path, std::string_view outcome, HolderFate done) {
  if (!live_) return {};
  ActingIdentity::step_back();
  for (const Withdrawn& one : withdrawn_)
    if (path_lies_in(path, one.path)) WRIT_TRY(live_->report(one.row, outcome, done));
  return {};
}

}  // namespace writ
