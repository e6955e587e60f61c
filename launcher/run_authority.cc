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
// Single files that are remembered; of more than that each opening is decided about anew.
constexpr std::size_t kFileLimit = 1024;

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
    if (!rule && capability.effect == Effect::kDeny)
      return fail("capability " + id_text(capability.id) + ": " + rule.error().what, rule.error().hint);
    // What gives or asks, and cannot be a rule, gives nothing.
    if (!rule) unusable_.push_back("capability " + id_text(capability.id) + " gives nothing: " + rule.error().what);
    if (!rule || !*rule) continue;
    const auto* path = std::get_if<PathPattern>(&(*rule)->resource);
    const bool known = path != nullptr && is_granted(policy, (*rule)->rights, path->path);
    if ((*rule)->effect == Effect::kDeny || !known) rules.push_back(std::move(**rule));
  }
  return rules;
}

std::vector<std::string> RunAuthority::warnings() const {
  std::vector<std::string> lines = unusable_;
  for (const StoredReservation& effect : authority_->recovered())
    lines.push_back("an effect by capability " + id_text(effect.capability) +
                    " was in flight when its process ended; it counts as done and is not begun again");
  return lines;
}

// A path of the workspace has two names; a capability may be about either.
std::vector<TypedResource> RunAuthority::names_of(const ApprovalObject& object) const {
  std::vector<TypedResource> names;
  if (std::holds_alternative<CommandObject>(object)) return names;
  const bool is_path = std::holds_alternative<PathObject>(object);
  const std::string bytes = object_bytes(object);
  // What cannot be named by a resource is nothing that a capability is about.
  const auto add = [&](std::string_view kind, std::string_view body) {
    if (auto name = TypedResource::parse_exact(std::string(kind).append(":").append(body)))
      names.push_back(std::move(*name));
  };
  add(is_path ? kFilesystem : kNetwork, bytes);
  if (is_path && bytes.size() > workspace_.size() && path_lies_in(bytes, workspace_))
    add(kFilesystem, std::string(kWorkspace).append(bytes.substr(workspace_.size() + 1)));
  return names;
}

// Over all names of the object the strictest that says anything, as of several capabilities.
Result<RunAuthority::Choice> RunAuthority::decide(CapabilityRight right, const ApprovalObject& object) {
  Choice choice;
  for (TypedResource& name : names_of(object)) {
    CapabilityRequest request{subject_, right, std::move(name)};
    WRIT_ASSIGN(CapabilityDecision decision, authority_->decide(request));
    if (decision.reason == DecisionReason::kNothing) continue;
    const bool stricter = !choice.request || decision.effect > choice.decision.effect;
    if (stricter) choice = {std::move(request), std::move(decision)};
  }
  return choice;
}

std::optional<AuthorityClaim> RunAuthority::claim(const ApprovalQuestion& question) {
  Choice last;
  std::size_t rights = 0;
  const bool is_path = std::holds_alternative<PathObject>(question.object);
  for (const RightPair& pair : pairs_of(is_path ? kFilesystem : kNetwork)) {
    if (meet(pair.rule, question.rights).empty()) continue;
    auto choice = decide(pair.capability, question.object);
    if (!choice) return AuthorityClaim{refusal(choice.error().describe()), {}};
    if (!choice->request || choice->decision.effect == Effect::kAsk) return std::nullopt;
    if (!choice->decision.allowed())
      return AuthorityClaim{refusal("denied by capability " + id_text(*choice->decision.selected)), {}};
    last = std::move(*choice);
    ++rights;
  }
  if (!last.request) return std::nullopt;
  if (rights > 1 && last.decision.consumes)
    return AuthorityClaim{refusal("a capability with a number of uses is for one right at a time"), {}};
  return allow(question, *last.request, last.decision);
}

// Whether a capability that was made since the run began denies, or asks about, something beneath `path`: a place that
// joins the view as a whole shows all of it. Those that were there before are rules of the run.
Result<std::optional<CapabilityId>> RunAuthority::restriction_beneath(Rights rights, const std::string& path) {
  WRIT_ASSIGN(const PathPattern whole, PathPattern::parse(path + "/*"));
  WRIT_ASSIGN(const std::vector<Capability> held, authority_->list(subject_));
  for (const Capability& capability : held) {
    if (capability.effect == Effect::kAllow || capability.resource.kind() != kFilesystem) continue;
    WRIT_ASSIGN(const CapabilityStanding standing, authority_->standing(capability.id));
    if (standing != CapabilityStanding::kCounts || meet(rule_rights(capability), rights).empty()) continue;
    const auto rule = rule_of(capability);
    const auto* about = rule && *rule ? std::get_if<PathPattern>(&(*rule)->resource) : nullptr;
    // What cannot be read is taken for everything.
    const bool beneath = about == nullptr || whole.matches(about->path) || about->matches(path);
    if (beneath) return std::optional<CapabilityId>(capability.id);
  }
  return std::optional<CapabilityId>();
}

// A capability without a number of uses: a path is allowed for the run, until the store says something else. A place as
// a whole is what can only be allowed for the run.
AuthorityClaim RunAuthority::allow(const ApprovalQuestion& question, const CapabilityRequest& request,
                                   const CapabilityDecision& decision) {
  if (decision.consumes) return take_use(question, request);
  const std::string text = "capability " + id_text(*decision.selected);
  const auto* path = std::get_if<PathObject>(&question.object);
  const OutcomeSet offered = offered_outcomes(question);
  const bool whole = !offered.has(ApprovalOutcome::kAllowOnce);
  const bool remembered = path != nullptr && offered.has(ApprovalOutcome::kAllowRun) && (whole || files_ < kFileLimit);
  if (!remembered) return {answer_by(ApprovalOutcome::kAllowOnce, text), {}};
  if (whole) {
    const auto restricted = restriction_beneath(question.rights, path->path);
    if (!restricted) return {refusal(restricted.error().describe()), {}};
    if (*restricted) return {refusal("part of that place is denied by capability " + id_text(**restricted)), {}};
  }
  Granted granted{question.rights, path->path, id_text(*decision.selected), {}, {}, whole};
  if (const Status recorded = record(decision, granted); !recorded) return {refusal(recorded.error().describe()), {}};
  granted.ends_at = earliest_end(decision);
  files_ += whole ? 0 : 1;
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

// So that whoever revokes it learns what this run had of it. One row is for all files by one capability: a tool can
// open many, and each row waits for the disk.
Status RunAuthority::record(const CapabilityDecision& decision, Granted& granted) {
  const auto same = [&](const Granted& other) { return !other.whole && other.capability == granted.capability; };
  const auto before = std::find_if(granted_.begin(), granted_.end(), same);
  if (!granted.whole && before != granted_.end()) {
    granted.row = before->row;
    return {};
  }
  if (!live_) {
    WRIT_ASSIGN(live_, LiveGrants::open(directory_));
  }
  WRIT_ASSIGN(granted.row, live_->add(decision.chain, granted.path));
  return {};
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
  if (granted.whole) {
    const auto restricted = restriction_beneath(granted.rights, granted.path);
    if (!restricted || *restricted) return std::nullopt;
  }
  std::optional<CapabilityDecision> last;
  for (const RightPair& pair : kPathPairs) {
    if (meet(pair.rule, granted.rights).empty()) continue;
    auto choice = decide(pair.capability, PathObject{granted.path});
    if (!choice || !choice->request || !choice->decision.allowed()) return std::nullopt;
    last = std::move(choice->decision);
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
  Granted renewed{granted.rights, granted.path, now_by, earliest_end(decision), granted.row, granted.whole};
  if (record(decision, renewed)) granted = std::move(renewed);  // else looked at again with the next change
}

WithdrawnGrant RunAuthority::withdraw(const Granted& granted) {
  const HolderFate fate = live_->ordered(granted.row).value_or(HolderFate::kListed);
  if (!granted.whole) --files_;
  const auto known = [&](const Withdrawn& one) { return one.row == granted.row; };
  if (std::none_of(withdrawn_.begin(), withdrawn_.end(), known))
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
  for (Granted& granted : std::exchange(granted_, {})) {
    if (const auto decision = still_allowed(granted)) {
      follow(granted, *decision);
      granted_.push_back(std::move(granted));
    } else {
      news.push_back(withdraw(granted));
    }
  }
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
