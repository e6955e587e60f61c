// The value of `--approve`: who answers. parse_approve_option() is pure; open_back_end() opens what it names.
#ifndef WRIT_BROKER_APPROVAL_APPROVE_OPTION_H_
#define WRIT_BROKER_APPROVAL_APPROVE_OPTION_H_

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

using ApprovalChoice = std::variant<AskPerson, DenyEverything, ApprovalDescriptors, ApprovalFilePath>;

// Parses "ask", "deny", "fd:N" (a stream socket), "fd:R,W" (answers are read from R, questions written to W), or the
// path of an approval file; a file whose name is one of the words is written "./ask". Errors: empty, a number that
// cannot be a descriptor, one of 0, 1 and 2, which are the tool's.
[[nodiscard]] Result<ApprovalChoice> parse_approve_option(std::string_view text);

// Makes the back end. `writable_places`: see check_approval_file_place(). Errors: those of ApprovalFile::read(),
// check_approval_file_place() and DescriptorBackEnd::create(). No terminal is no error: then every question is denied
// with kNoTerminal.
[[nodiscard]] Result<std::unique_ptr<ApprovalBackEnd>> open_back_end(const ApprovalChoice& choice,
                                                                     const TerminalBackEndOptions& options,
                                                                     std::span<const std::string> writable_places);

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_APPROVE_OPTION_H_
