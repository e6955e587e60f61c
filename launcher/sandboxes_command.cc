#include "launcher/sandboxes_command.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "broker/base/escape.h"
#include "broker/base/strict_object.h"
#include "broker/daemon/daemon_place.h"
#include "broker/daemon/daemon_requests.h"
#include "broker/policy/profile_values.h"
#include "broker/requests/request_store.h"
#include "broker/sandbox/launch.h"
#include "launcher/message.h"
#include "launcher/person.h"

namespace writ {
namespace {

constexpr int kNotDone = 1;

int refuse(const Error& error, int status = kNotDone) {
  print_message(error.describe());
  return status;
}

std::string age_text(std::int64_t milliseconds) {
  const std::int64_t seconds = std::max<std::int64_t>(milliseconds, 0) / 1000;
  if (seconds < 60) return std::to_string(seconds).append("s");
  if (seconds < 3600) return std::to_string(seconds / 60).append("m");
  if (seconds < 86400) return std::to_string(seconds / 3600).append("h");
  return std::to_string(seconds / 86400).append("d");
}

std::string state_text(const SandboxRecord& record) {
  std::string text(state_name(record.state));
  if (record.state == SandboxState::kEnded) text.append(" ").append(std::to_string(record.exit_status));
  return text;
}

Result<std::vector<SandboxRecord>> read_list(const JsonValue& value) {
  WRIT_ASSIGN(StrictObject object, StrictObject::open(value, "answer"));
  const JsonValue* list = object.member("sandboxes");
  const auto* array = list == nullptr ? nullptr : std::get_if<JsonArray>(&list->storage());
  if (array == nullptr) return fail("the broker's answer is no list");
  std::vector<SandboxRecord> records;
  for (const JsonValue& element : array->elements()) {
    WRIT_ASSIGN(SandboxRecord record, read_sandbox_json(element));
    records.push_back(std::move(record));
  }
  return records;
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text.append("  ");
}

std::string table(const std::vector<SandboxRecord>& records) {
  std::string text = padded("SANDBOX", 7) + padded("STATE", 9) + padded("AGE", 4) + padded("PROFILE", 10) + "COMMAND\n";
  const std::int64_t now = wall_clock_ms();
  for (const SandboxRecord& record : records) {
    text += padded(std::to_string(value_of(record.number)), 7) + padded(state_text(record), 9);
    text += padded(age_text(now - record.started_ms), 4) + padded(record.profile, 10) + record.command + "\n";
  }
  return text;
}

// Asks the same about each sandbox; says what could not be done.
int ask_about_each(const SandboxesOptions& options, std::string_view request,
                   void (*add)(const SandboxesOptions&, JsonObject&),
                   int (*done)(const SandboxesOptions&, const JsonValue&)) {
  auto client = connect_to_own_broker();
  if (!client) return refuse(client.error(), kExitWritFailed);
  int status = 0;
  for (const std::string& typed : options.sandboxes) {
    const auto number = parse_sandbox_number(typed);
    if (!number) return refuse(number.error(), kExitWritFailed);
    JsonObject arguments;
    arguments.set("sandbox", value_of(*number));
    if (add != nullptr) add(options, arguments);
    auto answer = client->ask(request, std::move(arguments));
    if (!answer) return refuse(answer.error(), kExitWritFailed);
    if (!answer->refusal.empty()) {
      status = refuse(refusal_error(answer->refusal, typed));
      continue;
    }
    if (done != nullptr) status = std::max(status, done(options, answer->value));
  }
  return status;
}

std::optional<int> signal_number(std::string name) {
  int number = 0;
  const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (problem == std::errc() && *end == '\0')
    return number >= 1 && number <= SIGRTMAX ? std::optional(number) : std::nullopt;
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (int signal = 1; signal < SIGRTMIN; ++signal) {
    const char* known = ::sigabbrev_np(signal);
    if (known != nullptr && name == known) return signal;
  }
  return std::nullopt;
}

}  // namespace

std::string own_broker_path() {
  if (const char* path = std::getenv("WRIT_BROKER_SOCKET"); path != nullptr && path[0] == '/') return path;
  const auto person = identify_person(::geteuid(), ::getegid());
  return daemon_socket_path(::geteuid(), std::getenv("XDG_RUNTIME_DIR"), person ? person->state_home : "/nonexistent");
}

Result<DaemonClient> connect_to_own_broker() {
  WRIT_ASSIGN(UniqueFd socket, connect_to_daemon(own_broker_path(), ::geteuid()));
  return DaemonClient::open(std::move(socket));
}

Result<SandboxNumber> parse_sandbox_number(const std::string& typed) {
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(typed.data(), typed.data() + typed.size(), number);
  if (problem != std::errc() || *end != '\0' || number < 1)
    return fail(quote_bytes(typed) + " is no number of a sandbox", "`writ ps` lists them");
  return SandboxNumber{number};
}

Error refusal_error(const std::string& code, const std::string& number) {
  const std::string name = "sandbox " + escape_bytes(number);
  if (code == "not_found") return {"there is no " + name, 0, "`writ ps --all` lists them"};
  if (code == "conflict") return {name + " is in no state for that", 0, "somebody is attached, or it is over"};
  if (code == "wrong_kind")
    return {name + " has no such output", 0, "it was not started with --detach, or has no terminal (--terminal)"};
  if (code == "unavailable") return {"the broker is about to end", 0, ""};
  if (code == "limit") return {"the broker has no room for more", 0, ""};
  return {"the broker refused: " + escape_bytes(code), 0, ""};
}

int list_sandboxes(const SandboxesOptions& options) {
  auto client = connect_to_own_broker();
  if (!client) return refuse(client.error(), kExitWritFailed);
  auto answer = client->ask("sandbox.list", JsonObject().set("all", options.all));
  if (!answer) return refuse(answer.error(), kExitWritFailed);
  if (!answer->refusal.empty()) return refuse(refusal_error(answer->refusal, ""), kExitWritFailed);
  if (options.format == OutputFormat::kJson) return print_result(answer->value.to_text(2) + "\n", 0);
  const auto records = read_list(answer->value);
  if (!records) return refuse(records.error(), kExitWritFailed);
  return print_result(table(*records), 0);
}

int inspect_sandboxes(const SandboxesOptions& options) {
  return ask_about_each(options, "sandbox.inspect", nullptr, [](const SandboxesOptions&, const JsonValue& value) {
    return print_result(value.to_text(2) + "\n", 0);
  });
}

int pause_sandboxes(const SandboxesOptions& options) {
  return ask_about_each(options, "sandbox.pause", nullptr, nullptr);
}

int resume_sandboxes(const SandboxesOptions& options) {
  return ask_about_each(options, "sandbox.resume", nullptr, nullptr);
}

int kill_sandboxes(const SandboxesOptions& options) {
  if (!options.grace.empty()) {
    if (const auto grace = parse_duration(options.grace); !grace) return refuse(grace.error(), kExitWritFailed);
  }
  if (options.signal.empty())
    return ask_about_each(
        options, "sandbox.kill",
        [](const SandboxesOptions& wanted, JsonObject& arguments) {
          const auto grace = parse_duration(wanted.grace);
          if (grace) arguments.set("grace_ms", grace->count());
        },
        nullptr);
  if (!signal_number(options.signal))
    return refuse({"there is no signal " + quote_bytes(options.signal), 0, "`kill -l` lists them"}, kExitWritFailed);
  return ask_about_each(
      options, "sandbox.signal",
      [](const SandboxesOptions& wanted, JsonObject& arguments) {
        arguments.set("signal", signal_number(wanted.signal).value_or(0));
      },
      nullptr);
}

}  // namespace writ
