// The value of `--approve`: who answers. parse_approve_option() is pure; open_back_end() opens what it names.
#ifndef WRIT_BROKER_APPROVAL_APPROVE_OPTION_H_
#define WRIT_BROKER_APPROVAL_APPROVE_OPTION_H_

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "broker/approval/approval_back_end.h"
#include "broker/approval/descriptor_back_end.h"
#include "broker/approval/terminal_back_end.h"
#include "broker/base/error.h"

namespace writ {

struct AskPerson {};       // "ask": the terminal; without one, deny
struct DenyEverything {};  // "deny"
struct ApprovalFilePath {
  std::string path;
};
struct AskQueue {  // "queue": whoever looks at the human queue, from any terminal of the person's
  std::chrono::milliseconds time_out{600'000};
};
struct ApprovalProgram {
  std::string path;  // has a slash
};

using ApprovalChoice =
    std::variant<AskPerson, DenyEverything, AskQueue, ApprovalDescriptors, ApprovalProgram, ApprovalFilePath>;

// Parses "ask", "deny", "fd:N" (a stream socket), "fd:R,W" (answers are read from R, questions written to W),
// "command:PATH" (a program that is started for each question), "queue" or "queue:DURATION" (how long a question waits
// there), or the path of an approval file; a file whose name is
// one of the words is written "./ask". Errors: empty, a number that cannot be a descriptor, one of 0, 1 and 2, which
// are the tool's, a program that is named without a slash, a duration that is none or none at all.
[[nodiscard]] Result<ApprovalChoice> parse_approve_option(std::string_view text);

// Opens the human queue; the folder that keeps it lies above this one.
using QueueOpener = std::function<Result<std::unique_ptr<ApprovalBackEnd>>(const AskQueue&)>;

// Makes the back end. `open_queue` is called for AskQueue; where it is empty, that is an error. `writable_places`: see
// check_approval_file_place(). Errors: those of ApprovalFile::read(), check_approval_file_place(),
// find_answering_program() and DescriptorBackEnd::create(). No terminal is no error: then every question is denied with
// kNoTerminal.
[[nodiscard]] Result<std::unique_ptr<ApprovalBackEnd>> open_back_end(const ApprovalChoice& choice,
                                                                     const TerminalBackEndOptions& options,
                                                                     std::span<const std::string> writable_places,
                                                                     const QueueOpener& open_queue = {});

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_APPROVE_OPTION_H_
