// The requests of clients, one function each; docs/broker.md describes them.
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "broker/daemon/daemon.h"

namespace writ {
namespace {

constexpr std::string_view kInvalid = "invalid_arguments";
constexpr std::string_view kNotFound = "not_found";
constexpr std::string_view kUnavailable = "unavailable";
constexpr std::int64_t kListLimit = 1000;
constexpr int kWritFailed = 125;

std::string_view code_of(const Error& error) {
  switch (error.system_errno) {
    case ENODATA:
    case ENOTTY:
      return "wrong_kind";
    case EBUSY:
      return "conflict";
    case EAGAIN:
      return "limit";
    default:
      return "failed";
  }
}

}  // namespace

// What is asked, and who answers. A client is the person: there is nothing here that it may not ask.
const Daemon::Route Daemon::kRoutes[] = {
    {"sandbox.launch", &Daemon::launch},   {"sandbox.wait", &Daemon::wait},     {"sandbox.list", &Daemon::list},
    {"sandbox.inspect", &Daemon::inspect}, {"sandbox.signal", &Daemon::signal}, {"sandbox.kill", &Daemon::kill},
    {"sandbox.pause", &Daemon::pause},     {"sandbox.resume", &Daemon::resume}, {"sandbox.logs", &Daemon::logs},
    {"sandbox.follow", &Daemon::follow},   {"sandbox.attach", &Daemon::attach}, {"sandbox.resize", &Daemon::resize},
    {"broker.status", &Daemon::status},
};

void Daemon::request(DaemonConnection& from, std::uint64_t id, NamedArguments request,
                     std::vector<UniqueFd> descriptors) {
  for (const Route& route : kRoutes) {
    if (route.name != request.name) continue;
    if (!descriptors.empty() && route.handler != &Daemon::launch) return from.refuse(id, kInvalid);
    return (this->*route.handler)(from, id, request.arguments, descriptors);
  }
  from.refuse(id, "unknown_name");
}

Daemon::Sandbox* Daemon::find(SandboxNumber number) {
  const auto found = sandboxes_.find(number);
  return found == sandboxes_.end() ? nullptr : &found->second;
}

Daemon::Sandbox* Daemon::find(DaemonConnection& from, std::uint64_t id, std::optional<SandboxNumber> number) {
  const auto concerns = concerns_.find(&from);
  if (!number && concerns != concerns_.end()) number = concerns->second.front();
  Sandbox* sandbox = number ? find(*number) : nullptr;
  if (sandbox == nullptr) from.refuse(id, kNotFound);
  return sandbox;
}

JsonObject ended_json(const SandboxRecord& record, const std::string& message) {
  return JsonObject().set("sandbox", sandbox_json(record)).set("message", message);
}

void Daemon::answer_launch(Sandbox& sandbox) {
  const auto waiter = std::exchange(sandbox.launch, std::nullopt);
  if (waiter) waiter->connection->reply(waiter->id, ended_json(sandbox.record, sandbox.message));
}

void Daemon::launch(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments,
                    std::vector<UniqueFd>& descriptors) {
  auto wish = read_launch(arguments);
  if (!wish || descriptors.size() != launch_descriptors(wish->attendance)) return from.refuse(id, kInvalid);
  if (stopping_) return from.refuse(id, kUnavailable);
  auto added = add_sandbox(from, *wish);
  if (!added) return from.refuse(id, "limit");
  Sandbox& sandbox = **added;
  LaunchForm form{std::move(wish->words), std::move(wish->environment), std::move(descriptors.front()),
                  std::move(wish->directory)};
  if (warm_ != nullptr) warm_->describe(form, sandbox.record);
  std::array<UniqueFd, 3> streams;
  for (std::size_t i = 1; i < descriptors.size(); ++i) streams[i - 1] = std::move(descriptors[i]);
  // Who stays hears of the end, who goes of the beginning.
  if (sandbox.owner != nullptr)
    sandbox.waiters.push_back({&from, id});
  else
    sandbox.launch = Waiter{&from, id};
  Status started = prepare_output(sandbox, wish->terminal);
  // What is not there when this daemon is killed cannot be said to have been lost.
  if (started && wish->attendance == Attendance::kDetached) write_store(true);
  if (started) started = start_sandbox(sandbox, std::move(form), std::move(streams));
  if (!started) end_sandbox(sandbox, {kWritFailed, started.error().describe(), started.error().describe()});
}

Status Daemon::prepare_output(Sandbox& sandbox, const std::optional<winsize>& terminal) {
  if (sandbox.record.attendance == Attendance::kForeground) return {};
  auto made = terminal ? DetachedOutput::with_terminal(loop_, *terminal) : DetachedOutput::with_pipes(loop_);
  if (!made) return tl::unexpected<Error>(std::move(made.error()));
  sandbox.output = std::move(*made);
  return {};
}

void Daemon::wait(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments, std::vector<UniqueFd>&) {
  const auto number = read_sandbox_number(arguments);
  if (!number) return from.refuse(id, kInvalid);
  Sandbox* sandbox = find(from, id, *number);
  if (sandbox == nullptr) return;
  if (is_over(sandbox->record.state)) return from.reply(id, ended_json(sandbox->record, sandbox->message));
  sandbox->waiters.push_back({&from, id});
  note_concern(from, *number);
}

void Daemon::list(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments, std::vector<UniqueFd>&) {
  const auto all = read_list(arguments);
  if (!all) return from.refuse(id, kInvalid);
  JsonArray sandboxes;
  std::int64_t left = kListLimit;
  for (auto entry = sandboxes_.rbegin(); entry != sandboxes_.rend() && left > 0; ++entry) {
    if (!*all && is_over(entry->second.record.state)) continue;
    sandboxes.add(sandbox_json(entry->second.record));
    --left;
  }
  if (*all) {
    auto stored = store_.latest(kListLimit);
    if (!stored) return from.refuse(id, "failed");
    for (const SandboxRecord& record : *stored)
      if (left-- > 0 && find(record.number) == nullptr) sandboxes.add(sandbox_json(record));
  }
  from.reply(id, JsonObject().set("sandboxes", std::move(sandboxes)));
}

void Daemon::inspect(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments, std::vector<UniqueFd>&) {
  const auto number = read_sandbox_number(arguments);
  if (!number) return from.refuse(id, kInvalid);
  if (Sandbox* sandbox = find(*number)) return from.reply(id, inspect_json(*sandbox));
  auto stored = store_.latest(kListLimit);
  if (!stored) return from.refuse(id, "failed");
  for (const SandboxRecord& record : *stored)
    if (record.number == *number) return from.reply(id, JsonObject().set("sandbox", sandbox_json(record)));
  from.refuse(id, kNotFound);
}

JsonObject Daemon::inspect_json(const Sandbox& sandbox) {
  JsonObject object;
  object.set("sandbox", sandbox_json(sandbox.record));
  if (!sandbox.output) return object;
  JsonObject output;
  for (const OutputStream stream : {OutputStream::kOutput, OutputStream::kError}) {
    const OutputRing* ring = sandbox.output->ring_of(stream);
    if (ring == nullptr) continue;
    output.set(kOutputStreamNames[static_cast<std::size_t>(stream)],
               JsonObject().set("written", ring->end()).set("lost", ring->first()));
  }
  return object.set("output", std::move(output));
}

void Daemon::signal(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments, std::vector<UniqueFd>&) {
  const auto wish = read_signal(arguments);
  if (!wish) return from.refuse(id, kInvalid);
  Sandbox* sandbox = find(from, id, wish->number);
  if (sandbox == nullptr) return;
  if (wish->signal == SIGKILL) kill_now(*sandbox);
  // Stopping is what sandbox.pause is for: a stopped broker of a sandbox would answer nobody.
  if (wish->signal == SIGSTOP) return from.refuse(id, kInvalid);
  if (wish->signal != SIGKILL) send_signal(*sandbox, wish->signal);
  from.reply(id, JsonObject());
}

void Daemon::kill(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments, std::vector<UniqueFd>&) {
  const auto wish = read_kill(arguments);
  if (!wish) return from.refuse(id, kInvalid);
  Sandbox* sandbox = find(from, id, wish->number);
  if (sandbox == nullptr) return;
  if (is_over(sandbox->record.state)) return from.reply(id, ended_json(sandbox->record, sandbox->message));
  ask_to_end(*sandbox, std::chrono::milliseconds(wish->grace_ms));
  sandbox->waiters.push_back({&from, id});  // answered when it is dead
  note_concern(from, wish->number);
}

void Daemon::pause(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments, std::vector<UniqueFd>&) {
  const auto number = read_own_or_named(arguments);
  if (!number) return from.refuse(id, kInvalid);
  Sandbox* sandbox = find(from, id, *number);
  if (sandbox == nullptr) return;
  if (sandbox->record.state == SandboxState::kStarting || is_over(sandbox->record.state))
    return from.refuse(id, "conflict");
  if (sandbox->record.way == SandboxWay::kWarm) {
    warm_->pause(sandbox->record.number);
  } else {
    send_signal(*sandbox, SIGTSTP);  // pauses the sandbox, then itself (docs/lifecycle.md)
  }
  from.reply(id, JsonObject());
}

void Daemon::resume(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments, std::vector<UniqueFd>&) {
  const auto number = read_own_or_named(arguments);
  if (!number) return from.refuse(id, kInvalid);
  Sandbox* sandbox = find(from, id, *number);
  if (sandbox == nullptr) return;
  if (is_over(sandbox->record.state)) return from.refuse(id, "conflict");
  resume_sandbox(*sandbox);
  from.reply(id, JsonObject());
}

void Daemon::logs(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments, std::vector<UniqueFd>&) {
  const auto wish = read_log(arguments);
  if (!wish) return from.refuse(id, kInvalid);
  Sandbox* sandbox = find(from, id, wish->number);
  if (sandbox == nullptr) return;
  if (!sandbox->output) return from.refuse(id, "wrong_kind");
  auto kept = sandbox->output->kept(wish->stream);
  if (!kept) return from.refuse(id, code_of(kept.error()));
  std::vector<UniqueFd> memory;
  memory.push_back(std::move(kept->memory));
  from.reply(id, JsonObject().set("written", kept->written).set("lost", kept->lost), std::move(memory));
}

void Daemon::reply_with(DaemonConnection& to, std::uint64_t id, const SandboxRecord& record, Result<UniqueFd> socket) {
  if (!socket) return to.refuse(id, code_of(socket.error()));
  std::vector<UniqueFd> sent;
  sent.push_back(std::move(*socket));
  to.reply(id, JsonObject().set("sandbox", sandbox_json(record)), std::move(sent));
}

void Daemon::follow(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments, std::vector<UniqueFd>&) {
  const auto wish = read_log(arguments);
  if (!wish) return from.refuse(id, kInvalid);
  Sandbox* sandbox = find(from, id, wish->number);
  if (sandbox == nullptr) return;
  if (!sandbox->output) return from.refuse(id, "wrong_kind");
  reply_with(from, id, sandbox->record, sandbox->output->follow(wish->stream));
}

void Daemon::attach(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments, std::vector<UniqueFd>&) {
  const auto number = read_sandbox_number(arguments);
  if (!number) return from.refuse(id, kInvalid);
  Sandbox* sandbox = find(from, id, *number);
  if (sandbox == nullptr) return;
  if (!sandbox->output) return from.refuse(id, "wrong_kind");
  reply_with(from, id, sandbox->record, sandbox->output->attach());
}

void Daemon::resize(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments, std::vector<UniqueFd>&) {
  const auto wish = read_resize(arguments);
  if (!wish) return from.refuse(id, kInvalid);
  Sandbox* sandbox = find(from, id, wish->number);
  if (sandbox == nullptr) return;
  if (!sandbox->output) return from.refuse(id, "wrong_kind");
  if (const Status done = sandbox->output->resize(wish->size); !done) return from.refuse(id, code_of(done.error()));
  send_signal(*sandbox, SIGWINCH);  // `writ run` has no terminal of its own that would tell it
  from.reply(id, JsonObject());
}

void Daemon::status(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments, std::vector<UniqueFd>&) {
  if (!arguments.members().empty()) return from.refuse(id, kInvalid);
  from.reply(id, JsonObject()
                     .set("pid", ::getpid())
                     .set("alive", alive_)
                     .set("connections", connections_.size())
                     .set("stopping", stopping_));
}

}  // namespace writ
