#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>

#include "broker/base/escape.h"
#include "broker/base/json_escape.h"
#include "broker/sandbox/launch.h"
#include "launcher/message.h"
#include "launcher/tool_actions.h"
#include "launcher/tool_host.h"
#include "launcher/tool_lines.h"

namespace writ {
namespace {

constexpr int kExitRefused = 1;
constexpr std::size_t kArgumentsLimit = std::size_t{2} << 20;
constexpr std::size_t kReadyTools = 2;

int fail_with(const Error& error) {
  print_message(error.describe());
  return kExitWritFailed;
}

int exit_status_of(const CallFailure& failure) {
  if (failure.code == primitive_code_name(PrimitiveCode::kTimedOut)) return kExitTimedOut;
  return failure.code == primitive_code_name(PrimitiveCode::kUnknownName) ? kExitUnknownTool : kExitRefused;
}

Result<std::string> read_all(std::istream& stream, std::string_view what) {
  std::string text;
  std::array<char, 65536> part;
  while (stream.read(part.data(), part.size()) || stream.gcount() > 0) {
    text.append(part.data(), static_cast<std::size_t>(stream.gcount()));
    if (text.size() > kArgumentsLimit) return fail("the arguments in " + quote_bytes(what) + " are longer than 2 MiB");
  }
  if (stream.bad()) return fail("cannot read " + quote_bytes(what));
  return text;
}

Result<std::string> arguments_text(const ToolOptions& options) {
  if (options.arguments_file.empty()) return options.arguments.empty() ? "{}" : options.arguments;
  if (options.arguments_file == "-") return read_all(std::cin, "standard input");
  std::ifstream file(options.arguments_file, std::ios::binary);
  if (!file) return fail_errno(errno, "cannot open " + quote_bytes(options.arguments_file));
  return read_all(file, options.arguments_file);
}

JsonObject failure_json(const CallFailure& failure) {
  JsonObject object;
  object.set("ok", false).set("code", failure.code).set("message", failure.message);
  return object;
}

// A terminal would obey control characters, and show text in another order than it is in.
std::string output_text(const JsonValue& value, unsigned indentation) {
  std::string text = value.to_text(indentation) + "\n";
  return ::isatty(STDOUT_FILENO) == 1 ? escape_json_text(text) : text;
}

int print_report(const ToolOptions& options, const CallReport& report) {
  const auto* failure = std::get_if<CallFailure>(&report.outcome);
  const int status = failure == nullptr ? 0 : exit_status_of(*failure);
  if (options.format == OutputFormat::kJson) {
    JsonObject object = failure == nullptr
                            ? JsonObject().set("ok", true).set("value", std::get<JsonValue>(report.outcome))
                            : failure_json(*failure);
    object.set("requests", report.requests).set("refusals", report.refusals);
    return print_result(output_text(JsonValue(std::move(object)), 2), status);
  }
  if (failure == nullptr) return print_result(output_text(std::get<JsonValue>(report.outcome), 2), 0);
  print_message(options.words.front() + ": " + failure->code +
                (failure->message.empty() ? "" : ": " + escape_bytes(failure->message)));
  return status;
}

// The answer to one line; `id` is whatever the caller wrote.
JsonObject answer_line(ToolHost& host, const std::string& line) {
  const auto asked = read_tool_line(line);
  if (!asked) {
    JsonObject answer = failure_json(call_failure(PrimitiveCode::kInvalidArguments, asked.error().describe()));
    return JsonObject(answer.set("id", id_of_line(line)));
  }
  JsonObject answer;
  answer.set("id", asked->id);
  if (asked->tools) return JsonObject(answer.set("ok", true).set("value", host.session().table().model_schemas()));
  const CallReport report = host.session().call(asked->tool, asked->arguments);
  if (const auto* value = std::get_if<JsonValue>(&report.outcome))
    return JsonObject(answer.set("ok", true).set("value", *value));
  const auto& failure = std::get<CallFailure>(report.outcome);
  return JsonObject(answer.set("ok", false).set("code", failure.code).set("message", failure.message));
}

// Makes tools ready as long as no line is there. What fails may pass (no process, no descriptor left on the host), and
// nobody waits for it: the next call tries again, and says so where it fails too.
void use_the_time(ToolHost& host, const ToolLines& lines) {
  while (!lines.is_waiting())
    if (const auto more = host.idle(kReadyTools); !more || !*more) return;
}

Result<int> serve_lines(ToolHost& host) {
  ToolLines lines(STDIN_FILENO);
  for (;;) {
    use_the_time(host, lines);
    WRIT_ASSIGN(const std::optional<std::string> line, lines.next());
    if (!line) return 0;
    if (line->find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string text = output_text(JsonValue(answer_line(host, *line)), 0);
    if (!write_patiently(STDOUT_FILENO, text, -1)) return fail_errno(errno, "cannot write to standard output");
  }
}

// What a tool says about the session itself (process.exit).
int with_session_exit(const SessionExit& exit, int status) {
  if (exit.state != SessionExit::State::kFailed) return status;
  print_message("the session failed" + (exit.message.empty() ? std::string() : ": " + escape_bytes(exit.message)));
  return status == 0 ? kExitRefused : status;
}

int finish(ToolHost& host, int status) {
  status = with_session_exit(host.session().exit(), status);
  if (const Status finished = host.finish(status); !finished) return fail_with(finished.error());
  return status;
}

}  // namespace

int run_tool_call(const ToolOptions& options, const CeilingFile& ceiling) {
  const auto text = arguments_text(options);
  if (!text) return fail_with(text.error());
  const auto arguments = parse_json(*text);
  if (!arguments) return fail_with({"the arguments are no JSON: " + arguments.error().what, 0, ""});
  auto host = ToolHost::create(options, ceiling);
  if (!host) return fail_with(host.error());
  const int status = print_report(options, (*host)->session().call(options.words.front(), *arguments));
  return finish(**host, status);
}

int run_tool_serve(const ToolOptions& options, const CeilingFile& ceiling) {
  auto host = ToolHost::create(options, ceiling);
  if (!host) return fail_with(host.error());
  const auto served = serve_lines(**host);
  if (!served) print_message(served.error().describe());
  return finish(**host, served ? *served : kExitWritFailed);
}

}  // namespace writ
