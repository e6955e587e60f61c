#include "broker/primitives/tool_session.h"

#include <unistd.h>

#include <utility>

#include "broker/authority/random_bits.h"
#include "broker/base/escape.h"

namespace writ {
namespace {

constexpr std::string_view kPrivateNamespace = "process:session";

// Who owns what a session makes: its subject, or the person.
Subject owner_of(const SessionAuthorityOptions& options) {
  if (options.subject) return *options.subject;
  return *Subject::parse("user:" + std::to_string(::getuid()));
}

// Somewhere in a range in which two sessions do not meet; JSON readers keep integers up to 2^53 exact.
std::uint64_t first_object_number() {
  constexpr std::uint64_t kMask = (std::uint64_t{1} << 52) - 1;
  return system_random_bits().low & kMask;
}

// What must be recorded and cannot be does not happen, also where it needs no authority.
constexpr const char* kUnrecorded = "it could not be recorded";

CallReport failed(PrimitiveCode code, std::string message) { return {call_failure(code, std::move(message)), 0, 0}; }

}  // namespace

ToolSession::ToolSession(ToolSessionOptions options)
    : options_(std::move(options)),
      authority_(options_.authority),
      table_(std::move(options_.table)),
      memory_(first_object_number()),
      contexts_(make_contexts()) {
  (void)memory_.open_private_namespace(std::string(kPrivateNamespace), owner_of(options_.authority));
}

PrimitiveContexts ToolSession::make_contexts() {
  const SessionAuthorityOptions& authority = options_.authority;
  const Subject owner = owner_of(authority);
  JitRuntime runtime{*options_.starter, options_.made_sandbox, {}, {}};
  runtime.dispatch = [this](const std::string& name, const JsonObject& arguments) -> PrimitiveResult {
    (void)authority_.begin_request(name);
    ++made_requests_;
    if (!authority_.is_recorded()) return refuse(PrimitiveCode::kDenied, kUnrecorded);
    return dispatch_primitive(contexts_, name, arguments);
  };
  runtime.record = [this](const std::string& name, const PrimitiveFailure& failure) {
    std::string correlation = authority_.current_request();
    ++made_refusals_;
    if (options_.on_refusal) options_.on_refusal(name, Refusal{failure, correlation});
    return correlation;
  };
  return {{authority_, options_.workspace},
          {authority_, *options_.starter, options_.command_sandbox},
          {authority_},
          {authority_, options_.store_directory, authority.capabilities, authority.subject, options_.places,
           options_.announce, options_.human_reach, -1, options_.human_time_limit},
          {authority.capabilities, owner},
          {authority_, memory_, std::string(kPrivateNamespace), owner},
          {registry_, std::move(runtime),
           [this](std::string_view name) {
             return table_.find(name) != nullptr || (options_.is_reserved && options_.is_reserved(name));
           }},
          {authority_},
          {}};
}

tl::expected<PrimitiveReply, Refusal> ToolSession::request(const std::string& name, const JsonObject& arguments) {
  std::string correlation = authority_.begin_request(name);
  PrimitiveResult result = authority_.is_recorded() ? dispatch_primitive(contexts_, name, arguments)
                                                    : PrimitiveResult(refuse(PrimitiveCode::kDenied, kUnrecorded));
  if (name == "jit.register") add_made_tools();
  if (result) return std::move(*result);
  Refusal refusal{std::move(result.error()), std::move(correlation)};
  if (options_.on_refusal) options_.on_refusal(name, refusal);
  return tl::unexpected<Refusal>(std::move(refusal));
}

// What was registered is a tool from the next call on.
void ToolSession::add_made_tools() {
  for (const JitCandidate* made : registry_.tools()) {
    if (table_.find(made->draft.name) != nullptr) continue;
    const JsonValue any = JsonObject().set("type", "object").set("additionalProperties", true);
    const bool open = std::holds_alternative<std::monostate>(made->draft.input_schema.storage());
    auto schema = JsonSchema::parse(open ? any : made->draft.input_schema);
    if (!schema) continue;  // the registry has parsed it
    (void)table_.add(MadeTool{made->draft.name, made->draft.description, std::move(*schema)});
  }
}

CallReport ToolSession::call(const std::string& tool, const JsonValue& arguments) {
  if (contexts_.exit.state != SessionExit::State::kRunning)
    return failed(PrimitiveCode::kUnavailable, "the session has ended");
  const CallableTool* callable = table_.find(tool);
  if (callable == nullptr) return failed(PrimitiveCode::kUnknownName, "there is no tool " + quote_bytes(tool));
  const auto* object = std::get_if<JsonObject>(&arguments.storage());
  if (object == nullptr) return failed(PrimitiveCode::kInvalidArguments, "the arguments are no JSON object");
  if (Status valid = callable->arguments().check(arguments); !valid)
    return failed(PrimitiveCode::kInvalidArguments, valid.error().what);
  authority_.begin_call(tool, callable->manifest());
  return callable->manifest() != nullptr ? call_native(*callable->manifest(), *object)
                                         : call_made(*callable->made(), *object);
}

CallReport ToolSession::call_native(const ToolManifest& manifest, const JsonObject& arguments) {
  auto process = options_.tools->take();
  if (!process) return failed(PrimitiveCode::kFailed, "cannot start the tool: " + process.error().error.describe());
  set_cancel_descriptor(contexts_, process->sandbox.tool.get());
  CallReport report = serve_tool_call(*process, manifest, arguments,
                                      [this](const std::string& name, const JsonObject& request_arguments) {
                                        return request(name, request_arguments);
                                      });
  set_cancel_descriptor(contexts_, -1);
  options_.tools->finish(std::move(*process));
  if (const auto* value = std::get_if<JsonValue>(&report.outcome))
    if (Status valid = manifest.result().check(*value); !valid)
      report.outcome = call_failure(PrimitiveCode::kFailed,
                                    "the tool's result is not what its manifest says: " + valid.error().what);
  return report;
}

CallReport ToolSession::call_made(const MadeTool& made, const JsonObject& arguments) {
  made_requests_ = made_refusals_ = 0;
  if (!authority_.is_recorded()) return failed(PrimitiveCode::kDenied, kUnrecorded);
  PrimitiveResult result = call_jit_tool(contexts_.jit, made.name, arguments);
  if (result) return {std::move(result->value), made_requests_, made_refusals_};
  return {call_failure(result.error().code, std::move(result.error().detail)), made_requests_, made_refusals_};
}

}  // namespace writ
