#include "launcher/approvals_decide.h"

#include <unistd.h>

#include <array>
#include <iostream>
#include <optional>
#include <utility>

#include "broker/approval/named_policy.h"
#include "broker/approval/shown_text.h"
#include "broker/base/escape.h"
#include "broker/capability/capability_rights.h"
#include "broker/capability/typed_resource.h"
#include "broker/policy/profile_values.h"
#include "broker/requests/request_decision.h"
#include "broker/sandbox/launch.h"
#include "launcher/approvals_show.h"
#include "launcher/message.h"
#include "launcher/person.h"

namespace writ {
namespace {

constexpr std::size_t kRuleColumns = 2400;

int complain(const Error& error, int status) {
  print_message(error.describe());
  return status;
}

// What is decided, before anything is written.
struct Choice {
  RequestAct act = RequestAct::kApprove;
  RequestDecision decision;
};

ApprovalOutcome weakest_offered(OutcomeSet offered) {
  return offered.has(ApprovalOutcome::kAllowOnce) ? ApprovalOutcome::kAllowOnce : ApprovalOutcome::kAllowRun;
}

// Named policies as answers to a call that waits.
Result<ApprovalOutcome> outcome_of_policy(const std::string& word, OutcomeSet offered) {
  const std::optional<NamedPolicy> policy = named_policy_from_name(word);
  if (!policy) return fail("there is no policy " + quote_bytes(word, 80), "always_allow, ask_each_time, allow_once");
  switch (*policy) {
    case NamedPolicy::kAlwaysAllow:
      return ApprovalOutcome::kAllowAlways;
    case NamedPolicy::kAlwaysDeny:
      return fail("to approve cannot mean always_deny");
    case NamedPolicy::kAllowOnce:
      return ApprovalOutcome::kAllowOnce;
    case NamedPolicy::kAskEachTime:
      break;
  }
  return weakest_offered(offered);
}

Result<Choice> approval_of_call(const ApprovalsOptions& options, const PerUsePayload& call) {
  Choice choice;
  const OutcomeSet offered = offered_outcomes(call.question);
  choice.decision.outcome = weakest_offered(offered);
  if (options.once) choice.decision.outcome = ApprovalOutcome::kAllowOnce;
  if (options.for_run) choice.decision.outcome = ApprovalOutcome::kAllowRun;
  if (options.always) choice.decision.outcome = ApprovalOutcome::kAllowAlways;
  if (options.policy.empty()) return choice;
  if (options.once || options.for_run || options.always) return fail("--policy says it already", "leave the other out");
  WRIT_ASSIGN(choice.decision.outcome, outcome_of_policy(options.policy, offered));
  return choice;
}

// What cannot be granted is no answer, whatever it is a part of.
Result<PermissionPayload> edited_permission(const ApprovalsOptions& options, const PermissionPayload& asked) {
  PermissionPayload edited = asked;
  if (!options.edited_resource.empty()) {
    WRIT_ASSIGN(const TypedResource resource, TypedResource::parse(options.edited_resource));
    edited.resource = resource.text();
  }
  if (!options.edited_rights.empty()) edited.rights = options.edited_rights;
  for (const std::string& word : edited.rights) {
    WRIT_ASSIGN([[maybe_unused]] const CapabilityRight right, parse_capability_right(word));
  }
  return edited;
}

Result<Choice> approval_of(const ApprovalsOptions& options, const HumanRequest& request) {
  if (const auto* call = std::get_if<PerUsePayload>(&request.payload)) {
    if (!options.edited_resource.empty() || !options.edited_rights.empty())
      return fail("a call that waits goes on as it is, or not at all: it cannot be edited");
    return approval_of_call(options, *call);
  }
  Choice choice;
  choice.decision.outcome = ApprovalOutcome::kAllowOnce;
  choice.decision.policy = options.policy;
  choice.decision.answer = options.answer;
  if (request.kind == RequestKind::kOutput) choice.act = RequestAct::kDeliver;
  const auto* permission = std::get_if<PermissionPayload>(&request.payload);
  if (permission == nullptr || (options.edited_resource.empty() && options.edited_rights.empty())) return choice;
  choice.act = RequestAct::kEdit;
  WRIT_ASSIGN(choice.decision.edited, edited_permission(options, *permission));
  return choice;
}

Choice denial_of(const ApprovalsOptions& options) {
  Choice choice;
  choice.act = RequestAct::kReject;
  choice.decision.policy = options.policy;
  return choice;
}

// Nobody agrees for ever to what they have not seen.
Status confirm_always(const ApprovalsOptions& options, const PerUsePayload& call) {
  const std::string rule = shown_bytes(call.question.always_rule, kRuleColumns);
  std::cerr << "writ: this rule will be written, and holds for later runs as well:\n  " << rule << "\n" << std::flush;
  if (options.yes) return {};
  if (::isatty(STDIN_FILENO) != 1)
    return fail("the rule was not confirmed", "--yes, where there is nobody to confirm it at a terminal");
  std::cerr << "write \"yes\" to confirm: " << std::flush;
  std::string word;
  std::getline(std::cin, word);
  if (word != "yes") return fail("the rule was not confirmed");
  return {};
}

Status confirm(const ApprovalsOptions& options, const HumanRequest& request, const Choice& choice) {
  const auto* call = std::get_if<PerUsePayload>(&request.payload);
  if (call == nullptr || choice.decision.outcome != ApprovalOutcome::kAllowAlways) return {};
  WRIT_TRY(check_decision(request, choice.act, choice.decision));  // before anybody confirms in vain
  return confirm_always(options, *call);
}

Result<std::int64_t> revision_of(const ApprovalsOptions& options, const HumanRequest& request) {
  if (options.revision.empty()) return request.revision;
  const auto number = parse_count(options.revision);
  if (!number || *number > 1'000'000) return fail("--revision takes a number");
  return static_cast<std::int64_t>(*number);
}

std::string result_text(const DecideResult& result) {
  const std::string name = result.request ? short_id(result.request->id) : "the request";
  switch (result.how) {
    case Decided::kDone:
      return name + " " + decided_text(*result.request);
    case Decided::kDecidedAlready:
      return name + " was decided already: " + decided_text(*result.request);
    case Decided::kStale:
      return name + " has changed since: it has revision " + std::to_string(result.request->revision);
    case Decided::kOver:
      return name + " is over: " + result.why;
    case Decided::kRefused:
      return name + " cannot be answered so: " + result.why;
    case Decided::kUnknown:
      break;
  }
  return "the request is gone";
}

int print_decision(const ApprovalsOptions& options, const DecideResult& result) {
  const bool done = result.how == Decided::kDone;
  if (!done) print_message(result_text(result));
  const int status = done ? 0 : kExitNotDecided;
  if (options.format == OutputFormat::kJson && result.request)
    return print_result(JsonValue(request_json(*result.request)).to_text(2) + "\n", status);
  return done ? print_result(result_text(result) + "\n", status) : status;
}

int decide(const ApprovalsOptions& options, RequestAct act) {
  Result<RequestStore> store = open_own_queue();
  if (!store) return complain(store.error(), kExitWritFailed);
  const auto request = named_request(*store, options.ids.front());
  if (!request) return complain(request.error(), kExitNotDecided);
  if (request->status != RequestStatus::kPending)
    return print_decision(options, {Decided::kDecidedAlready, *request, {}});
  Result<Choice> choice = act == RequestAct::kReject ? denial_of(options) : approval_of(options, *request);
  if (!choice) return complain(choice.error(), kExitNotDecided);
  const auto revision = revision_of(options, *request);
  if (!revision) return complain(revision.error(), kExitWritFailed);
  if (const Status sure = confirm(options, *request, *choice); !sure) return complain(sure.error(), kExitNotDecided);
  choice->decision.reason = options.reason;
  choice->decision.by = decider_text();
  const auto result = store->decide(request->id, *revision, choice->act, choice->decision);
  if (!result) return complain(result.error(), kExitWritFailed);
  return print_decision(options, *result);
}

}  // namespace

std::string decider_text() {
  const auto person = identify_person(::geteuid(), ::getegid());
  const std::string name = person ? escape_bytes(person->name, 80) + " " : std::string();
  return name + "(uid " + std::to_string(::geteuid()) + ", process " + std::to_string(::getpid()) + ")";
}

int approve_request(const ApprovalsOptions& options) { return decide(options, RequestAct::kApprove); }
int deny_request(const ApprovalsOptions& options) { return decide(options, RequestAct::kReject); }

}  // namespace writ
