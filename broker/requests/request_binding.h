// What an answer is bound to: exactly what was asked, and the object as it was then.
#ifndef WRIT_BROKER_REQUESTS_REQUEST_BINDING_H_
#define WRIT_BROKER_REQUESTS_REQUEST_BINDING_H_

#include <span>
#include <string>
#include <string_view>

#include "broker/approval/approval_question.h"

namespace writ {

// SHA-256 (32 bytes) over rights, object and every word of a command line, each with its length in front, so that no
// two requests have the same text. Nothing else of the question counts. Pure; any thread.
[[nodiscard]] std::string argument_hash(const ApprovalQuestion& question);
// The same of a resource and rights in words, and of a text.
[[nodiscard]] std::string argument_hash(std::string_view resource, std::span<const std::string> rights);
[[nodiscard]] std::string argument_hash(std::string_view text);

// Which object there is now: "DEVICE:INODE" of a directory; of a file, also of the program of a command, its time of
// change (ctime, which nobody can set) as well. Empty where there is nothing, and for addresses. Looks at the host's
// tree as the calling process sees it. Any thread.
[[nodiscard]] std::string target_version(const ApprovalObject& object);

}  // namespace writ

#endif  // WRIT_BROKER_REQUESTS_REQUEST_BINDING_H_
