// Commands as resources: rules about a program and its arguments. Plain data and pure matching; any thread.
//
// A ruled program is not in the view: its place holds Writ's own stand-in, which asks the broker to run the command in
// a sandbox of its own. So a rule decides on arguments that were copied once, and nothing is inspected and then let go.
#ifndef WRIT_BROKER_POLICY_COMMAND_RULE_H_
#define WRIT_BROKER_POLICY_COMMAND_RULE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/policy/rule.h"

namespace writ {

enum class ArgumentMatch : std::uint8_t {
  kAny,       // whatever the arguments are
  kExact,     // these and no others
  kPrefix,    // these, then anything
  kContains,  // one of these words somewhere
};

// One place of an argument list: one of a few words.
using ArgumentAlternatives = std::vector<std::string>;

struct CommandRule {
  std::string program;  // an absolute path, or a name that is looked up in the PATH of the view
  ArgumentMatch match = ArgumentMatch::kAny;
  std::vector<ArgumentAlternatives> arguments;  // for kContains: one entry with the words
  Effect effect = Effect::kDeny;
  std::string profile;  // allow, ask: what the separate sandbox gets; empty: the profile of the run itself
  std::string reason;
  RuleOrigin origin;
  std::vector<std::vector<std::string>> examples_matching;      // `match:`, each with the program as first word
  std::vector<std::vector<std::string>> examples_not_matching;  // `not_match:`

  [[nodiscard]] std::string text() const;  // "deny git push …"
};

struct CommandDecision {
  Effect effect = Effect::kDeny;
  const CommandRule* rule = nullptr;  // nullptr: the program is ruled and no rule matches these arguments (deny)
};

// Decides `argv` (program first) over `rules`: deny > ask > allow; of rules with the deciding effect the first counts.
// The program matches by its absolute path, or by its file name when the rule has a name. A program that no rule names
// is not ruled: the caller asks is_ruled() first.
[[nodiscard]] CommandDecision decide_command(std::span<const CommandRule> rules, std::span<const std::string> argv);
[[nodiscard]] bool is_ruled(std::span<const CommandRule> rules, std::string_view program);

// Checks the examples of every rule. Error: the first example that behaves otherwise.
[[nodiscard]] Status check_examples(std::span<const CommandRule> rules);

// Splits an example or a `command` text into words at spaces, with '…' and "…" kept together; no other shell syntax.
// Errors: an open quotation mark.
[[nodiscard]] Result<std::vector<std::string>> split_words(std::string_view text);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_COMMAND_RULE_H_
