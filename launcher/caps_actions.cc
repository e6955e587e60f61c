#include "launcher/caps_actions.h"

#include <unistd.h>

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "broker/authority/durable_authority.h"
#include "broker/base/escape.h"
#include "broker/base/name_suggestion.h"
#include "broker/capability/constraint_json.h"
#include "broker/policy/profile_values.h"
#include "broker/sandbox/launch.h"
#include "launcher/caps_audit.h"
#include "launcher/caps_print.h"
#include "launcher/caps_runs.h"
#include "launcher/message.h"
#include "launcher/person.h"
#include "launcher/profile_store.h"
#include "launcher/why_command.h"

namespace writ {
namespace {

int complain(const Error& error) {
  print_message(error.describe());
  return kExitWritFailed;
}

// What the rules refuse has no errno; what the store or the system refuses has one.
int complain_refused(const Error& error) {
  print_message(error.describe());
  return error.system_errno == 0 ? kExitRefused : kExitWritFailed;
}

Result<std::unique_ptr<DurableAuthority>> open_authority() {
  WRIT_ASSIGN(const Person person, identify_person(::geteuid(), ::getegid()));
  WRIT_ASSIGN(Store store, Store::open(person.state_home + "/writ/store"));
  WRIT_ASSIGN(auto authority, DurableAuthority::open(std::move(store)));
  for (const StoredReservation& each : authority->recovered())
    print_message("an effect was in flight when its process ended; it counts as done: " + escape_bytes(each.intent));
  return authority;
}

Result<Actor> acting_actor(const CapsOptions& options) {
  if (options.acting_as.empty()) {
    WRIT_ASSIGN(Subject person, Subject::parse("user:" + std::to_string(::geteuid())));
    return Actor{std::move(person), ActingAs::kPerson};
  }
  WRIT_ASSIGN(Subject subject, Subject::parse(options.acting_as));
  return Actor{std::move(subject), ActingAs::kSubject};
}

Error about(const char* option, const Error& error) {
  return {std::string(option) + ": " + error.what, error.system_errno, error.hint};
}

Status read_constraints_file(const std::string& path, CapabilityConstraints& target) {
  WRIT_ASSIGN(const std::string text, read_bounded_file(path, kConstraintsLimit));
  const Result<JsonValue> document = parse_json(text);
  if (!document) return fail(quote_bytes(path) + ": " + document.error().what);
  Result<CapabilityConstraints> read = read_constraints(*document, "constraints", UnknownConstraints::kRefuse);
  if (!read) return fail(quote_bytes(path) + ": " + read.error().what, read.error().hint);
  target = std::move(*read);
  return {};
}

Status read_numbers(const CapsOptions& options, CapabilityDraft& draft) {
  if (!options.uses.empty()) {
    const Result<std::uint64_t> uses = parse_count(options.uses);
    if (!uses) return tl::unexpected(about("--uses", uses.error()));
    draft.uses = *uses;
  }
  if (!options.expires.empty()) {
    const auto expires = parse_duration(options.expires);
    if (!expires) return tl::unexpected(about("--expires", expires.error()));
    draft.expires_at = system_authority_time().wall + expires->count();
  }
  if (!options.depth.empty()) {
    const Result<std::uint64_t> depth = parse_count(options.depth);
    if (!depth || *depth > kLargestDelegationDepth) return fail("--depth must be a number from 0 to 64");
    draft.max_delegation_depth = static_cast<std::uint32_t>(*depth);
  }
  return {};
}

Status read_effect(const std::string& word, CapabilityDraft& draft) {
  if (word.empty()) return {};
  for (std::size_t i = 0; i < kEffectNames.size(); ++i)
    if (kEffectNames[i] == word) {
      draft.effect = static_cast<Effect>(i);
      return {};
    }
  return fail("--effect: " + quote_bytes(word, 80) + " is none of allow, ask, deny" + did_you_mean(word, kEffectNames));
}

Result<CapabilityDraft> read_draft(const CapsOptions& options, const std::string& resource_word) {
  WRIT_ASSIGN(Subject subject, Subject::parse(options.subject));
  WRIT_ASSIGN(TypedResource resource, TypedResource::parse(resource_word));
  CapabilityDraft draft{std::move(subject), std::move(resource), {}};
  if (options.rights.size() > kRightsLimit) return fail("--right was given more than 16 times");
  for (const std::string& word : options.rights) {
    WRIT_ASSIGN(const CapabilityRight right, parse_capability_right(word));
    draft.rights.add(right);
  }
  WRIT_TRY(read_effect(options.effect, draft));
  WRIT_TRY(read_numbers(options, draft));
  if (!options.constraints.empty()) WRIT_TRY(read_constraints_file(options.constraints, draft.constraints));
  if (!options.reason.empty()) draft.metadata.emplace("reason", options.reason);
  draft.delegable = options.delegable;
  return draft;
}

int print_capability(const CapsOptions& options, const ShownCapability& shown) {
  const bool json = options.format == OutputFormat::kJson;
  return print_result(json ? shown_capability_json(shown) : capability_text(shown, colour_for_standard_output()), 0);
}

// The id alone: what a script goes on with.
int print_made(const CapsOptions& options, const Result<Capability>& made) {
  if (!made) return complain_refused(made.error());
  if (options.format == OutputFormat::kJson) return print_capability(options, {*made});
  return print_result(id_text(made->id) + "\n", 0);
}

Result<CapabilityRequest> read_request(const CapsOptions& options) {
  WRIT_ASSIGN(Subject subject, Subject::parse(options.words[0]));
  WRIT_ASSIGN(const CapabilityRight right, parse_capability_right(options.words[1]));
  WRIT_ASSIGN(TypedResource resource, TypedResource::parse_exact(options.words[2]));
  CapabilityRequest request{std::move(subject), right, std::move(resource)};
  if (!options.operation.empty() && !is_operation_name(options.operation))
    return fail("--operation must be provider.operation, not " + quote_bytes(options.operation, 80));
  request.context.operation = options.operation;
  if (!options.command.empty()) request.context.arguments = options.command;
  return request;
}

Result<ShownExplanation> explain(const CapsOptions& options) {
  WRIT_ASSIGN(CapabilityRequest request, read_request(options));
  WRIT_ASSIGN(const auto authority, open_authority());
  WRIT_ASSIGN(CapabilityExplanation explanation, authority->explain(request));
  ShownExplanation shown{std::move(request), std::move(explanation)};
  for (const CapabilityId& id : shown.explanation.decision.chain) {
    WRIT_ASSIGN(std::optional<Capability> found, authority->find(id));
    if (found) shown.chain.push_back(std::move(*found));
  }
  return shown;
}

struct Listing {
  std::vector<ShownCapability> shown;
  std::vector<StoredReservation> in_doubt;
};

Result<Listing> list(const CapsOptions& options) {
  std::optional<Subject> subject;
  if (!options.subject.empty()) {
    WRIT_ASSIGN(subject, Subject::parse(options.subject));
  }
  WRIT_ASSIGN(const auto authority, open_authority());
  WRIT_ASSIGN(std::vector<Capability> all, authority->list(subject));
  Listing listing;
  for (Capability& each : all) {
    WRIT_ASSIGN(const CapabilityStanding standing, authority->standing(each.id));
    if (standing == CapabilityStanding::kCounts || options.listed == ListedCapabilities::kAll)
      listing.shown.push_back({std::move(each), standing});
  }
  WRIT_ASSIGN(listing.in_doubt, authority->effects_in_doubt());
  return listing;
}

Result<ShownCapability> inspect(const std::string& word) {
  WRIT_ASSIGN(const CapabilityId id, parse_id<CapabilityId>(word));
  WRIT_ASSIGN(const auto authority, open_authority());
  WRIT_ASSIGN(std::optional<Capability> found, authority->find(id));
  if (!found) return fail("there is no capability " + id_text(id), "writ caps list --all");
  WRIT_ASSIGN(const CapabilityStanding standing, authority->standing(id));
  return ShownCapability{std::move(*found), standing};
}

}  // namespace

int run_caps_list(const CapsOptions& options) {
  const Result<Listing> listing = list(options);
  if (!listing) return complain(listing.error());
  const bool json = options.format == OutputFormat::kJson;
  return print_result(json ? caps_list_json(listing->shown, listing->in_doubt)
                           : caps_list_text(listing->shown, listing->in_doubt, colour_for_standard_output()),
                      0);
}

int run_caps_inspect(const CapsOptions& options) {
  const Result<ShownCapability> shown = inspect(options.words[0]);
  return shown ? print_capability(options, *shown) : complain(shown.error());
}

int run_caps_grant(const CapsOptions& options) {
  const Result<Actor> actor = acting_actor(options);
  if (!actor) return complain(actor.error());
  Result<CapabilityDraft> draft = read_draft(options, options.words[0]);
  if (!draft) return complain(draft.error());
  const auto authority = open_authority();
  if (!authority) return complain(authority.error());
  const Result<Capability> made = (*authority)->grant(*actor, std::move(*draft));
  const bool by_person = actor->as == ActingAs::kPerson;
  if (made) record_in_audit_log(by_person ? AuthorityEventKind::kIssued : AuthorityEventKind::kGranted, *made, *actor);
  return print_made(options, made);
}

int run_caps_delegate(const CapsOptions& options) {
  const Result<Actor> actor = acting_actor(options);
  if (!actor) return complain(actor.error());
  const auto parent = parse_id<CapabilityId>(options.words[0]);
  if (!parent) return complain(parent.error());
  Result<CapabilityDraft> draft = read_draft(options, options.words[1]);
  if (!draft) return complain(draft.error());
  const auto authority = open_authority();
  if (!authority) return complain(authority.error());
  const Result<Capability> made = (*authority)->delegate(actor->subject, *parent, std::move(*draft));
  if (made) record_in_audit_log(AuthorityEventKind::kDelegated, *made, *actor);
  return print_made(options, made);
}

int run_caps_revoke(const CapsOptions& options) {
  const Result<Actor> actor = acting_actor(options);
  if (!actor) return complain(actor.error());
  const auto id = parse_id<CapabilityId>(options.words[0]);
  if (!id) return complain(id.error());
  const auto authority = open_authority();
  if (!authority) return complain(authority.error());
  if (const Status revoked = (*authority)->revoke(*actor, *id); !revoked) return complain_refused(revoked.error());
  // The revocation stands, whatever comes of asking the runs.
  const auto outcomes = outcomes_of_runs(*id, options.holders);
  if (!outcomes) print_message("warning: it is revoked, but " + outcomes.error().describe());
  const std::span<const LiveGrant> runs =
      outcomes ? std::span<const LiveGrant>(*outcomes) : std::span<const LiveGrant>();
  const Result<ShownCapability> shown = inspect(options.words[0]);
  if (!shown) return complain(shown.error());
  record_in_audit_log(AuthorityEventKind::kRevoked, shown->capability, *actor);
  if (options.format == OutputFormat::kJson) return print_result(revoked_json(*shown, runs), 0);
  return print_result("revoked " + id_text(*id) + "\n" + outcomes_text(runs), 0);
}

int run_caps_explain(const CapsOptions& options) {
  const Result<ShownExplanation> shown = explain(options);
  if (!shown) return complain(shown.error());
  constexpr std::array<int, 3> kStatuses = {kExitAllowed, kExitAsked, kExitDenied};  // in the order of Effect
  const int status = kStatuses[static_cast<std::size_t>(shown->explanation.decision.effect)];
  const bool json = options.format == OutputFormat::kJson;
  return print_result(json ? explanation_json(*shown) : explanation_text(*shown, colour_for_standard_output()), status);
}

}  // namespace writ
