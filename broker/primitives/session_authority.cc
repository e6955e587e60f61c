#include "broker/primitives/session_authority.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "broker/base/escape.h"

namespace writ {
namespace {

constexpr std::string_view kFilesystem = "filesystem";
constexpr std::string_view kNetwork = "network";
constexpr std::string_view kShell = "shell";
constexpr std::string_view kWorkspace = "workspace:";

struct RightRow {
  std::string_view kind;
  CapabilityRight right;
  Rights policy;
};
// What of a request the language of profiles has a word for.
constexpr auto kPolicyRights = std::to_array<RightRow>({
    {kFilesystem, CapabilityRight::kRead, {Right::kRead}},
    {kFilesystem, CapabilityRight::kWrite, {Right::kWrite}},
    {kFilesystem, CapabilityRight::kDelete, {Right::kWrite}},
    {kFilesystem, CapabilityRight::kExecute, {Right::kExecute}},
    {kNetwork, CapabilityRight::kConnect, {Right::kConnect}},
});

Rights policy_rights_of(std::string_view kind, CapabilityRight right) {
  const auto row = std::find_if(kPolicyRights.begin(), kPolicyRights.end(),
                                [&](const RightRow& entry) { return entry.kind == kind && entry.right == right; });
  return row == kPolicyRights.end() ? Rights() : row->policy;
}

std::string body_of(const TypedResource& resource) { return resource.text().substr(resource.kind().size() + 1); }

constexpr std::array<std::string_view, 5> kCauseNames = {"rule", "secret", "hidden", "protected", "nothing"};

std::string_view cause_text(DecisionCause cause) { return kCauseNames[static_cast<std::size_t>(cause)]; }

OperationContext context_of(std::string_view operation, const TypedResource& resource, CapabilityRight right,
                            const CommandWish* command) {
  OperationContext context;
  context.operation = operation;
  if (resource.kind() == kFilesystem) {
    context.path = resource;
    context.filesystem = right == CapabilityRight::kRead ? FilesystemIntent::kRead : FilesystemIntent::kWrite;
  }
  if (resource.kind() == kNetwork) context.network = NetworkIntent::kConnect;
  if (command == nullptr) return context;
  context.arguments = command->argv;
  context.timeout_seconds = command->timeout_seconds;
  if (auto directory = TypedResource::parse_exact("filesystem:workspace:" + command->working_directory))
    context.working_directory = std::move(*directory);
  return context;
}

// What a sandbox has by itself, and not the network of the host that a bound with `network: host` leaves open.
bool is_own_loopback(const AccessPolicy& policy, const Decision& decision) {
  if (!policy.is_built_in(decision.rule)) return false;
  const auto* pattern = std::get_if<AddressPattern>(&decision.rule->resource);
  return pattern == nullptr || pattern->host != "*";
}

// Nothing is used up by it. It stands as long as the capability that gave it does.
class StandingGround final : public PermitGround {
 public:
  StandingGround(DurableAuthority* capabilities, std::optional<CapabilityRequest> request)
      : capabilities_(capabilities), request_(std::move(request)) {}
  bool may_proceed() override {
    if (!request_) return true;
    const auto decision = capabilities_->decide(*request_);
    return decision && decision->allowed();
  }
  bool settle(EffectOutcome) override { return true; }

 private:
  DurableAuthority* capabilities_;
  std::optional<CapabilityRequest> request_;
};

class ReservedGround final : public PermitGround {
 public:
  ReservedGround(DurableAuthority& capabilities, ReservationId id) : capabilities_(capabilities), id_(id) {}
  bool may_proceed() override {
    const auto proceed = capabilities_.may_proceed(id_);
    return proceed && *proceed;
  }
  bool settle(EffectOutcome outcome) override { return capabilities_.settle(id_, outcome).has_value(); }

 private:
  DurableAuthority& capabilities_;
  ReservationId id_;
};

}  // namespace

void SessionAuthority::begin_call(std::string tool, const ToolManifest* manifest) {
  tool_ = std::move(tool);
  manifest_ = manifest;
}

std::string SessionAuthority::begin_request(std::string_view name) {
  request_ = name;
  ++requests_;
  correlation_ = std::to_string(requests_);
  if (options_.audit == nullptr) return correlation_;
  AuditRecord record(AuditEvent::kRequest, tool_);
  record.set(AuditField::kObjectKind, "primitive").set(AuditField::kObject, request_);
  record_ = options_.audit->record(record);
  if (record_.value != 0) correlation_ = std::to_string(record_.value);
  return correlation_;
}

Attempt<Permit> SessionAuthority::authorize(CapabilityRight right, const TypedResource& resource,
                                            const std::string& argument_hash) {
  return decide({right, resource, policy_rights_of(resource.kind(), right), argument_hash});
}

Attempt<Permit> SessionAuthority::authorize_listing(const TypedResource& directory) {
  return decide({CapabilityRight::kRead, directory, {Right::kRead, Right::kList}, {}});
}

Attempt<Permit> SessionAuthority::authorize_command(const CommandWish& wish) {
  auto resource = TypedResource::parse_exact("shell:" + wish.argv.front());
  if (!resource) return refuse(PrimitiveCode::kDenied, std::move(resource.error().what));
  return decide({CapabilityRight::kExecute, *resource, {}, wish.argument_hash, &wish});
}

std::string SessionAuthority::absolute_path(const TypedResource& resource) const {
  std::string body = body_of(resource);
  if (!body.starts_with(kWorkspace)) return body;
  body.erase(0, kWorkspace.size());
  return options_.workspace + (body == "." ? "" : "/" + body);
}

Decision SessionAuthority::policy_decision(const Wish& wish) const {
  if (wish.policy_rights.empty()) {
    Decision open;
    if (!options_.subject) open.effect = Effect::kAllow;
    return open;
  }
  if (wish.resource.kind() == kNetwork) {
    const auto address = Address::parse(body_of(wish.resource));
    const Decision decision = address ? options_.policy->decide_address(wish.policy_rights, *address) : Decision();
    // A sandbox's own loopback is not the host's.
    return decision.effect == Effect::kAllow && options_.policy->is_built_in(decision.rule) ? Decision() : decision;
  }
  Decision decision = options_.policy->decide_path(wish.policy_rights, absolute_path(wish.resource));
  // What a sandbox has by itself (its /tmp) is not what the workspace has under that name.
  if (decision.effect == Effect::kAllow && options_.policy->is_built_in(decision.rule)) return Decision();
  return decision;
}

// Nobody has more than the bounds have: neither a capability nor a person who is asked. Where a bound wants it asked, a
// capability is an answer as everywhere.
bool SessionAuthority::bounds_allow(const Wish& wish) const {
  if (options_.bounds == nullptr || wish.policy_rights.empty()) return true;
  if (wish.resource.kind() == kNetwork) {
    const auto address = Address::parse(body_of(wish.resource));
    if (!address) return false;
    const Decision decision = options_.bounds->decide_address(wish.policy_rights, *address);
    return decision.effect != Effect::kDeny && !is_own_loopback(*options_.bounds, decision);
  }
  const Decision decision = options_.bounds->decide_path(wish.policy_rights, absolute_path(wish.resource));
  return decision.effect != Effect::kDeny && !options_.bounds->is_built_in(decision.rule);
}

// A path of the workspace has two names; a capability may be about either.
std::vector<TypedResource> SessionAuthority::names_of(const TypedResource& resource) const {
  std::vector<TypedResource> names{resource};
  if (resource.kind() != kFilesystem || !body_of(resource).starts_with(kWorkspace)) return names;
  if (auto other = TypedResource::parse_exact("filesystem:" + absolute_path(resource)))
    names.push_back(std::move(*other));
  return names;
}

// What may not be written, or only when somebody is asked, does not vanish otherwise: a file that is deleted or moved
// away is changed. Who may write may not delete by that.
std::vector<CapabilityRight> SessionAuthority::rights_of(const Wish& wish) {
  std::vector<CapabilityRight> rights{wish.right};
  if (wish.right == CapabilityRight::kDelete && wish.resource.kind() == kFilesystem)
    rights.push_back(CapabilityRight::kWrite);
  return rights;
}

Result<SessionAuthority::Choice> SessionAuthority::capability_choice(const Wish& wish) const {
  Choice choice;
  if (options_.capabilities == nullptr || !options_.subject) return choice;
  for (const TypedResource& name : names_of(wish.resource)) {
    for (const CapabilityRight right : rights_of(wish)) {
      CapabilityRequest request{*options_.subject, right, name,
                                context_of(request_, wish.resource, wish.right, wish.command)};
      if (!wish.argument_hash.empty()) request.binding = ApprovalBinding{request_, wish.argument_hash, {}};
      WRIT_ASSIGN(CapabilityDecision decision, options_.capabilities->decide(request));
      if (decision.reason == DecisionReason::kNothing) continue;
      if (right != wish.right && decision.allowed()) continue;
      const bool own = choice.own || right == wish.right;
      const bool stricter = !choice.request || decision.effect > choice.decision.effect;
      if (stricter) choice = {std::move(request), std::move(decision)};
      choice.own = own;
    }
  }
  return choice;
}

SessionAuthority::Verdict SessionAuthority::weigh(const Wish& wish, const Decision& policy,
                                                  const Choice& choice) const {
  if (manifest_ != nullptr && !manifest_->allows(wish.right, wish.resource))
    return {Effect::kDeny, "manifest", {}, {}, "the manifest of " + tool_ + " does not have it"};
  const std::string rule = policy.rule == nullptr ? std::string() : policy.rule->text();
  const std::string reason = policy.rule == nullptr ? std::string() : policy.rule->reason;
  if (policy.effect == Effect::kDeny && policy.cause != DecisionCause::kNothing)
    return {Effect::kDeny, cause_text(policy.cause), rule, {}, reason};
  if (!bounds_allow(wish)) return {Effect::kDeny, "bound", {}, {}, "beyond --manifest or the ceiling"};
  // What the profile allows by itself takes no use of a capability.
  const bool both_allow = choice.request && choice.decision.allowed() && policy.effect == Effect::kAllow;
  // A question about another right only takes away; it gives nobody what he has no right to at all.
  const bool may_be_asked = choice.own || policy.effect != Effect::kDeny;
  if (choice.request && !both_allow && may_be_asked) {
    const std::string id = choice.decision.selected ? id_text(*choice.decision.selected) : std::string();
    return {choice.decision.effect, "capability", {}, id, {}};
  }
  if (wish.policy_rights.empty()) return {policy.effect, options_.subject ? "nothing" : "person", {}, {}, {}};
  return {policy.effect, cause_text(policy.cause), rule, {}, reason};
}

bool SessionAuthority::record(const Wish& wish, const Verdict& verdict) {
  if (options_.audit == nullptr) return true;
  const std::string object = wish.resource.text();
  AuditRecord record(AuditEvent::kDecision, tool_, record_);
  record.set(AuditField::kObjectKind, wish.resource.kind())
      .set(AuditField::kObject, object)
      .set(AuditField::kRights, capability_right_name(wish.right))
      .set(AuditField::kOutcome, effect_name(verdict.effect))
      .set(AuditField::kCause, verdict.cause)
      .set_unless_empty(AuditField::kRule, verdict.rule)
      .set_unless_empty(AuditField::kReason, verdict.reason)
      .set_unless_empty(AuditField::kCapability, verdict.capability);
  if (wish.command != nullptr) record.set(AuditField::kArgv, std::span<const std::string>(wish.command->argv));
  (void)options_.audit->record(record);
  return options_.audit->settle();
}

tl::unexpected<PrimitiveFailure> SessionAuthority::deny(const Wish& wish, Verdict verdict) {
  verdict.effect = Effect::kDeny;
  (void)record(wish, verdict);
  std::string why = std::string(capability_right_name(wish.right)) + " " + quote_bytes(wish.resource.text()) +
                    " is denied: " + (verdict.cause == "nothing" ? "nothing allows it" : std::string(verdict.cause));
  for (const std::string* part : {&verdict.rule, &verdict.capability, &verdict.reason})
    if (!part->empty()) why.append(", ").append(escape_bytes(*part));
  return refuse(PrimitiveCode::kDenied, std::move(why));
}

std::optional<ApprovalObject> SessionAuthority::object_of(const Wish& wish) const {
  if (wish.resource.kind() == kFilesystem) return PathObject{absolute_path(wish.resource)};
  if (wish.command != nullptr) return CommandObject{wish.command->argv.front(), wish.command->argv};
  if (wish.resource.kind() != kNetwork) return std::nullopt;
  auto address = Address::parse(body_of(wish.resource));
  if (!address) return std::nullopt;
  return std::move(*address);
}

Attempt<Permit> SessionAuthority::ask(const Wish& wish, const Verdict& verdict) {
  auto object = object_of(wish);
  if (!object || !options_.ask) {
    Verdict refused = verdict;
    refused.reason = "it has to be asked, and nobody can be asked about it";
    return deny(wish, std::move(refused));
  }
  QuestionDraft draft;
  draft.rights = wish.policy_rights.empty() ? Rights{Right::kExecute} : wish.policy_rights;
  draft.object = std::move(*object);
  draft.rule = {verdict.capability.empty() ? verdict.rule : "capability " + verdict.capability, {}, verdict.reason};
  draft.asker.program = tool_;
  draft.reach = AnswerReach::kCall;
  const PersonsAnswer answer = options_.ask(std::move(draft));
  Verdict answered = verdict;
  answered.cause = "approval";
  answered.reason = answer.reason;
  if (answer.approval == Approval::kDenied) return deny(wish, std::move(answered));
  // While somebody thought about it, it may have been denied, or what asked taken back: that beats the answer.
  auto now = weigh(wish);
  if (now.verdict.effect == Effect::kDeny) return deny(wish, std::move(now.verdict));
  answered.effect = Effect::kAllow;
  return allow(wish, {}, std::move(answered));
}

Attempt<Permit> SessionAuthority::allow(const Wish& wish, const Choice& choice, Verdict verdict) {
  verdict.effect = Effect::kAllow;
  std::unique_ptr<PermitGround> ground;
  if (choice.request && choice.decision.consumes) {
    auto reserved = options_.capabilities->reserve(*choice.request);
    if (!reserved || !reserved->reservation) {
      verdict.reason = reserved ? "it was used up or taken back in the meantime" : reserved.error().describe();
      return deny(wish, std::move(verdict));
    }
    ground = std::make_unique<ReservedGround>(*options_.capabilities, reserved->reservation->id);
  } else {
    ground = std::make_unique<StandingGround>(options_.capabilities, choice.request);
  }
  Permit permit(std::move(ground));
  if (!record(wish, verdict)) {
    verdict.cause = "audit";
    verdict.reason = "it could not be recorded";
    return deny(wish, std::move(verdict));
  }
  return permit;
}

SessionAuthority::Weighed SessionAuthority::weigh(const Wish& wish) const {
  auto choice = capability_choice(wish);
  if (!choice) return {{Effect::kDeny, "store", {}, {}, choice.error().describe()}, {}};
  Verdict verdict = weigh(wish, policy_decision(wish), *choice);
  return {std::move(verdict), std::move(*choice)};
}

Attempt<Permit> SessionAuthority::decide(const Wish& wish) {
  Weighed weighed = weigh(wish);
  Verdict& verdict = weighed.verdict;
  if (verdict.effect == Effect::kAsk) return ask(wish, verdict);
  if (verdict.effect == Effect::kDeny) return deny(wish, std::move(verdict));
  const bool by_capability = verdict.cause == "capability";
  return allow(wish, by_capability ? weighed.choice : Choice(), std::move(verdict));
}

}  // namespace writ
