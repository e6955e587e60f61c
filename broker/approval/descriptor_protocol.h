// The lines of `--approve=fd:N`: one JSON object each way per line. docs/approvals.md describes the protocol for those
// who write the other end. Pure; any thread.
#ifndef WRIT_BROKER_APPROVAL_DESCRIPTOR_PROTOCOL_H_
#define WRIT_BROKER_APPROVAL_DESCRIPTOR_PROTOCOL_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/approval/approval_question.h"

namespace writ {

inline constexpr int kApprovalProtocolVersion = 1;
inline constexpr std::size_t kAnswerLineLimit = 4096;   // bytes, without the line end
inline constexpr std::size_t kAskedArguments = 128;     // words of a command line that a question lists
inline constexpr std::size_t kAskedArgumentSize = 512;  // bytes of each
inline constexpr std::size_t kAskedTextSize = 4096;     // bytes of every other text (PATH_MAX)
inline constexpr std::size_t kAskedRuleSize = 16384;    // bytes of a rule to be written, in which a path is escaped

// Lines that we send, each with its line end.
[[nodiscard]] std::string question_line(const ApprovalQuestion& question, std::chrono::milliseconds time_out);
[[nodiscard]] std::string withdrawal_line(QuestionId id, const ApprovalAnswer& answer);
[[nodiscard]] std::string error_line(std::string_view message);

// One line that came back. Whatever is wrong with it is in `fault`, and then nothing is granted by it.
struct AnswerMessage {
  std::optional<QuestionId> id;  // empty: nobody can say which question was meant
  std::optional<ApprovalOutcome> outcome;
  std::string reason;  // escaped; may be empty
  std::string fault;   // escaped; empty: id and outcome are there
};

// Reads {"id": "…", "answer": "…", "reason": "…"}; reason may be left out. Faults: not JSON, another shape, a key or an
// answer that does not exist.
[[nodiscard]] AnswerMessage parse_answer(std::string_view line);

// Bytes as they come → lines. Bounded: of a line that is too long only that is kept.
class LineAssembler {
 public:
  struct Line {
    std::string text;  // without the line end
    bool too_long = false;
  };

  // Takes bytes, and returns the lines that they complete.
  [[nodiscard]] std::vector<Line> feed(std::string_view bytes);

 private:
  std::string begun_;
  bool too_long_ = false;
};

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_DESCRIPTOR_PROTOCOL_H_
