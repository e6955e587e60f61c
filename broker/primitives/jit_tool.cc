#include "broker/primitives/jit_tool.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <variant>

#include "broker/base/escape.h"
#include "broker/jit/jit_conversation.h"
#include "broker/jit/jit_stub.h"

namespace writ {
namespace {

constexpr auto kWithDescriptors = std::to_array<std::string_view>({"filesystem.open", "network.connect"});
constexpr std::string_view kOwnPrefix = "jit.";
constexpr std::size_t kShownErrorLimit = 500;

bool is_kept_from_tools(std::string_view name) {
  return name.starts_with(kOwnPrefix) ||
         std::find(kWithDescriptors.begin(), kWithDescriptors.end(), name) != kWithDescriptors.end();
}

// Answers the calls of one run, and remembers how it ended.
class JitDialogue final : public CommandConversation {
 public:
  JitDialogue(JitRuntime& runtime, const JitCandidate& candidate, const JsonObject& arguments)
      : runtime_(runtime), candidate_(candidate), arguments_(arguments), conversation_(candidate.draft.language) {}

  std::string open() override { return conversation_.start(candidate_.draft.source, arguments_); }
  void take(std::string_view bytes) override { conversation_.take(bytes); }

  ConversationStep step(std::string& written) override {
    JitEvent event = conversation_.next();
    if (const auto* call = std::get_if<JitCall>(&event)) {
      written += answer(*call);
      return ConversationStep::kWrite;
    }
    if (std::holds_alternative<JitWaiting>(event))
      return last_ ? ConversationStep::kFinished : ConversationStep::kWaiting;
    const bool is_broken = std::holds_alternative<JitBroken>(event);
    last_ = std::move(event);
    return is_broken ? ConversationStep::kBroken : ConversationStep::kFinished;
  }

  // JitReturned, JitFailed or JitBroken; nothing: it said nothing of the kind.
  [[nodiscard]] const std::optional<JitEvent>& last() const { return last_; }

 private:
  std::string answer(const JitCall& call) {
    const PrimitiveResult result = dispatch(call);
    if (!result) return refuse_call(call.name, result.error());
    if (result->value.to_text().size() > kJitReplyLimit)
      return refuse_call(call.name, {PrimitiveCode::kTooLarge, "the reply is too long for a tool made at run time"});
    return conversation_.reply(result->value);
  }

  PrimitiveResult dispatch(const JitCall& call) {
    if (is_kept_from_tools(call.name) || !runtime_.dispatch)
      return refuse(PrimitiveCode::kUnavailable, "tools made at run time have no use of " + call.name);
    return runtime_.dispatch(call.name, call.arguments);
  }

  std::string refuse_call(const std::string& name, const PrimitiveFailure& failure) {
    const std::string correlation = runtime_.record ? runtime_.record(name, failure) : std::string();
    return conversation_.refuse(primitive_code_name(failure.code), correlation);
  }

  JitRuntime& runtime_;
  const JitCandidate& candidate_;
  const JsonObject& arguments_;
  JitConversation conversation_;
  std::optional<JitEvent> last_;
};

PrimitiveFailure failure_of(const JitBroken& broken) {
  switch (broken.breach) {
    case JitBreach::kTooLong:
      return {PrimitiveCode::kTooLarge, broken.why};
    case JitBreach::kTooManyCalls:
      return {PrimitiveCode::kLimit, broken.why};
    case JitBreach::kProtocol:
      break;
  }
  return {PrimitiveCode::kFailed, "it left the protocol: " + broken.why};
}

// It ended, or was ended, before it said how it went.
PrimitiveFailure failure_of(const CommandOutcome& outcome, JitLanguage language) {
  const std::string errors = escape_bytes(outcome.errors.bytes(), kShownErrorLimit);
  if (outcome.ending == CommandEnding::kTimedOut) return {PrimitiveCode::kTimedOut, "its time is over"};
  if (outcome.ending == CommandEnding::kCancelled) return {PrimitiveCode::kCancelled, "the caller is gone"};
  if (outcome.exit_status == kStatusNotFound || outcome.exit_status == kStatusNotExecutable)
    return {PrimitiveCode::kUnavailable,
            "no interpreter for " + std::string(jit_language_name(language)) + " can be run here: " + errors};
  if (outcome.exit_status == kStatusNoSandbox)
    return {PrimitiveCode::kUnavailable, "the sandbox for it cannot be built: " + errors};
  const std::string how = outcome.signal != 0 ? "signal " + std::to_string(outcome.signal)
                                              : "status " + std::to_string(outcome.exit_status);
  return {PrimitiveCode::kFailed, "it ended with " + how + " and no result: " + errors};
}

JitRun describe(const JitDialogue& dialogue, const CommandOutcome& outcome, JitLanguage language) {
  JitRun run;
  run.printed = outcome.errors.text().text;
  const std::optional<JitEvent>& last = dialogue.last();
  if (!last || outcome.ending == CommandEnding::kCancelled) {
    run.failure = failure_of(outcome, language);
  } else if (const auto* returned = std::get_if<JitReturned>(&*last)) {
    run.ending = JitRunEnding::kReturned;
    run.value = returned->value;
  } else if (const auto* failed = std::get_if<JitFailed>(&*last)) {
    run.ending = JitRunEnding::kFailed;
    run.message = failed->message;
  } else if (const auto* broken = std::get_if<JitBroken>(&*last)) {
    run.failure = failure_of(*broken);
  }
  return run;
}

}  // namespace

JitRun run_jit(JitRuntime& runtime, const JitCandidate& candidate, const JsonObject& arguments) {
  JitDialogue dialogue(runtime, candidate, arguments);
  SandboxedCommand command;
  command.argv = jit_stub_command(candidate.draft.language);
  command.working_directory = "/";
  command.time_limit = std::clamp(runtime.time_limit, std::chrono::milliseconds(1), kJitTimeLimit);
  command.error_limit = kJitErrorLimit;
  command.conversation = &dialogue;
  command.cancel = runtime.cancel;
  CommandSandbox sandbox = runtime.sandbox;
  sandbox.profile = kJitProfile;
  const auto outcome = run_sandboxed(runtime.starter, sandbox, command);
  if (outcome) return describe(dialogue, *outcome, candidate.draft.language);
  JitRun run;
  run.failure = {PrimitiveCode::kUnavailable, outcome.error().describe()};
  return run;
}

}  // namespace writ
