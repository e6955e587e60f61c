#include "broker/jit/jit_registry.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "broker/jit/jit_limits.h"
#include "broker/tool/json_equality.h"

namespace writ {
namespace {

tl::unexpected<JitRefusal> refuse_jit(JitProblem problem, std::string why) {
  return tl::unexpected<JitRefusal>(JitRefusal{problem, std::move(why)});
}

tl::unexpected<JitRefusal> unknown_candidate() {
  return refuse_jit(JitProblem::kUnknown, "there is no such candidate in this session");
}

// What is wrong with one test; nothing when it passes.
std::optional<std::string> run_test(const JitCandidate& candidate, const JitTest& test, const JitRunner& run) {
  if (const Status fits = check_jit_arguments(candidate.draft, test.arguments); !fits) return fits.error().describe();
  const auto result = run(candidate, test.arguments);
  if (!result) return result.error();
  if (!same_json(*result, test.expected)) return "the result is not the expected one";
  return std::nullopt;
}

}  // namespace

JitResult<const JitCandidate*> JitRegistry::propose(JitDraft draft) {
  if (const Status checked = check_jit_draft(draft); !checked)
    return refuse_jit(JitProblem::kInvalid, checked.error().describe());
  if (entries_.size() >= kJitCandidateLimit)
    return refuse_jit(JitProblem::kTooMany,
                      "a session proposes at most " + std::to_string(kJitCandidateLimit) + " tools");
  entries_.push_back({{"jitc_" + std::to_string(entries_.size() + 1), std::move(draft)}});
  return &entries_.back().candidate;
}

JitRegistry::Entry* JitRegistry::entry(std::string_view id) {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.candidate.id == id; });
  return found == entries_.end() ? nullptr : &*found;
}

JitResult<JitValidation> JitRegistry::validate(std::string_view id, const JitRunner& run) {
  Entry* found = entry(id);
  if (found == nullptr) return unknown_candidate();
  found->validation = Validation::kNone;
  JitValidation validation;
  const std::vector<JitTest>& tests = found->candidate.draft.tests;
  if (tests.empty()) validation.problems.emplace_back("it has no test, so nothing shows that it works");
  for (std::size_t i = 0; i < tests.size(); ++i)
    if (const auto problem = run_test(found->candidate, tests[i], run))
      validation.problems.push_back("test " + std::to_string(i + 1) + ": " + *problem);
  validation.valid = validation.problems.empty();
  if (validation.valid) found->validation = Validation::kPassed;
  return validation;
}

JitResult<const JitCandidate*> JitRegistry::register_tool(std::string_view id,
                                                          const std::function<bool(std::string_view)>& is_taken) {
  const Entry* found = entry(id);
  if (found == nullptr) return unknown_candidate();
  if (found->validation != Validation::kPassed)
    return refuse_jit(JitProblem::kNotValidated, "only a candidate whose tests have passed can be registered");
  const std::string& name = found->candidate.draft.name;
  if (tool(name) != nullptr || !is_taken || is_taken(name))
    return refuse_jit(JitProblem::kTaken, "there is a tool of that name, and none is ever replaced");
  tools_.push_back(&found->candidate);
  return &found->candidate;
}

const JitCandidate* JitRegistry::candidate(std::string_view id) const {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.candidate.id == id; });
  return found == entries_.end() ? nullptr : &found->candidate;
}

const JitCandidate* JitRegistry::tool(std::string_view name) const {
  const auto found =
      std::find_if(tools_.begin(), tools_.end(), [&](const JitCandidate* t) { return t->draft.name == name; });
  return found == tools_.end() ? nullptr : *found;
}

std::vector<const JitCandidate*> JitRegistry::tools() const { return tools_; }

}  // namespace writ
