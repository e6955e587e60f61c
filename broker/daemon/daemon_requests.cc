#include "broker/daemon/daemon_requests.h"

#include <algorithm>
#include <csignal>
#include <span>
#include <utility>

#include "broker/base/escape.h"
#include "broker/base/hex_text.h"
#include "broker/base/strict_object.h"

namespace writ {
namespace {

constexpr std::int64_t kGraceLimit = 600'000;
constexpr unsigned short kTerminalSideLimit = 10'000;

Result<std::vector<std::string>> read_list_of_bytes(StrictObject& object, std::string_view key, std::size_t limit) {
  const JsonValue* value = object.member(key);
  const JsonArray* array = value == nullptr ? nullptr : std::get_if<JsonArray>(&value->storage());
  if (array == nullptr || array->elements().size() > limit) return fail(object.place_of(key) + " is no list");
  std::vector<std::string> texts;
  texts.reserve(array->elements().size());
  for (const JsonValue& element : array->elements()) {
    WRIT_ASSIGN(std::string text, read_bytes_json(element));
    if (text.find('\0') != std::string::npos) return fail(object.place_of(key) + " has a NUL");
    texts.push_back(std::move(text));
  }
  return texts;
}

JsonArray list_of_bytes(const std::vector<std::string>& texts) {
  JsonArray array;
  for (const std::string& text : texts) array.add(bytes_json(text));
  return array;
}

Result<winsize> read_size(StrictObject& object) {
  WRIT_ASSIGN(const std::int64_t rows, object.integer("rows"));
  WRIT_ASSIGN(const std::int64_t columns, object.integer("columns"));
  if (rows < 1 || columns < 1 || rows > kTerminalSideLimit || columns > kTerminalSideLimit)
    return fail("a terminal of that size is none");
  winsize size{};
  size.ws_row = static_cast<unsigned short>(rows);
  size.ws_col = static_cast<unsigned short>(columns);
  return size;
}

Result<SandboxNumber> read_number(StrictObject& object) {
  WRIT_ASSIGN(const std::int64_t number, object.integer("sandbox"));
  return SandboxNumber{number};
}

Result<std::optional<SandboxNumber>> read_optional_number(StrictObject& object) {
  WRIT_ASSIGN(const std::optional<std::int64_t> number, object.optional_integer("sandbox"));
  return number ? std::optional(SandboxNumber{*number}) : std::nullopt;
}

}  // namespace

JsonValue bytes_json(const std::string& bytes) {
  if (is_valid_utf8(bytes)) return bytes;
  return JsonObject().set("hex", hex_text({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}));
}

Result<std::string> read_bytes_json(const JsonValue& value) {
  if (const auto* text = std::get_if<std::string>(&value.storage())) return *text;
  WRIT_ASSIGN(StrictObject object, StrictObject::open(value, "bytes"));
  WRIT_ASSIGN(const std::string digits, object.text("hex"));
  WRIT_TRY(object.finish());
  std::string bytes(digits.size() / 2, '\0');
  if (!read_hex(digits, {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()}))
    return fail("bytes.hex is no hexadecimal text");
  return bytes;
}

JsonObject launch_arguments(const LaunchWish& wish) {
  JsonObject arguments;
  arguments.set("words", list_of_bytes(wish.words)).set("environment", list_of_bytes(wish.environment));
  arguments.set("directory", bytes_json(wish.directory));
  arguments.set("detached", wish.attendance == Attendance::kDetached);
  if (wish.terminal)
    arguments.set("terminal", JsonObject().set("rows", wish.terminal->ws_row).set("columns", wish.terminal->ws_col));
  return arguments;
}

Result<LaunchWish> read_launch(const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  LaunchWish wish;
  WRIT_ASSIGN(wish.words, read_list_of_bytes(object, "words", kLaunchWordLimit));
  WRIT_ASSIGN(wish.environment, read_list_of_bytes(object, "environment", kLaunchVariableLimit));
  if (wish.words.empty() || (wish.words.front() != "run" && wish.words.front() != "tool"))
    return fail("arguments.words names neither 'run' nor 'tool'");
  const JsonValue* directory = object.member("directory");
  if (directory == nullptr) return fail("arguments.directory is missing");
  WRIT_ASSIGN(wish.directory, read_bytes_json(*directory));
  WRIT_ASSIGN(const std::optional<bool> detached, object.optional_flag("detached"));
  wish.attendance = detached.value_or(false) ? Attendance::kDetached : Attendance::kForeground;
  if (const JsonValue* terminal = object.member("terminal")) {
    WRIT_ASSIGN(StrictObject size, StrictObject::open(*terminal, "arguments.terminal"));
    WRIT_ASSIGN(wish.terminal, read_size(size));
    WRIT_TRY(size.finish());
  }
  WRIT_TRY(object.finish());
  if (wish.terminal && wish.attendance == Attendance::kForeground)
    return fail("arguments.terminal is for detached sandboxes");
  return wish;
}

Result<SandboxNumber> read_sandbox_number(const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  WRIT_ASSIGN(const SandboxNumber number, read_number(object));
  WRIT_TRY(object.finish());
  return number;
}

Result<std::optional<SandboxNumber>> read_own_or_named(const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  WRIT_ASSIGN(const std::optional<SandboxNumber> number, read_optional_number(object));
  WRIT_TRY(object.finish());
  return number;
}

Result<SignalWish> read_signal(const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  WRIT_ASSIGN(const std::optional<SandboxNumber> number, read_optional_number(object));
  WRIT_ASSIGN(const std::int64_t signal, object.integer("signal"));
  WRIT_TRY(object.finish());
  if (signal < 1 || signal > SIGRTMAX) return fail("arguments.signal is no signal");
  return SignalWish{number, static_cast<int>(signal)};
}

Result<KillWish> read_kill(const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  KillWish wish{};
  WRIT_ASSIGN(wish.number, read_number(object));
  WRIT_ASSIGN(const std::optional<std::int64_t> grace, object.optional_integer("grace_ms"));
  WRIT_TRY(object.finish());
  if (grace) wish.grace_ms = *grace;
  if (wish.grace_ms > kGraceLimit) return fail("arguments.grace_ms is more than ten minutes");
  return wish;
}

Result<LogWish> read_log(const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  LogWish wish{};
  WRIT_ASSIGN(wish.number, read_number(object));
  WRIT_ASSIGN(const std::optional<std::size_t> stream, object.optional_word("stream", kOutputStreamNames));
  WRIT_TRY(object.finish());
  if (stream) wish.stream = static_cast<OutputStream>(*stream);
  return wish;
}

Result<ResizeWish> read_resize(const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  ResizeWish wish{};
  WRIT_ASSIGN(wish.number, read_number(object));
  WRIT_ASSIGN(wish.size, read_size(object));
  WRIT_TRY(object.finish());
  return wish;
}

Result<bool> read_list(const JsonObject& arguments) {
  StrictObject object = StrictObject::of(arguments, "arguments");
  WRIT_ASSIGN(const std::optional<bool> all, object.optional_flag("all"));
  WRIT_TRY(object.finish());
  return all.value_or(false);
}

}  // namespace writ
