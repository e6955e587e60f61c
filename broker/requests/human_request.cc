#include "broker/requests/human_request.h"

#include <algorithm>

namespace writ {
namespace {

struct Transition {
  RequestKind kind;
  RequestAct act;
  RequestStatus becomes;
};

// From kPending; nothing leads out of any other status.
constexpr auto kTransitions = std::to_array<Transition>({
    {RequestKind::kQuestion, RequestAct::kApprove, RequestStatus::kApproved},
    {RequestKind::kQuestion, RequestAct::kReject, RequestStatus::kRejected},
    {RequestKind::kQuestion, RequestAct::kCancel, RequestStatus::kCancelled},
    {RequestKind::kPermissionRequest, RequestAct::kApprove, RequestStatus::kApproved},
    {RequestKind::kPermissionRequest, RequestAct::kReject, RequestStatus::kRejected},
    {RequestKind::kPermissionRequest, RequestAct::kEdit, RequestStatus::kEdited},
    {RequestKind::kPermissionRequest, RequestAct::kCancel, RequestStatus::kCancelled},
    // A call that waits goes on as it is, or not at all: there is nothing to edit.
    {RequestKind::kPerUse, RequestAct::kApprove, RequestStatus::kApproved},
    {RequestKind::kPerUse, RequestAct::kReject, RequestStatus::kRejected},
    {RequestKind::kPerUse, RequestAct::kCancel, RequestStatus::kCancelled},
    {RequestKind::kOutput, RequestAct::kDeliver, RequestStatus::kDelivered},
    {RequestKind::kOutput, RequestAct::kCancel, RequestStatus::kCancelled},
});

template <class Value, std::size_t kCount>
std::optional<Value> value_of(const std::array<std::string_view, kCount>& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Value>(found - names.begin());
}

}  // namespace

std::optional<RequestKind> request_kind_from_name(std::string_view name) {
  return value_of<RequestKind>(kRequestKindNames, name);
}

std::optional<RequestStatus> request_status_from_name(std::string_view name) {
  return value_of<RequestStatus>(kRequestStatusNames, name);
}

std::optional<RequestStatus> status_after(RequestKind kind, RequestStatus status, RequestAct act) {
  if (status != RequestStatus::kPending) return std::nullopt;
  const auto found = std::find_if(kTransitions.begin(), kTransitions.end(),
                                  [&](const Transition& row) { return row.kind == kind && row.act == act; });
  if (found == kTransitions.end()) return std::nullopt;
  return found->becomes;
}

}  // namespace writ
