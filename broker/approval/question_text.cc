#include "broker/approval/question_text.h"

#include <algorithm>
#include <string_view>

#include "broker/approval/shown_text.h"

namespace writ {
namespace {

// Columns for each kind of text, in the short form and in full. The short form fits on one screen.
struct Budgets {
  std::size_t object;
  std::size_t command;
  std::size_t other;
};
constexpr Budgets kShortBudgets{640, 240, 160};
constexpr Budgets kFullBudgets{20'000, 4'000, 1'000};
constexpr std::size_t kRuleLines = 20;

const Budgets& budgets_of(QuestionDetail detail) {
  return detail == QuestionDetail::kFull ? kFullBudgets : kShortBudgets;
}

std::string bold(std::string_view text, PromptColour colour) {
  if (colour == PromptColour::kNever) return std::string(text);
  return "\x1b[1m" + std::string(text) + "\x1b[0m";
}

class Screen {
 public:
  explicit Screen(const QuestionView& view) : view_(view) {}

  void add_line(std::string_view text) { text_.append(text).append("\n"); }
  // One column stays free: a terminal that is exactly full has its own ideas about where the next line begins.
  void add(std::string_view label, std::string_view text) { add_labelled(text_, label, text, view_.columns - 1); }
  // Bytes, and a second time without letters that look like others.
  void add_bytes(std::string_view label, std::string_view bytes, std::size_t budget) {
    add(label, shown_bytes(bytes, budget));
    if (const std::string ascii = shown_ascii(bytes, budget); !ascii.empty()) add("(bytes)", ascii);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  const QuestionView& view_;
  std::string text_;
};

void add_asker(Screen& screen, const ApprovalQuestion& question, const Budgets& budgets) {
  screen.add("program", shown_bytes(question.asker.program, budgets.other) + " (process " +
                            std::to_string(question.asker.process) + ")");
  if (!question.asker.argv.empty()) screen.add("started", shown_command(question.asker.argv, budgets.command));
}

void add_rule(Screen& screen, const DecidingRule& rule, const Budgets& budgets) {
  std::string text = shown_bytes(rule.text, budgets.other);
  if (!rule.origin.empty()) text.append(" in ").append(shown_bytes(rule.origin, budgets.other));
  screen.add("rule", text);
  if (!rule.reason.empty()) screen.add("reason", shown_bytes(rule.reason, budgets.other));
}

void add_object(Screen& screen, const ApprovalQuestion& question, const Budgets& budgets) {
  if (!question.requested.empty()) screen.add("named", shown_bytes(question.requested, budgets.other));
  screen.add("wants", rights_text(question.rights));
  if (const auto* command = std::get_if<CommandObject>(&question.object)) {
    if (!command->argv.empty()) screen.add("command", shown_command(command->argv, budgets.object));
    screen.add_bytes("runs", command->program, budgets.object);
    return;
  }
  screen.add_bytes(object_kind(question.object), object_bytes(question.object), budgets.object);
}

}  // namespace

PromptColour prompt_colour(const char* no_color, const char* term) {
  const bool unwanted = no_color != nullptr && *no_color != '\0';
  const bool plain = term == nullptr || *term == '\0' || std::string_view(term) == "dumb";
  return unwanted || plain ? PromptColour::kNever : PromptColour::kAnsi;
}

std::string question_text(const ApprovalQuestion& question, const QuestionView& view) {
  const Budgets& budgets = budgets_of(view.detail);
  Screen screen(view);
  std::string head = bold("writ: a program asks for something that its policy leaves to you", view.colour);
  if (view.waiting_more > 0) head.append(" (" + std::to_string(view.waiting_more) + " more waiting)");
  screen.add_line(head);
  add_asker(screen, question, budgets);
  add_rule(screen, question.rule, budgets);
  add_object(screen, question, budgets);
  return screen.take();
}

std::string answer_prompt(const ApprovalQuestion& question, std::chrono::milliseconds left) {
  const auto seconds = std::max<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(left).count(), 0);
  return "answer " + offered_text(offered_outcomes(question)) + ", or ? (" + std::to_string(seconds) +
         " s; Enter alone denies): ";
}

std::string confirmation_text(const ApprovalQuestion& question, const QuestionView& view) {
  const Budgets& budgets = budgets_of(view.detail);
  Screen screen(view);
  screen.add_line(bold("This rule will be written, and holds for later runs as well:", view.colour));
  std::string_view rest = question.always_rule;
  for (std::size_t line = 0; line < kRuleLines && !rest.empty(); ++line) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const bool is_last = line + 1 == kRuleLines;
    screen.add("rule", shown_bytes(is_last ? rest : rest.substr(0, end), budgets.object));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return screen.take() + "write \"yes\" to confirm, Enter to go back: ";
}

}  // namespace writ
