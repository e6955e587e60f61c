#include "broker/primitives/jit_primitives.h"

#include <array>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "broker/base/escape.h"
#include "broker/base/strict_object.h"
#include "broker/jit/jit_limits.h"

namespace writ {
namespace {

constexpr std::array<PrimitiveCode, 5> kProblemCodes = {PrimitiveCode::kInvalidArguments, PrimitiveCode::kLimit,
                                                        PrimitiveCode::kNotFound, PrimitiveCode::kConflict,
                                                        PrimitiveCode::kExists};

tl::unexpected<PrimitiveFailure> refuse_problem(const JitRefusal& refusal) {
  return refuse(kProblemCodes[static_cast<std::size_t>(refusal.problem)], refusal.why);
}

Result<JitTest> read_test(const JsonValue& value, const std::string& place) {
  WRIT_ASSIGN(StrictObject object, StrictObject::open(value, place));
  JitTest test;
  if (const JsonValue* arguments = object.member("arguments")) {
    const auto* members = std::get_if<JsonObject>(&arguments->storage());
    if (members == nullptr) return fail(place + ".arguments is no object");
    test.arguments = *members;
  }
  // null is a result like any other; an absent one would be a mistake that passes.
  if (object.object().find("expected") == nullptr) return fail(place + ".expected is missing");
  (void)object.member("expected");
  test.expected = *object.object().find("expected");
  WRIT_TRY(object.finish());
  return test;
}

Result<std::vector<JitTest>> read_tests(const JsonValue* value) {
  std::vector<JitTest> tests;
  if (value == nullptr) return tests;
  const auto* list = std::get_if<JsonArray>(&value->storage());
  if (list == nullptr) return fail("arguments.tests is no list");
  for (const JsonValue& element : list->elements()) {
    WRIT_ASSIGN(JitTest test, read_test(element, "arguments.tests[" + std::to_string(tests.size()) + "]"));
    tests.push_back(std::move(test));
  }
  return tests;
}

Result<JitDraft> read_draft(const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  JitDraft draft;
  WRIT_ASSIGN(draft.name, object.text("name"));
  WRIT_ASSIGN(draft.description, object.text("description"));
  WRIT_ASSIGN(const std::size_t language, object.word("language", kJitLanguageNames));
  draft.language = static_cast<JitLanguage>(language);
  WRIT_ASSIGN(draft.source, object.text("source"));
  if (const JsonValue* schema = object.member("input_schema")) draft.input_schema = *schema;
  WRIT_ASSIGN(draft.tests, read_tests(object.member("tests")));
  WRIT_ASSIGN(auto capabilities, object.optional_texts("requested_capabilities"));
  if (capabilities) draft.requested_capabilities = std::move(*capabilities);
  WRIT_TRY(object.finish());
  return draft;
}

Result<std::string> read_candidate(const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  WRIT_ASSIGN(std::string candidate, object.text("candidate"));
  WRIT_TRY(object.finish());
  return candidate;
}

// What a test may say about a run that gave no result: the tool's own words and doing, nothing about this host.
std::string problem_of(const JitRun& run) {
  if (run.ending == JitRunEnding::kFailed) return "it fails: " + escape_bytes(run.message);
  return std::string(primitive_code_name(run.failure.code)) + ": " + run.failure.detail;
}

bool ends_validation(const JitRun& run) {
  return run.ending == JitRunEnding::kRefused &&
         (run.failure.code == PrimitiveCode::kUnavailable || run.failure.code == PrimitiveCode::kCancelled);
}

PrimitiveReply reply_with(std::string_view key, std::string value) {
  return PrimitiveReply{JsonObject().set(key, std::move(value)), {}};
}

}  // namespace

PrimitiveResult jit_propose(JitContext& context, const JsonObject& arguments) {
  auto draft = read_draft(arguments);
  if (!draft) return refuse(PrimitiveCode::kInvalidArguments, draft.error().describe());
  const auto proposed = context.registry.propose(std::move(*draft));
  if (!proposed) return refuse_problem(proposed.error());
  return reply_with("candidate", (*proposed)->id);
}

PrimitiveResult jit_validate(JitContext& context, const JsonObject& arguments) {
  const auto id = read_candidate(arguments);
  if (!id) return refuse(PrimitiveCode::kInvalidArguments, id.error().describe());
  // Of a run that says nothing about the tool: the rest is not tried.
  std::optional<PrimitiveFailure> failure;
  const JitRunner runner = [&](const JitCandidate& candidate,
                               const JsonObject& test) -> tl::expected<JsonValue, std::string> {
    if (failure) return tl::unexpected<std::string>("not tried");
    JitRun run = run_jit(context.runtime, candidate, test);
    if (run.ending == JitRunEnding::kReturned) return std::move(run.value);
    if (ends_validation(run)) failure = run.failure;
    return tl::unexpected<std::string>(problem_of(run));
  };
  const auto validation = context.registry.validate(*id, runner);
  if (!validation) return refuse_problem(validation.error());
  if (failure) return tl::unexpected(std::move(*failure));
  JsonArray problems;
  for (const std::string& problem : validation->problems) problems.add(problem);
  return PrimitiveReply{JsonObject().set("valid", validation->valid).set("problems", std::move(problems)), {}};
}

PrimitiveResult jit_register(JitContext& context, const JsonObject& arguments) {
  const auto id = read_candidate(arguments);
  if (!id) return refuse(PrimitiveCode::kInvalidArguments, id.error().describe());
  const auto registered = context.registry.register_tool(*id, context.is_taken);
  if (!registered) return refuse_problem(registered.error());
  return reply_with("tool", (*registered)->draft.name);
}

PrimitiveResult call_jit_tool(JitContext& context, const std::string& tool, const JsonObject& arguments) {
  const JitCandidate* candidate = context.registry.tool(tool);
  if (candidate == nullptr) return refuse(PrimitiveCode::kUnknownName, "there is no tool of that name");
  if (const Status fits = check_jit_arguments(candidate->draft, arguments); !fits)
    return refuse(PrimitiveCode::kInvalidArguments, fits.error().describe());
  JitRun run = run_jit(context.runtime, *candidate, arguments);
  if (run.ending == JitRunEnding::kReturned) return PrimitiveReply{std::move(run.value), {}};
  if (run.ending == JitRunEnding::kFailed)
    return refuse(PrimitiveCode::kFailed, "the tool says: " + escape_bytes(run.message));
  return tl::unexpected(std::move(run.failure));
}

}  // namespace writ
