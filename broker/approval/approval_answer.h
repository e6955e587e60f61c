// ApprovalAnswer: how a question ended, and why. Plain data; pure; any thread.
#ifndef WRIT_BROKER_APPROVAL_APPROVAL_ANSWER_H_
#define WRIT_BROKER_APPROVAL_APPROVAL_ANSWER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace writ {

// Names one question for the time of a run. Chosen by who asks (the id of the notification that waits will do); never
// used twice with one back end.
struct QuestionId {
  std::uint64_t value = 0;
  [[nodiscard]] friend bool operator==(QuestionId, QuestionId) = default;
  [[nodiscard]] friend bool operator<(QuestionId a, QuestionId b) { return a.value < b.value; }
};

enum class ApprovalOutcome : std::uint8_t {
  kDeny,         // the call fails
  kAllowOnce,    // this call
  kAllowRun,     // this and later calls of the run
  kAllowAlways,  // the rule that the question shows is written
};
inline constexpr std::size_t kOutcomeCount = 4;

// The words that people and programs answer with.
inline constexpr std::array<std::string_view, kOutcomeCount> kOutcomeNames = {"deny", "once", "run", "always"};
[[nodiscard]] constexpr std::string_view outcome_name(ApprovalOutcome outcome) {
  return kOutcomeNames[static_cast<std::size_t>(outcome)];
}
[[nodiscard]] std::optional<ApprovalOutcome> outcome_from_name(std::string_view name);

enum class ApprovalCause : std::uint8_t {
  kPerson,       // somebody typed it
  kFile,         // an approval file, or nothing in it, decided
  kDescriptor,   // the program at the other end of fd:N, also by closing it
  kPolicyDeny,   // nobody is to be asked (--approve=deny)
  kNoTerminal,   // there is nobody to ask
  kTimedOut,     // nobody answered in time
  kRateLimited,  // too many questions, or denied too often; nobody was asked
  kCancelled,    // the caller withdrew the question
  kAskerGone,    // the process whose call waited is gone
  kCapability,   // a capability of the run's subject
  kCommand,      // the program of command:PATH, also by failing
  kQueue,        // the human queue gave no answer that counts
};
inline constexpr std::array<std::string_view, 12> kCauseNames = {
    "person",       "file",      "descriptor", "policy_deny", "no_terminal", "timed_out",
    "rate_limited", "cancelled", "asker_gone", "capability",  "command",     "queue"};
[[nodiscard]] constexpr std::string_view cause_name(ApprovalCause cause) {
  return kCauseNames[static_cast<std::size_t>(cause)];
}

struct ApprovalAnswer {
  ApprovalOutcome outcome = ApprovalOutcome::kDeny;
  ApprovalCause cause = ApprovalCause::kCancelled;
  std::string text;  // one sentence for the report and the tool, escaped; may be empty
};

struct AnsweredQuestion {
  QuestionId id;
  ApprovalAnswer answer;
};

[[nodiscard]] inline ApprovalAnswer denial(ApprovalCause cause, std::string text) {
  return {ApprovalOutcome::kDeny, cause, std::move(text)};
}

// Some of the outcomes; kDeny is always among them.
class OutcomeSet {
 public:
  constexpr OutcomeSet() = default;
  constexpr OutcomeSet(std::initializer_list<ApprovalOutcome> outcomes) {
    for (const ApprovalOutcome outcome : outcomes) bits_ |= bit(outcome);
  }
  [[nodiscard]] constexpr bool has(ApprovalOutcome outcome) const { return (bits_ & bit(outcome)) != 0; }
  [[nodiscard]] constexpr OutcomeSet without(ApprovalOutcome outcome) const {
    OutcomeSet rest = *this;
    if (outcome != ApprovalOutcome::kDeny) rest.bits_ &= ~bit(outcome);
    return rest;
  }
  [[nodiscard]] friend constexpr bool operator==(OutcomeSet, OutcomeSet) = default;

 private:
  static constexpr unsigned bit(ApprovalOutcome outcome) { return 1U << static_cast<unsigned>(outcome); }
  unsigned bits_ = bit(ApprovalOutcome::kDeny);
};

// "once, run, deny" in the order in which they are offered.
[[nodiscard]] std::string offered_text(OutcomeSet outcomes);

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_APPROVAL_ANSWER_H_
