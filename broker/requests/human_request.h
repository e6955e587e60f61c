// HumanRequest: something that waits for a person, whoever that is and wherever: one row of the human queue.
//
// A request is decided exactly once. What may follow what is one table (status_after()); who wins when two decide at
// the same time is the store's matter (request_store.h). Plain data; pure; any thread.
#ifndef WRIT_BROKER_REQUESTS_HUMAN_REQUEST_H_
#define WRIT_BROKER_REQUESTS_HUMAN_REQUEST_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "broker/approval/approval_question.h"
#include "broker/requests/request_id.h"
#include "broker/requests/request_owner.h"

namespace writ {

enum class RequestKind : std::uint8_t {
  kQuestion,           // a text; the answer is a text
  kPermissionRequest,  // rights on a resource, for now and later
  kPerUse,             // one call of a program waits
  kOutput,             // a text for the person; nothing is answered
};
inline constexpr std::array<std::string_view, 4> kRequestKindNames = {"question", "permission_request", "per_use",
                                                                      "output"};

enum class RequestStatus : std::uint8_t { kPending, kApproved, kRejected, kEdited, kCancelled, kDelivered };
inline constexpr std::array<std::string_view, 6> kRequestStatusNames = {"pending", "approved",  "rejected",
                                                                        "edited",  "cancelled", "delivered"};

enum class RequestAct : std::uint8_t {
  kApprove,
  kReject,
  kEdit,     // approve something narrower
  kCancel,   // whoever asked does not wait any more
  kDeliver,  // the person has seen it
};

[[nodiscard]] constexpr std::string_view request_kind_name(RequestKind kind) {
  return kRequestKindNames[static_cast<std::size_t>(kind)];
}
[[nodiscard]] constexpr std::string_view request_status_name(RequestStatus status) {
  return kRequestStatusNames[static_cast<std::size_t>(status)];
}
[[nodiscard]] std::optional<RequestKind> request_kind_from_name(std::string_view name);
[[nodiscard]] std::optional<RequestStatus> request_status_from_name(std::string_view name);

// The table of transitions: what `act` makes of a request; nothing when it is not possible. Only what is pending
// changes at all.
[[nodiscard]] std::optional<RequestStatus> status_after(RequestKind kind, RequestStatus status, RequestAct act);

// ---- what is asked; texts are raw bytes, as in ApprovalQuestion

inline constexpr std::size_t kRequestTextLimit = 8192;        // bytes of a question, an output, a reason
inline constexpr std::size_t kRequestPayloadLimit = 131'072;  // bytes of a payload as it is stored

struct TextPayload {  // of kQuestion and kOutput
  std::string text;
};

struct PermissionPayload {
  std::string resource;             // "filesystem:/srv/data/*"
  std::vector<std::string> rights;  // words
  std::string reason;               // as the asker gives it
};

struct PerUsePayload {
  ApprovalQuestion question;  // its id is of no meaning here
  std::string workspace;
  std::string profile;
};

using RequestPayload = std::variant<TextPayload, PermissionPayload, PerUsePayload>;

// ---- what was decided

struct RequestDecision {
  ApprovalOutcome outcome = ApprovalOutcome::kDeny;  // of kPerUse
  std::string policy;                                // of kPermissionRequest: a named policy; else empty
  std::string answer;                                // of kQuestion; else empty
  std::optional<PermissionPayload> edited;           // of kEdit
  std::string reason;                                // raw; may be empty
  std::string by;                                    // who, in words; escaped
};

struct HumanRequest {
  explicit HumanRequest(RequestId request_id) : id(std::move(request_id)) {}

  RequestId id;
  std::string subject;  // the run that asks
  RequestKind kind = RequestKind::kPerUse;
  RequestPayload payload;
  std::string argument_hash;   // request_binding.h; 32 bytes
  std::string target_version;  // request_binding.h; empty where there is none
  bool blocking = true;        // somebody waits for the decision
  RequestOwner owner;
  RequestStatus status = RequestStatus::kPending;
  std::optional<RequestDecision> decision;
  std::int64_t created_ms = 0;  // since 1970-01-01 UTC
  std::int64_t updated_ms = 0;
  std::optional<std::int64_t> deadline_ms;  // cancelled when it is over
  std::int64_t revision = 1;                // one more with each change
};

}  // namespace writ

#endif  // WRIT_BROKER_REQUESTS_HUMAN_REQUEST_H_
