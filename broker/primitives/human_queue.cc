#include "broker/primitives/human_queue.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "broker/base/escape.h"
#include "broker/kernel/acting_identity.h"
#include "broker/requests/request_binding.h"
#include "broker/requests/request_decision.h"
#include "broker/requests/request_payload.h"

namespace writ {
namespace {

using Clock = StoreWatch::Clock;

constexpr const char* kOurselves = "Writ";

std::string hash_of(const RequestPayload& payload) {
  if (const auto* text = std::get_if<TextPayload>(&payload)) return argument_hash(text->text);
  if (const auto* call = std::get_if<PerUsePayload>(&payload)) return argument_hash(call->question);
  const auto& permission = std::get<PermissionPayload>(payload);
  return argument_hash(permission.resource, permission.rights);
}

std::string text_of(const RequestPayload& payload) { return JsonValue(payload_json(payload)).to_text(); }

// The row may have been written by anybody: it must be the request that was sent, with nothing of it changed.
bool is_the_same(const HumanRequest& row, const HumanRequest& sent) {
  return row.id == sent.id && row.kind == sent.kind && row.subject == sent.subject &&
         row.argument_hash == sent.argument_hash && text_of(row.payload) == text_of(sent.payload);
}

std::optional<RequestAct> act_of(RequestStatus status) {
  switch (status) {
    case RequestStatus::kApproved:
      return RequestAct::kApprove;
    case RequestStatus::kRejected:
      return RequestAct::kReject;
    case RequestStatus::kEdited:
      return RequestAct::kEdit;
    case RequestStatus::kPending:
    case RequestStatus::kCancelled:
    case RequestStatus::kDelivered:
      break;
  }
  return std::nullopt;
}

bool is_decided(const HumanRequest& row) { return act_of(row.status).has_value(); }

tl::unexpected<PrimitiveFailure> changed_by_others() {
  return refuse(PrimitiveCode::kFailed, "the request was changed in the queue");
}

// Whoever looks at the queue cancels what is over, which may be sooner than the waiting one's own clock.
tl::unexpected<PrimitiveFailure> cancelled(const HumanRequest& row, const HumanRequest& sent) {
  const bool in_time = !sent.deadline_ms || row.updated_ms < *sent.deadline_ms;
  const std::string reason = row.decision ? escape_bytes(row.decision->reason, 200) : std::string();
  return refuse(in_time ? PrimitiveCode::kCancelled : PrimitiveCode::kTimedOut, "cancelled in the queue: " + reason);
}

// A row that is not pending any more → what was decided.
Attempt<HumanRequest> decided(HumanRequest row, const HumanRequest& sent) {
  if (!row.decision || row.revision != sent.revision + 1) return changed_by_others();
  if (row.status == RequestStatus::kCancelled) return cancelled(row, sent);
  const std::optional<RequestAct> act = act_of(row.status);
  if (!act) return changed_by_others();
  if (const Status valid = check_decision(sent, *act, *row.decision); !valid)
    return refuse(PrimitiveCode::kFailed, "the decision in the queue is not valid: " + valid.error().what);
  return row;
}

enum class Woken : std::uint8_t { kLook, kAskerGone };

// Until something is written to the store, the asker is gone, or `until`.
Woken sleep_until(Clock::time_point until, int store, int cancel) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  std::array<pollfd, 2> entries{pollfd{store, POLLIN, 0}, pollfd{cancel, POLLIN, 0}};  // negative ones are passed over
  const int ready = ::poll(entries.data(), entries.size(), static_cast<int>(std::max<std::int64_t>(left, 0)));
  return ready > 0 && entries[1].revents != 0 ? Woken::kAskerGone : Woken::kLook;
}

}  // namespace

Attempt<HumanRequest> make_request(RequestKind kind, RequestPayload payload, std::string subject,
                                   std::optional<std::chrono::milliseconds> deadline) {
  Result<RequestId> id = RequestId::make();
  Result<RequestOwner> owner = request_owner_of_this_process();
  if (!id || !owner) return refuse(PrimitiveCode::kFailed, (id ? owner.error() : id.error()).describe());
  HumanRequest request(std::move(*id));
  request.subject = std::move(subject);
  request.kind = kind;
  request.argument_hash = hash_of(payload);
  request.payload = std::move(payload);
  request.blocking = kind != RequestKind::kOutput;
  request.owner = std::move(*owner);
  request.created_ms = wall_clock_ms();
  if (deadline) request.deadline_ms = request.created_ms + deadline->count();
  return request;
}

Attempt<HumanQueue> HumanQueue::open(const std::string& directory) {
  // A mediated call may have left root's broker acting as the tool: the store is the person's.
  ActingIdentity::step_back();
  Result<RequestStore> store = RequestStore::open(directory);
  if (!store) return refuse(PrimitiveCode::kFailed, store.error().describe());
  return HumanQueue(std::move(*store), StoreWatch(directory));
}

Attempt<std::monostate> HumanQueue::check_room(const HumanRequest& request) const {
  if (request.kind != RequestKind::kOutput) return std::monostate();
  const Result<RequestList> waiting = store_.list(Listed::kPending);
  if (!waiting) return refuse(PrimitiveCode::kFailed, waiting.error().describe());
  const auto own = std::count_if(waiting->requests.begin(), waiting->requests.end(), [&](const HumanRequest& each) {
    return each.kind == RequestKind::kOutput && each.owner.pid == request.owner.pid &&
           each.owner.start == request.owner.start && each.owner.boot == request.owner.boot;
  });
  if (static_cast<std::size_t>(own) < kWaitingOutputsLimit) return std::monostate();
  return refuse(PrimitiveCode::kLimit, "nobody has looked at the last outputs yet");
}

Attempt<std::monostate> HumanQueue::put(const HumanRequest& request) {
  WRIT_REQUIRE(check_room(request));
  const Status added = store_.add(request);
  if (added) return std::monostate();
  // What the queue refuses has no errno; what the store or the system refuses has one.
  const Error& error = added.error();
  return refuse(error.system_errno == 0 ? PrimitiveCode::kLimit : PrimitiveCode::kFailed, error.describe());
}

// What the store says now; nothing: it waits still.
Attempt<std::optional<HumanRequest>> HumanQueue::look(const HumanRequest& sent) {
  const Result<bool> changed = store_.changed();
  // What cannot be read now may be read at the next look: until the time is up, nothing is decided.
  if (!changed || !*changed) return std::nullopt;
  Result<std::optional<HumanRequest>> row = store_.find(sent.id);
  if (!row) return refuse(PrimitiveCode::kFailed, row.error().describe());
  if (!*row) return refuse(PrimitiveCode::kFailed, "the request is gone from the queue");
  if (!is_the_same(**row, sent)) return changed_by_others();
  if ((*row)->status == RequestStatus::kPending)
    return (*row)->revision == sent.revision ? Attempt<std::optional<HumanRequest>>(std::nullopt) : changed_by_others();
  return std::move(*row);
}

Attempt<HumanRequest> HumanQueue::wait(const HumanRequest& sent, const HumanWaitLimits& limits) {
  const Clock::time_point end = Clock::now() + limits.time;
  while (true) {
    const Clock::time_point now = Clock::now();
    if (watch_.take_due(now)) {
      Attempt<std::optional<HumanRequest>> row = look(sent);
      if (!row) return give_up(sent, std::move(row.error()));
      if (*row) return decided(std::move(**row), sent);
    }
    if (now >= end) return give_up(sent, {PrimitiveCode::kTimedOut, "nobody answered in time"});
    const Woken woken = sleep_until(std::min(watch_.next_look(), end), watch_.descriptor(), limits.cancel);
    if (woken == Woken::kAskerGone) return give_up(sent, {PrimitiveCode::kCancelled, "the program that asked is gone"});
  }
}

// Cancels it for others. Decided once: what was decided before that is what counts.
Attempt<HumanRequest> HumanQueue::give_up(const HumanRequest& sent, PrimitiveFailure why) {
  (void)store_.cancel(sent.id, why.detail, kOurselves);
  Result<std::optional<HumanRequest>> row = store_.find(sent.id);
  const bool quicker = row && *row && is_decided(**row) && is_the_same(**row, sent);
  if (!quicker) return tl::unexpected(std::move(why));
  return decided(std::move(**row), sent);
}

}  // namespace writ
