#include "broker/primitives/human_primitives.h"

#include <unistd.h>

#include <span>
#include <utility>
#include <vector>

#include "broker/approval/named_policy.h"
#include "broker/approval/shown_text.h"
#include "broker/base/escape.h"
#include "broker/base/hex_text.h"
#include "broker/base/strict_object.h"
#include "broker/primitives/argument_reading.h"
#include "broker/primitives/human_queue.h"
#include "broker/requests/request_binding.h"

namespace writ {
namespace {

constexpr std::size_t kAnnouncedColumns = 1000;
constexpr std::size_t kReasonPreview = 256;
constexpr std::size_t kShortIdLength = kRequestIdPrefix.size() + 8;

// ---- what all of them have in common

Attempt<std::string> text_argument(StrictObject& arguments, std::string_view key) {
  WRIT_ATTEMPT(std::string text, valid(arguments.text(key)));
  if (text.empty() || text.size() > kRequestTextLimit)
    return refuse(PrimitiveCode::kInvalidArguments, std::string(key) + " must have 1 to 8192 bytes");
  return text;
}

Attempt<std::string> human_argument(StrictObject& arguments) {
  WRIT_ATTEMPT(std::optional<std::string> name, valid(arguments.optional_text("human")));
  return std::move(name).value_or("owner");
}

std::string hex_hash(const std::string& hash) {
  const std::vector<std::uint8_t> bytes(hash.begin(), hash.end());
  return hex_text(bytes);
}

Attempt<Permit> authorize(HumanContext& context, const std::string& human, const std::string& hash) {
  return context.authority.authorize(CapabilityRight::kWrite, "human:" + human, hex_hash(hash));
}

Attempt<std::monostate> check_reachable(const HumanContext& context, const std::string& human) {
  if (context.reachable == HumanContext::Reachable::kNobody)
    return refuse(PrimitiveCode::kDenied, "nobody can be asked in this session");
  if (human != context.human) return refuse(PrimitiveCode::kUnavailable, "there is no person of that name");
  return std::monostate();
}

std::string asker_of(const HumanContext& context) {
  return context.subject ? context.subject->text() : "process_" + std::to_string(::getpid());
}

// Says on the terminal what waits, and what the person can type: `writ approvals COMMAND ID OPTIONS`.
struct Announcement {
  std::string words;
  std::string_view text;  // raw
  std::string_view command;
  std::string_view options;
};

void announce(const HumanContext& context, const HumanRequest& sent, const Announcement& what) {
  if (!context.announce) return;
  std::string line = what.words + " " + shown_bytes(what.text, kAnnouncedColumns) + ": `writ approvals ";
  line.append(what.command).append(" ").append(sent.id.text(), 0, kShortIdLength).append(what.options).append("`");
  context.announce(line);
}

// The effect that the permit is for is that the person gets to see it.
Attempt<std::monostate> put(HumanQueue& queue, const HumanRequest& request, Permit& permit) {
  WRIT_REQUIRE(permit.begin());
  Attempt<std::monostate> done = queue.put(request);
  permit.settle(done ? EffectOutcome::kDone : EffectOutcome::kNotStarted);
  return done;
}

// ---- texts for the person

struct AllowedText {
  std::string text;
  Permit permit;
};

// The text in the member `key`, of arguments that have nothing else but the person.
Attempt<AllowedText> read_allowed_text(HumanContext& context, const JsonObject& arguments, std::string_view key) {
  StrictObject read = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(std::string text, text_argument(read, key));
  WRIT_ATTEMPT(const std::string human, human_argument(read));
  WRIT_REQUIRE(valid(read.finish()));
  WRIT_ATTEMPT(Permit permit, authorize(context, human, argument_hash(text)));
  WRIT_REQUIRE(check_reachable(context, human));
  return AllowedText{std::move(text), std::move(permit)};
}

// ---- requests for permission

struct Permission {
  TypedResource resource;
  CapabilityRights rights;
};

Attempt<Permission> parse_permission(const PermissionPayload& text) {
  WRIT_ATTEMPT(TypedResource resource, valid(TypedResource::parse(text.resource)));
  Permission permission{std::move(resource), {}};
  if (text.rights.empty() || text.rights.size() > kRightsLimit)
    return refuse(PrimitiveCode::kInvalidArguments, "rights must be 1 to 16 words");
  for (const std::string& word : text.rights) {
    WRIT_ATTEMPT(const CapabilityRight right, valid(parse_capability_right(word)));
    permission.rights.add(right);
  }
  return permission;
}

std::vector<std::string> right_words(CapabilityRights rights) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < kCapabilityRightCount; ++i)
    if (rights.has(static_cast<CapabilityRight>(i))) words.emplace_back(kCapabilityRightNames[i]);
  return words;
}

// Each thing is asked about in one spelling: that of the capability that is made of it.
PermissionPayload payload_of(const Permission& permission, std::string reason) {
  return {permission.resource.text(), right_words(permission.rights), std::move(reason)};
}

Attempt<PermissionPayload> read_permission(StrictObject& arguments) {
  PermissionPayload asked;
  WRIT_ATTEMPT(asked.resource, valid(arguments.text("resource")));
  WRIT_ATTEMPT(std::optional<std::vector<std::string>> rights, valid(arguments.optional_texts("rights")));
  asked.rights = std::move(rights).value_or(std::vector<std::string>());
  WRIT_ATTEMPT(asked.reason, text_argument(arguments, "reason"));
  return asked;
}

// Where a capability that is made of an answer goes.
struct Holder {
  DurableAuthority& capabilities;
  const Subject& subject;
};

Attempt<Holder> holder_of(const HumanContext& context) {
  if (context.capabilities == nullptr || !context.subject)
    return refuse(PrimitiveCode::kUnavailable, "this session has no subject that could hold capabilities");
  return Holder{*context.capabilities, *context.subject};
}

// A person who has said `always_deny` is not asked again; a grant would change nothing, because a deny wins.
Attempt<bool> is_denied_for_good(const Holder& holder, const Permission& wanted) {
  const Result<std::vector<Capability>> own = holder.capabilities.list(holder.subject);
  if (!own) return refuse(PrimitiveCode::kFailed, own.error().describe());
  for (const Capability& each : *own) {
    const bool denies = each.effect == Effect::kDeny && each.constraints.empty() &&
                        each.resource.covers(wanted.resource) && each.rights.overlaps(wanted.rights);
    if (!denies) continue;
    const Result<CapabilityStanding> standing = holder.capabilities.standing(each.id);
    if (!standing) return refuse(PrimitiveCode::kFailed, standing.error().describe());
    if (*standing == CapabilityStanding::kCounts) return true;
  }
  return false;
}

Attempt<Capability> make_capability(const Holder& holder, const Permission& given, Effect effect,
                                    const HumanRequest& row) {
  WRIT_ATTEMPT(Subject person, valid(Subject::parse("user:" + std::to_string(::geteuid()))));
  CapabilityDraft draft{holder.subject, given.resource, given.rights, effect};
  draft.metadata.emplace("request", row.id.text());
  const std::string& reason = std::get<PermissionPayload>(row.payload).reason;
  draft.metadata.emplace("reason", "asked for: " + escape_bytes(reason, kReasonPreview));
  Result<Capability> made = holder.capabilities.grant(Actor{std::move(person), ActingAs::kPerson}, std::move(draft));
  if (!made) return refuse(PrimitiveCode::kFailed, made.error().describe());
  return std::move(*made);
}

PrimitiveReply not_granted() {
  JsonObject value;
  value.set("granted", false);
  return {std::move(value)};
}

PrimitiveResult carry_out_rejection(const Holder& holder, const Permission& asked, const HumanRequest& row) {
  if (named_policy_from_name(row.decision->policy) == NamedPolicy::kAlwaysDeny) {
    WRIT_REQUIRE(make_capability(holder, asked, Effect::kDeny, row));
  }
  return not_granted();
}

// What the person has approved: what was asked for, or a part of it.
Attempt<Permission> approved_part(const Permission& asked, const HumanRequest& row) {
  if (!row.decision->edited) return asked;
  Attempt<Permission> edited = parse_permission(*row.decision->edited);
  if (!edited) return refuse(PrimitiveCode::kFailed, "the edit cannot be granted: " + edited.error().detail);
  const bool narrower = asked.resource.covers(edited->resource) && asked.rights.covers(edited->rights);
  if (!narrower) return refuse(PrimitiveCode::kFailed, "the edit is more than what was asked for");
  return edited;
}

PrimitiveResult carry_out(const Holder& holder, const Permission& asked, const HumanRequest& row) {
  if (row.status == RequestStatus::kRejected) return carry_out_rejection(holder, asked, row);
  const bool always = named_policy_from_name(row.decision->policy) == NamedPolicy::kAlwaysAllow;
  WRIT_ATTEMPT(const Permission given, approved_part(asked, row));
  WRIT_ATTEMPT(const Capability made, make_capability(holder, given, always ? Effect::kAllow : Effect::kAsk, row));
  JsonObject value;
  value.set("granted", true).set("policy", row.decision->policy).set("capability", id_text(made.id));
  return PrimitiveReply{std::move(value)};
}

PrimitiveResult ask_for_permission(HumanContext& context, const Holder& holder, const Permission& wanted,
                                   std::string reason, Permit& permit) {
  WRIT_ATTEMPT(HumanQueue queue, HumanQueue::open(context.store_directory));
  WRIT_ATTEMPT(const HumanRequest sent,
               make_request(RequestKind::kPermissionRequest, payload_of(wanted, std::move(reason)), asker_of(context),
                            context.time_limit));
  WRIT_REQUIRE(put(queue, sent, permit));
  const std::string resource = wanted.resource.text();
  announce(context, sent, {"a program wants " + capability_rights_text(wanted.rights) + " on", resource, "show", {}});
  WRIT_ATTEMPT(const HumanRequest row, queue.wait(sent, {context.cancel, context.time_limit}));
  return carry_out(holder, wanted, row);
}

}  // namespace

PrimitiveResult human_ask(HumanContext& context, const JsonObject& arguments) {
  WRIT_ATTEMPT(AllowedText question, read_allowed_text(context, arguments, "question"));
  WRIT_ATTEMPT(HumanQueue queue, HumanQueue::open(context.store_directory));
  WRIT_ATTEMPT(const HumanRequest sent,
               make_request(RequestKind::kQuestion, TextPayload{question.text}, asker_of(context), context.time_limit));
  WRIT_REQUIRE(put(queue, sent, question.permit));
  announce(context, sent, {"a program asks", question.text, "approve", " --answer TEXT"});
  WRIT_ATTEMPT(const HumanRequest row, queue.wait(sent, {context.cancel, context.time_limit}));
  if (row.status == RequestStatus::kRejected)
    return refuse(PrimitiveCode::kDenied, "rejected by " + escape_bytes(row.decision->by, 200));
  // What a person types at a terminal need not be text.
  const std::string& answer = row.decision->answer;
  JsonObject value;
  value.set("answer", is_valid_utf8(answer) ? answer : escape_bytes(answer, answer.size()));
  return PrimitiveReply{std::move(value)};
}

PrimitiveResult human_output(HumanContext& context, const JsonObject& arguments) {
  WRIT_ATTEMPT(AllowedText message, read_allowed_text(context, arguments, "message"));
  WRIT_ATTEMPT(HumanQueue queue, HumanQueue::open(context.store_directory));
  WRIT_ATTEMPT(const HumanRequest sent,
               make_request(RequestKind::kOutput, TextPayload{message.text}, asker_of(context), std::nullopt));
  WRIT_REQUIRE(put(queue, sent, message.permit));
  announce(context, sent, {"a program says", message.text, "show", {}});
  JsonObject value;
  value.set("delivered", true);
  return PrimitiveReply{std::move(value)};
}

PrimitiveResult human_request_permission(HumanContext& context, const JsonObject& arguments) {
  StrictObject read = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(PermissionPayload asked, read_permission(read));
  WRIT_ATTEMPT(const std::string human, human_argument(read));
  WRIT_REQUIRE(valid(read.finish()));
  WRIT_ATTEMPT(Permit permit, authorize(context, human, argument_hash(asked.resource, asked.rights)));
  WRIT_ATTEMPT(const Permission wanted, parse_permission(asked));
  const PermissionPayload normal = payload_of(wanted, {});
  if (const auto broad = over_broad(normal.resource, normal.rights, context.places))
    return refuse(PrimitiveCode::kDenied, std::string(broad->reason));
  WRIT_ATTEMPT(const Holder holder, holder_of(context));
  WRIT_REQUIRE(check_reachable(context, human));
  WRIT_ATTEMPT(const bool denied, is_denied_for_good(holder, wanted));
  if (denied) return not_granted();
  return ask_for_permission(context, holder, wanted, std::move(asked.reason), permit);
}

}  // namespace writ
