// ApprovalFile: answers written down beforehand, for runs without anybody to ask (`--approve=FILE`).
//
//   version: 1
//   approvals:
//     - {effect: run, rights: [read], path: /srv/data/*}
//     - {effect: once, rights: [connect], address: 192.0.2.1:443}
//     - {effect: deny, program: git, prefix: [push, --force]}
//     - {effect: once, program: git, prefix: [push]}
//
// The effects may also be written as named policies: always_allow (run), always_deny (deny), allow_once (once); and
// ask_each_time, which leaves the question to a person where there is one, and denies where there is none.
//
// The first entry that matches answers; nothing matches: deny. An entry that allows must speak of every right that is
// asked for; one that denies, of any. As strict as a profile: unknown keys, wrong types and everything that
// yaml_document refuses are errors with file:line:column.
//
// Immutable; any thread. parse() and decide() are pure.
#ifndef WRIT_BROKER_APPROVAL_APPROVAL_FILE_H_
#define WRIT_BROKER_APPROVAL_APPROVAL_FILE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "broker/approval/approval_answer.h"
#include "broker/approval/approval_question.h"
#include "broker/base/error.h"
#include "broker/policy/command_rule.h"
#include "broker/policy/rule.h"

namespace writ {

// One entry. The effect `always` does not exist here: the file itself is what holds for later runs.
struct ApprovalEntry {
  ApprovalOutcome outcome = ApprovalOutcome::kDeny;
  Rights rights;  // of a path or address
  std::variant<PathPattern, AddressPattern, CommandRule> pattern;
  std::uint32_t line = 0;
  std::string reason;  // may be empty
  bool asks = false;   // ask_each_time: a person answers, whatever later entries say; matches as a denial does
};

class ApprovalFile {
 public:
  // `display_name`: how messages and answers call the file; any bytes.
  [[nodiscard]] static Result<ApprovalFile> parse(std::string_view display_name, std::string_view text);

  // Reads the file at `path` once; what is written to it later counts for later runs. Errors: those of parse(), a file
  // that cannot be opened, is not regular, that everybody may write, or that has a second name somewhere (a hard link
  // may lie where the tool can write).
  [[nodiscard]] static Result<ApprovalFile> read(const std::string& path);

  // What an entry answers to `question`; nothing when none speaks of it, or a person is to be asked.
  [[nodiscard]] std::optional<ApprovalAnswer> find(const ApprovalQuestion& question) const;

  // The answer to `question`: that of find(), or deny. `run` where only `once` is offered gives `once`.
  [[nodiscard]] ApprovalAnswer decide(const ApprovalQuestion& question) const;

  [[nodiscard]] std::span<const ApprovalEntry> entries() const { return entries_; }

 private:
  [[nodiscard]] const ApprovalEntry* find_entry(const ApprovalQuestion& question) const;
  ApprovalFile(std::string name, std::vector<ApprovalEntry> entries)
      : name_(std::move(name)), entries_(std::move(entries)) {}

  std::string name_;  // escaped
  std::vector<ApprovalEntry> entries_;
};

// Fails when the file at `path`, after following links, lies in one of `writable_places` (host paths of trees that the
// tool can write, links followed as well): the tool would answer its own questions in the next run. Also fails when a
// place or the file cannot be resolved.
[[nodiscard]] Status check_approval_file_place(const std::string& path, std::span<const std::string> writable_places);

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_APPROVAL_FILE_H_
