#include "broker/primitives/shell_run.h"

#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include "broker/audit/audit_crypto.h"
#include "broker/base/escape.h"
#include "broker/base/hex_text.h"
#include "broker/base/strict_object.h"
#include "broker/primitives/command_risk.h"
#include "broker/primitives/workspace.h"

namespace writ {
namespace {

struct ShellRequest {
  std::vector<std::string> argv;
  std::chrono::milliseconds time_limit{30000};
  std::string working_directory = ".";
  std::size_t output_limit = kShellOutputDefault;
};

Status check_words(const std::vector<std::string>& argv) {
  std::size_t size = 0;
  for (const std::string& word : argv) {
    if (word.find('\0') != std::string::npos) return fail("arguments.argv: a word has a NUL byte");
    size += word.size() + 1;
  }
  if (argv.empty() || argv.front().empty()) return fail("arguments.argv: it names no program");
  if (argv.size() > kShellWordLimit || size > kShellTextLimit) return fail("arguments.argv: it is too long");
  return {};
}

// A number of seconds; a boolean or a text is none.
Result<std::chrono::milliseconds> read_seconds(const JsonValue& value) {
  double seconds = 0;
  if (const auto* integer = std::get_if<std::int64_t>(&value.storage()))
    seconds = static_cast<double>(*integer);
  else if (const auto* large = std::get_if<std::uint64_t>(&value.storage()))
    seconds = static_cast<double>(*large);
  else if (const auto* number = std::get_if<double>(&value.storage()))
    seconds = *number;
  if (!(seconds > 0 && seconds <= kShellTimeLimit)) return fail("arguments.timeout_s: it is not above 0 and up to 300");
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(seconds * 1000)));
}

Result<ShellRequest> read_request(const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  ShellRequest request;
  WRIT_ASSIGN(auto argv, object.optional_texts("argv"));
  request.argv = std::move(argv).value_or(std::vector<std::string>());
  WRIT_TRY(check_words(request.argv));
  if (const JsonValue* seconds = object.member("timeout_s")) {
    WRIT_ASSIGN(request.time_limit, read_seconds(*seconds));
  }
  WRIT_ASSIGN(auto directory, object.optional_text("working_directory"));
  if (directory) request.working_directory = std::move(*directory);
  WRIT_ASSIGN(const auto limit, object.optional_integer("max_output_bytes"));
  if (limit && (*limit < 1 || *limit > static_cast<std::int64_t>(kShellOutputLimit)))
    return fail("arguments.max_output_bytes: it is not from 1 to " + std::to_string(kShellOutputLimit));
  if (limit) request.output_limit = static_cast<std::size_t>(*limit);
  WRIT_TRY(object.finish());
  return request;
}

bool is_beneath(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

bool is_executable_file(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

// A program that is named without a path never comes from where a tool writes.
Attempt<std::string> find_program(const ShellContext& context, const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  std::string_view rest = context.search_path;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::string_view directory = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!directory.starts_with('/') || is_beneath(directory, context.sandbox.workspace)) continue;
    const std::string path = std::string(directory) + "/" + name;
    if (is_executable_file(path)) return path;
  }
  return refuse(PrimitiveCode::kNotFound, "there is no program " + quote_bytes(name, 200));
}

JsonValue result_of(const CommandOutcome& outcome) {
  const bool timed_out = outcome.ending == CommandEnding::kTimedOut;
  JsonObject result;
  if (timed_out)
    result.set("exit_status", kStatusTimedOut);
  else if (outcome.signal != 0)
    result.set("signal", outcome.signal);
  else
    result.set("exit_status", outcome.exit_status);
  CapturedOutput::Text output = outcome.output.text();
  CapturedOutput::Text errors = outcome.errors.text();
  result.set("stdout", std::move(output.text)).set("stderr", std::move(errors.text));
  result.set("stdout_truncated", output.truncated).set("stderr_truncated", errors.truncated);
  result.set("timed_out", timed_out).set("wall_ms", outcome.wall.count());
  return result;
}

CommandWish wish_of(const ShellRequest& request, const std::string& directory) {
  return {request.argv, directory, shell_argument_hash(request.argv, directory),
          std::chrono::ceil<std::chrono::seconds>(request.time_limit).count()};
}

// Nothing is followed here either: another directory than the one that was decided on is behind a link. The answer is
// that of a directory which does not exist, from the sandbox itself, so that nobody learns what there is.
std::string start_of(const std::string& workspace, const WorkspacePath& directory) {
  if (directory.is_workspace()) return workspace;
  if (!passes_link(workspace, directory)) return workspace + "/" + directory.text();
  std::array<std::uint8_t, 16> chance{};
  if (::getrandom(chance.data(), chance.size(), 0) < 0) chance.fill(0);
  return workspace + "/.writ-no-directory-" + hex_text(chance);
}

SandboxedCommand command_of(const ShellContext& context, const ShellRequest& request, const std::string& program,
                            const WorkspacePath& directory) {
  SandboxedCommand command;
  command.argv = request.argv;
  command.argv.front() = program;
  command.working_directory = start_of(context.sandbox.workspace, directory);
  command.time_limit = request.time_limit;
  command.output_limit = command.error_limit = request.output_limit;
  command.cancel = context.cancel;
  return command;
}

// Once the run was started, whatever becomes of it, the use is used: a command could report any failure of ours itself.
PrimitiveResult run_permitted(ShellContext& context, Permit permit, const SandboxedCommand& command) {
  WRIT_ATTEMPT([[maybe_unused]] const auto begun, permit.begin());
  const auto outcome = run_sandboxed(context.starter, context.sandbox, command);
  permit.settle(outcome ? EffectOutcome::kDone : EffectOutcome::kNotStarted);
  if (!outcome) return refuse(PrimitiveCode::kUnavailable, outcome.error().describe());
  if (outcome->ending == CommandEnding::kCancelled) return refuse(PrimitiveCode::kCancelled, "the caller is gone");
  return PrimitiveReply{result_of(*outcome), {}};
}

}  // namespace

std::string shell_argument_hash(std::span<const std::string> argv, std::string_view working_directory) {
  Sha256 hash;
  const auto add_number = [&](std::uint64_t number) {
    std::string bytes;
    for (unsigned shift = 64; shift > 0; shift -= 8) bytes += static_cast<char>(number >> (shift - 8) & 0xFFU);
    hash.update(bytes);
  };
  const auto add = [&](std::string_view bytes) {
    add_number(bytes.size());
    hash.update(bytes);
  };
  add("writ.shell.1");
  add_number(argv.size());
  for (const std::string& word : argv) add(word);
  add(working_directory);
  return hex_text(hash.finish());
}

PrimitiveResult run_shell(ShellContext& context, const JsonObject& arguments) {
  const auto request = read_request(arguments);
  if (!request) return refuse(PrimitiveCode::kInvalidArguments, request.error().describe());
  WRIT_ATTEMPT(const WorkspacePath directory,
               WorkspacePath::parse(request->working_directory, context.sandbox.workspace));
  const CommandRisk risk = classify_command(request->argv);
  if (risk.effect == Effect::kDeny) return refuse(PrimitiveCode::kDenied, std::string(risk.because));
  WRIT_ATTEMPT(Permit permit, context.authority.authorize_command(wish_of(*request, directory.text())));
  WRIT_ATTEMPT(const std::string program, find_program(context, request->argv.front()));
  return run_permitted(context, std::move(permit), command_of(context, *request, program, directory));
}

}  // namespace writ
