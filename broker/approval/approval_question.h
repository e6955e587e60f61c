// ApprovalQuestion: what a person or a program is asked when a rule says `ask`. Plain data; pure; any thread.
//
// The question is about the *resolved* object, the one that the answer will be about, not about the string that the
// tool passed. All texts that come from a tool are raw bytes here: whoever shows them escapes them (question_text.h).
#ifndef WRIT_BROKER_APPROVAL_APPROVAL_QUESTION_H_
#define WRIT_BROKER_APPROVAL_APPROVAL_QUESTION_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "broker/approval/approval_answer.h"
#include "broker/policy/rights.h"
#include "broker/policy/rule.h"

namespace writ {

struct PathObject {
  std::string path;  // absolute, links resolved
};

struct CommandObject {
  std::string program;            // absolute path of what would be executed
  std::vector<std::string> argv;  // argv[0] included, as the tool gave it
};

using ApprovalObject = std::variant<PathObject, Address, CommandObject>;

// The object in words, raw: the path, "192.0.2.1:443", or the program.
[[nodiscard]] std::string object_bytes(const ApprovalObject& object);

// "path", "address" or "command".
[[nodiscard]] std::string_view object_kind(const ApprovalObject& object);

// The rule that said `ask`.
struct DecidingRule {
  std::string text;    // "ask read /srv/data/*"
  std::string origin;  // "FILE:LINE"; empty: not from a file
  std::string reason;  // as the profile gives it; may be empty
};

// Whose call waits.
struct Asker {
  pid_t process = 0;  // as the host counts
  std::string program;
  std::vector<std::string> argv;
};

struct ApprovalQuestion {
  QuestionId id;
  Rights rights;
  ApprovalObject object;
  std::string requested;  // what the tool passed, where it differs from the object; else empty
  DecidingRule rule;
  Asker asker;
  // Which answers the caller can carry out; deny always is. `always` is offered only where `always_rule` is not empty.
  OutcomeSet possible;
  std::string always_rule;  // exactly what would be written for `always`
};

// What may be answered to `question`.
[[nodiscard]] OutcomeSet offered_outcomes(const ApprovalQuestion& question);

// True when one answer for the whole run answers both: the same rights, object and offered answers.
[[nodiscard]] bool asks_the_same(const ApprovalQuestion& a, const ApprovalQuestion& b);

// A number for the object, for counting; equal objects have equal numbers. A tool can make two objects collide, which
// only makes it be asked about less.
[[nodiscard]] std::uint64_t object_number(const ApprovalObject& object);

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_APPROVAL_QUESTION_H_
