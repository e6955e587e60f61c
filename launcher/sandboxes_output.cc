// `writ logs` and `writ attach`: what a detached sandbox has written, and its terminal.
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <utility>

#include "broker/base/escape.h"
#include "broker/base/strict_object.h"
#include "broker/sandbox/launch.h"
#include "launcher/message.h"
#include "launcher/sandboxes_command.h"
#include "launcher/terminal_output_filter.h"
#include "launcher/user_terminal.h"

namespace writ {
namespace {

constexpr int kNotDone = 1;
constexpr int kForEver = -1;

int refuse(const Error& error, int status) {
  print_message(error.describe());
  return status;
}

// Asks for something that comes as a descriptor. A negative status: `out` has it.
int ask_for_descriptor(DaemonClient& client, std::string_view request, JsonObject arguments, const std::string& typed,
                       DaemonAnswer& out) {
  auto answer = client.ask(request, std::move(arguments));
  if (!answer) return refuse(answer.error(), kExitWritFailed);
  if (!answer->refusal.empty()) return refuse(refusal_error(answer->refusal, typed), kNotDone);
  if (answer->descriptors.size() != 1) return refuse({"the broker's answer has no descriptor", 0, ""}, kExitWritFailed);
  out = std::move(*answer);
  return -1;
}

// Text for a person: what a tool wrote must not steer the terminal, but lines stay lines.
std::string shown(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find_first_of("\n\t"), bytes.size());
    append_escaped(text, bytes.substr(0, end), end);
    if (end < bytes.size()) text += bytes[end];
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  return text;
}

// Copies until the end. False when nobody reads us any more.
bool copy_out(int source) {
  const bool person = ::isatty(STDOUT_FILENO) == 1;
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t got = ::read(source, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    if (!write_patiently(STDOUT_FILENO, person ? shown(bytes) : bytes, kForEver)) return false;
  }
}

void say_what_is_missing(const JsonValue& value) {
  auto object = StrictObject::open(value, "answer");
  if (!object) return;
  const auto lost = object->integer("lost");
  if (lost && *lost > 0) print_message(std::to_string(*lost) + " bytes before these are not kept");
}

// The keys that leave an attached terminal, as in other tools of the kind: Ctrl-P Ctrl-Q.
class DetachKeys {
 public:
  // Passes on what is for the tool. True: the person wants to leave.
  bool take(std::string_view keys, std::string& passed) {
    for (const char key : keys) {
      if (held_ && key == kSecond) return true;
      if (std::exchange(held_, false)) passed += kFirst;
      held_ = key == kFirst;
      if (!held_) passed += key;
    }
    return false;
  }

 private:
  static constexpr char kFirst = 0x10;   // Ctrl-P
  static constexpr char kSecond = 0x11;  // Ctrl-Q
  bool held_ = false;
};

// One person at one terminal, and the socket to the sandbox's.
class Attached {
 public:
  Attached(DaemonClient client, SandboxNumber number, UniqueFd socket)
      : client_(std::move(client)),
        number_(number),
        socket_(std::move(socket)),
        terminal_(0, 1, TerminalUse::kExclusive) {}

  int run() {
    sigset_t handled;
    sigemptyset(&handled);
    for (const int signal : {SIGWINCH, SIGTERM, SIGHUP, SIGINT}) sigaddset(&handled, signal);
    ::sigprocmask(SIG_BLOCK, &handled, nullptr);
    const UniqueFd signals(::signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
    resize();
    while (!over_) step(signals.get());
    terminal_.restore();
    return 0;
  }

 private:
  void resize() {
    const auto size = terminal_.window_size();
    if (!size) return;
    // What comes of it does not matter; the answer is read so that it is not in the way.
    (void)client_.ask(
        "sandbox.resize",
        JsonObject().set("sandbox", value_of(number_)).set("rows", size->ws_row).set("columns", size->ws_col));
  }

  void step(int signals) {
    const InputState state = terminal_.refresh();
    const bool reads = state == InputState::kRaw || state == InputState::kLines;
    std::array<pollfd, 3> entries = {
        {{socket_.get(), POLLIN, 0}, {signals, POLLIN, 0}, {reads ? terminal_.input() : -1, POLLIN, 0}}};
    constexpr int kLookAgain = 200;  // milliseconds; whether the terminal is ours now (user_terminal.h)
    if (::poll(entries.data(), entries.size(), reads ? -1 : kLookAgain) < 0) return;
    if (entries[0].revents != 0) show_output();
    if (entries[1].revents != 0) take_signals(signals);
    if (entries[2].revents != 0) send_keys();
  }

  void show_output() {
    std::array<char, 16384> buffer;
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    std::string passed;
    if (got > 0) filter_.filter({buffer.data(), static_cast<std::size_t>(got)}, passed);
    if (got <= 0) filter_.finish(passed);
    over_ = !write_patiently(STDOUT_FILENO, passed, kForEver) || got <= 0;
  }

  void send_keys() {
    std::array<char, 4096> buffer;
    const ssize_t got = terminal_.read_input(buffer);
    if (got == -EAGAIN) return;
    std::string passed;
    over_ = got <= 0 || keys_.take({buffer.data(), static_cast<std::size_t>(got)}, passed);
    (void)::send(socket_.get(), passed.data(), passed.size(), MSG_NOSIGNAL);
  }

  void take_signals(int signals) {
    signalfd_siginfo information{};
    while (::read(signals, &information, sizeof information) == static_cast<ssize_t>(sizeof information)) {
      if (information.ssi_signo == SIGWINCH)
        resize();
      else
        over_ = true;
    }
  }

  DaemonClient client_;
  SandboxNumber number_;
  UniqueFd socket_;
  UserTerminal terminal_;
  TerminalOutputFilter filter_;
  DetachKeys keys_;
  bool over_ = false;
};

}  // namespace

int print_logs(const SandboxesOptions& options) {
  const std::string& typed = options.sandboxes.front();
  const auto number = parse_sandbox_number(typed);
  if (!number) return refuse(number.error(), kExitWritFailed);
  auto client = connect_to_own_broker();
  if (!client) return refuse(client.error(), kExitWritFailed);
  JsonObject arguments;
  arguments.set("sandbox", value_of(*number));
  if (!options.stream.empty()) arguments.set("stream", options.stream);
  DaemonAnswer answer;
  const std::string_view request = options.follow ? "sandbox.follow" : "sandbox.logs";
  if (const int status = ask_for_descriptor(*client, request, std::move(arguments), typed, answer); status >= 0)
    return status;
  if (!options.follow) say_what_is_missing(answer.value);
  return copy_out(answer.descriptors.front().get()) ? 0 : kNotDone;
}

int attach_sandbox(const SandboxesOptions& options) {
  const std::string& typed = options.sandboxes.front();
  const auto number = parse_sandbox_number(typed);
  if (!number) return refuse(number.error(), kExitWritFailed);
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1)
    return refuse({"attach needs a terminal", 0, "`writ logs --follow` prints the output"}, kExitWritFailed);
  auto client = connect_to_own_broker();
  if (!client) return refuse(client.error(), kExitWritFailed);
  DaemonAnswer answer;
  JsonObject arguments;
  arguments.set("sandbox", value_of(*number));
  if (const int status = ask_for_descriptor(*client, "sandbox.attach", std::move(arguments), typed, answer);
      status >= 0)
    return status;
  return Attached(std::move(*client), *number, std::move(answer.descriptors.front())).run();
}

}  // namespace writ
