// What a person sees of a question. Pure; any thread. Every text of the question is escaped here, shortened, and broken
// into lines that begin with something of ours (shown_text.h).
#ifndef WRIT_BROKER_APPROVAL_QUESTION_TEXT_H_
#define WRIT_BROKER_APPROVAL_QUESTION_TEXT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "broker/approval/approval_question.h"

namespace writ {

enum class QuestionDetail : std::uint8_t { kShort, kFull };

// kAnsi: colours. Decided by prompt_colour().
enum class PromptColour : std::uint8_t { kNever, kAnsi };

// `no_color` and `term`: those variables of the environment, nullptr when they are not set. kNever when NO_COLOR is set
// to anything (https://no-color.org), and on terminals that have no control sequences.
[[nodiscard]] PromptColour prompt_colour(const char* no_color, const char* term);

struct QuestionView {
  std::size_t columns = 80;      // of the screen
  std::size_t waiting_more = 0;  // other questions
  QuestionDetail detail = QuestionDetail::kShort;
  PromptColour colour = PromptColour::kNever;
};

// The question, in lines that end in '\n'. What is decided stands last, next to the answer.
[[nodiscard]] std::string question_text(const ApprovalQuestion& question, const QuestionView& view);

// The line on which the answer is typed, without a line end. `left`: until the time-out.
[[nodiscard]] std::string answer_prompt(const ApprovalQuestion& question, std::chrono::milliseconds left);

// What is shown before `always` counts: the rule that would be written, and the line on which it is confirmed.
[[nodiscard]] std::string confirmation_text(const ApprovalQuestion& question, const QuestionView& view);

}  // namespace writ

#endif  // WRIT_BROKER_APPROVAL_QUESTION_TEXT_H_
