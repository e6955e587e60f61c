// `writ approvals list` and `show`, and how a request is printed. Everything that came from a tool is escaped and
// capped here.
#ifndef WRIT_LAUNCHER_APPROVALS_SHOW_H_
#define WRIT_LAUNCHER_APPROVALS_SHOW_H_

#include <string>
#include <string_view>

#include "broker/base/error.h"
#include "broker/base/json_text.h"
#include "broker/requests/human_request.h"
#include "broker/requests/request_store.h"
#include "launcher/approvals_options.h"

namespace writ {

[[nodiscard]] int list_approvals(const ApprovalsOptions& options);
[[nodiscard]] int show_approval(const ApprovalsOptions& options);

// Opens the queue of the person who runs this process, and cancels what nobody waits for.
[[nodiscard]] Result<RequestStore> open_own_queue();

// An output that waits is delivered: the person has it in front of them. Nothing for all others.
void mark_seen(RequestStore& store, const HumanRequest& request);

// The request that `typed` names. Errors: it is no id, nothing or more than one begins so.
[[nodiscard]] Result<HumanRequest> named_request(const RequestStore& store, std::string_view typed);

// "hreq_" and eight digits: what people type. An id is longer.
[[nodiscard]] std::string short_id(const RequestId& id);

// One line without an end: what is asked, in few words.
[[nodiscard]] std::string request_summary(const HumanRequest& request);
// "approved once by …, 12 s ago"; empty while it is pending.
[[nodiscard]] std::string decided_text(const HumanRequest& request);
// The whole text of an output, in quotes.
[[nodiscard]] std::string output_text(const HumanRequest& request);
[[nodiscard]] JsonObject request_json(const HumanRequest& request);

}  // namespace writ

#endif  // WRIT_LAUNCHER_APPROVALS_SHOW_H_
