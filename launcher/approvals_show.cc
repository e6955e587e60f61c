#include "launcher/approvals_show.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "broker/approval/question_text.h"
#include "broker/approval/shown_text.h"
#include "broker/base/escape.h"
#include "broker/requests/request_payload.h"
#include "broker/sandbox/launch.h"
#include "launcher/approval_queue.h"
#include "launcher/approvals_decide.h"
#include "launcher/message.h"
#include "launcher/person.h"

namespace writ {
namespace {

constexpr std::size_t kShortDigits = 8;
constexpr std::size_t kSummaryColumns = 100;
constexpr std::size_t kPageColumns = 110;
constexpr std::size_t kTextColumns = 4000;
constexpr std::size_t kFullTextColumns = 4 * kRequestTextLimit;  // each byte as \xNN

std::string age_text(std::int64_t since_ms) {
  const std::int64_t seconds = std::max<std::int64_t>(wall_clock_ms() - since_ms, 0) / 1000;
  if (seconds < 120) return std::to_string(seconds) + " s";
  if (seconds < 7200) return std::to_string(seconds / 60) + " min";
  return std::to_string(seconds / 3600) + " h";
}

std::string words_text(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text.append(text.empty() ? "" : ", ").append(escape_bytes(word, 40));
  return text;
}

std::string call_summary(const ApprovalQuestion& question) {
  const std::string by = " for " + shown_bytes(question.asker.program, 40);
  if (const auto* command = std::get_if<CommandObject>(&question.object))
    return "run " + shown_command(command->argv, kSummaryColumns) + by;
  return rights_text(question.rights) + " " + shown_bytes(object_bytes(question.object), kSummaryColumns) + by;
}

int complain(const Error& error, int status = kExitWritFailed) {
  print_message(error.describe());
  return status;
}

std::string list_line(const HumanRequest& request, Colour colour) {
  const bool pending = request.status == RequestStatus::kPending;
  std::string line = painted(short_id(request.id), Tint::kStrong, colour) + "  " + age_text(request.created_ms);
  if (!pending) line.append("  ").append(request_status_name(request.status));
  return line + "  " + request_summary(request) + "\n";
}

std::string list_text(const RequestList& list, Colour colour) {
  std::string text;
  for (const HumanRequest& request : list.requests) text += list_line(request, colour);
  for (const std::string& id : list.unreadable) text += painted("unreadable ", Tint::kBad, colour) + id + "\n";
  return text.empty() ? "nothing waits\n" : text;
}

std::string list_json(const RequestList& list) {
  JsonArray requests;
  for (const HumanRequest& request : list.requests) requests.add(request_json(request));
  JsonArray unreadable;
  for (const std::string& id : list.unreadable) unreadable.add(id);
  JsonObject json;
  json.set("schema", 1).set("requests", std::move(requests)).set("unreadable", std::move(unreadable));
  return JsonValue(std::move(json)).to_text(2) + "\n";
}

class Page {
 public:
  void add(std::string_view label, std::string_view text) { add_labelled(text_, label, text, kPageColumns); }
  void add_bytes(std::string_view label, std::string_view bytes, std::size_t columns = kTextColumns) {
    add(label, shown_bytes(bytes, columns));
  }
  void append(std::string_view text) { text_.append(text); }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string status_text(const HumanRequest& request) {
  std::string text(request_status_name(request.status));
  text.append(", asked ").append(age_text(request.created_ms)).append(" ago, revision ");
  text += std::to_string(request.revision);
  if (request.status != RequestStatus::kPending || !request.deadline_ms) return text;
  const std::int64_t left = std::max<std::int64_t>(*request.deadline_ms - wall_clock_ms(), 0) / 1000;
  return text + ", " + std::to_string(left) + " s left";
}

void add_call(Page& page, const PerUsePayload& call, Colour colour) {
  if (!call.profile.empty()) page.add_bytes("profile", call.profile);
  page.add_bytes("in", call.workspace);
  QuestionView view;
  view.columns = kPageColumns;
  view.detail = QuestionDetail::kFull;
  view.colour = colour == Colour::kAlways ? PromptColour::kAnsi : PromptColour::kNever;
  page.append(question_text(call.question, view));
  page.add("answers", offered_text(offered_outcomes(call.question)));
  if (!call.question.always_rule.empty()) page.add_bytes("always", call.question.always_rule);
}

void add_permission(Page& page, const PermissionPayload& permission) {
  page.add_bytes("on", permission.resource);
  page.add("rights", words_text(permission.rights));
}

void add_payload(Page& page, const HumanRequest& request, Colour colour) {
  if (const auto* call = std::get_if<PerUsePayload>(&request.payload)) return add_call(page, *call, colour);
  if (const auto* text = std::get_if<TextPayload>(&request.payload))
    return page.add_bytes("text", text->text, kFullTextColumns);
  const auto& permission = std::get<PermissionPayload>(request.payload);
  add_permission(page, permission);
  page.add_bytes("reason", permission.reason, kFullTextColumns);
}

// What can be typed; of a call that waits, add_call() says it.
std::string_view answers_text(RequestKind kind) {
  switch (kind) {
    case RequestKind::kQuestion:
      return "approve ID --answer TEXT, deny ID";
    case RequestKind::kPermissionRequest:
      return "approve ID --policy always_allow or ask_each_time, deny ID --policy always_deny or ask_each_time";
    case RequestKind::kOutput:
    case RequestKind::kPerUse:
      break;
  }
  return {};
}

void add_decision(Page& page, const HumanRequest& request) {
  page.add("decided", decided_text(request));
  if (!request.decision->answer.empty()) page.add_bytes("answer", request.decision->answer);
  if (!request.decision->edited) return;
  page.add("instead", "the person has approved this only:");
  add_permission(page, *request.decision->edited);
}

std::string page_text(const HumanRequest& request, Colour colour) {
  Page page;
  page.add("request", painted(request.id.text(), Tint::kStrong, colour));
  page.add("kind", request_kind_name(request.kind));
  page.add("status", status_text(request));
  page.add_bytes(request.kind == RequestKind::kPerUse ? "run" : "asker", request.subject);
  add_payload(page, request, colour);
  const std::string_view answers = answers_text(request.kind);
  if (request.status == RequestStatus::kPending && !answers.empty()) page.add("answers", answers);
  if (request.decision) add_decision(page, request);
  return page.take();
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 0xFU];
  }
  return text;
}

}  // namespace

Result<RequestStore> open_own_queue() {
  WRIT_ASSIGN(const Person person, identify_person(::geteuid(), ::getegid()));
  WRIT_ASSIGN(RequestStore store, RequestStore::open(store_directory(person)));
  WRIT_ASSIGN([[maybe_unused]] const std::size_t cancelled, store.cancel_abandoned());
  return store;
}

Result<HumanRequest> named_request(const RequestStore& store, std::string_view typed) {
  const std::string shown = quote_bytes(typed, 80);
  const std::optional<std::string> prefix = request_id_prefix(typed);
  if (!prefix)
    return fail(shown + " is no id of a request", "an id is hreq_ and 32 hexadecimal digits; four of them are enough");
  WRIT_ASSIGN(const std::vector<std::string> ids, store.ids_beginning_with(*prefix, 2));
  if (ids.empty()) return fail("there is no request " + shown, "`writ approvals list --all` lists them");
  if (ids.size() > 1) return fail("more than one request begins with " + shown, "type more of it");
  const std::optional<RequestId> id = RequestId::parse(ids.front());
  if (!id) return fail("the request " + quote_bytes(ids.front(), 80) + " has an id that is none");
  WRIT_ASSIGN(std::optional<HumanRequest> request, store.find(*id));
  if (!request) return fail("there is no request " + shown);
  return std::move(*request);
}

std::string short_id(const RequestId& id) { return id.text().substr(0, kRequestIdPrefix.size() + kShortDigits); }

std::string request_summary(const HumanRequest& request) {
  if (const auto* call = std::get_if<PerUsePayload>(&request.payload)) return call_summary(call->question);
  if (const auto* permission = std::get_if<PermissionPayload>(&request.payload))
    return "permission: " + words_text(permission->rights) + " on " +
           shown_bytes(permission->resource, kSummaryColumns);
  const char* label = request.kind == RequestKind::kOutput ? "output: " : "question: ";
  return label + shown_bytes(std::get<TextPayload>(request.payload).text, kSummaryColumns);
}

std::string decided_text(const HumanRequest& request) {
  if (!request.decision) return {};
  const RequestDecision& decision = *request.decision;
  std::string text(request_status_name(request.status));
  const bool allowed = request.status == RequestStatus::kApproved && request.kind == RequestKind::kPerUse;
  if (allowed) text.append(" (").append(outcome_name(decision.outcome)).append(")");
  if (!decision.policy.empty()) text.append(" (").append(escape_bytes(decision.policy, 40)).append(")");
  text.append(" by ").append(escape_bytes(decision.by, 200)).append(", ").append(age_text(request.updated_ms));
  text.append(" ago");
  if (!decision.reason.empty()) text.append(": ").append(shown_bytes(decision.reason, kSummaryColumns));
  return text;
}

JsonObject request_json(const HumanRequest& request) {
  JsonObject json;
  json.set("id", request.id.text()).set("kind", request_kind_name(request.kind));
  json.set("status", request_status_name(request.status)).set("revision", request.revision);
  json.set("subject", escape_bytes(request.subject)).set("blocking", request.blocking);
  json.set("payload", payload_json(request.payload)).set("argument_hash", hex(request.argument_hash));
  json.set("target_version", escape_bytes(request.target_version)).set("asker_pid", request.owner.pid);
  if (request.decision) json.set("decision", decision_json(*request.decision));
  json.set("created_ms", request.created_ms).set("updated_ms", request.updated_ms);
  if (request.deadline_ms) json.set("deadline_ms", *request.deadline_ms);
  return json;
}

std::string output_text(const HumanRequest& request) {
  return shown_bytes(std::get<TextPayload>(request.payload).text, kFullTextColumns);
}

void mark_seen(RequestStore& store, const HumanRequest& request) {
  if (request.kind != RequestKind::kOutput || request.status != RequestStatus::kPending) return;
  RequestDecision decision;
  decision.by = decider_text();
  // Somebody else who has seen it at the same time, or an asker that is gone: it is over all the same.
  const auto result = store.decide(request.id, request.revision, RequestAct::kDeliver, decision);
  if (!result) print_message("warning: " + result.error().describe());
}

int list_approvals(const ApprovalsOptions& options) {
  const Result<RequestStore> store = open_own_queue();
  if (!store) return complain(store.error());
  const auto list = store->list(options.all ? Listed::kAll : Listed::kPending);
  if (!list) return complain(list.error());
  const bool json = options.format == OutputFormat::kJson;
  return print_result(json ? list_json(*list) : list_text(*list, colour_for_standard_output()), 0);
}

int show_approval(const ApprovalsOptions& options) {
  Result<RequestStore> store = open_own_queue();
  if (!store) return complain(store.error());
  const auto request = named_request(*store, options.ids.front());
  if (!request) return complain(request.error(), kExitNotDecided);
  const int status = options.format == OutputFormat::kJson
                         ? print_result(JsonValue(request_json(*request)).to_text(2) + "\n", 0)
                         : print_result(page_text(*request, colour_for_standard_output()), 0);
  if (status == 0) mark_seen(*store, *request);
  return status;
}

}  // namespace writ
