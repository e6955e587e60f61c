#include "broker/mediation/nested_run.h"

#include <charconv>

namespace writ {
namespace {

template <class Number>
bool take_number(std::string_view& text, Number& number) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take_colon(std::string_view& text) {
  if (!text.starts_with(':')) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string Nesting::text() const {
  return std::to_string(depth) + ":" + std::to_string(workspace_device) + ":" + std::to_string(workspace_inode) + ":" +
         std::to_string(supervisor);
}

Result<Nesting> Nesting::parse(std::string_view text) {
  Nesting nesting;
  const bool complete = take_number(text, nesting.depth) && take_colon(text) &&
                        take_number(text, nesting.workspace_device) && take_colon(text) &&
                        take_number(text, nesting.workspace_inode) && take_colon(text) &&
                        take_number(text, nesting.supervisor) && text.empty();
  if (!complete || nesting.depth == 0) return fail("--nested: Writ itself uses this option for commands under a rule");
  if (nesting.depth > kNestingLimit)
    return fail("commands are nested more than " + std::to_string(kNestingLimit) + " deep",
                "a rule's profile leads to the same rule again");
  return nesting;
}

std::vector<std::string> nested_arguments(const NestedRunPlan& plan, const NestedCommand& command,
                                          std::span<const std::string> arguments) {
  // "--option=value" in one word: a value that begins with a dash, or is "--", stays a value.
  std::vector<std::string> words = {"writ",
                                    "run",
                                    "--profile=" + (command.profile.empty() ? plan.profile : command.profile),
                                    "--workspace=" + plan.workspace,
                                    "--chdir=" + command.working_directory,
                                    "--nested=" + plan.nesting.text()};
  words.insert(words.end(), plan.inherited.begin(), plan.inherited.end());
  words.emplace_back("--");
  words.push_back(command.program);
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

}  // namespace writ
