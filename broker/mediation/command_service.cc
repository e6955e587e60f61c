#include "broker/mediation/command_service.h"

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "broker/base/escape.h"
#include "broker/kernel/raw_syscall.h"
#include "broker/mediation/caller.h"
#include "broker/mediation/command_answer.h"
#include "broker/policy/command_call.h"

namespace writ {
namespace {

constexpr int kSignalledBase = 128;
// Between SIGTERM and SIGKILL for a command whose caller is gone; its own run has a grace of its own before.
constexpr std::chrono::milliseconds kEndGrace{3000};

void send_signal(int pidfd, int signal) { (void)raw_syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0); }

// The exit status of a child, as a shell gives it. Nothing while it runs.
std::optional<int> reap(int pidfd) {
  siginfo_t information{};
  if (::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd), &information, WEXITED | WNOHANG) != 0)
    return kSignalledBase + SIGKILL;  // ECHILD: it cannot be waited for, so nothing is known but that it is over
  if (information.si_pid == 0) return std::nullopt;
  return information.si_code == CLD_EXITED ? information.si_status : kSignalledBase + information.si_status;
}

std::vector<std::string> capped(const std::vector<std::string>& argv) {
  std::vector<std::string> shown;
  for (const std::string& word : argv) {
    if (shown.size() == kRecordedArguments) break;
    shown.push_back(word.substr(0, kRecordedArgumentSize));
  }
  return shown;
}

std::size_t index_of(const RuledProgram& program, const CommandRule& rule) {
  return static_cast<std::size_t>(&rule - program.rules.data());
}

std::string text_of(const RuledProgram& program, const CommandDecision& decision) {
  return decision.rule == nullptr ? std::string() : program.texts[index_of(program, *decision.rule)];
}

struct Streams {
  std::array<UniqueFd, 3> held;
  Status taken;  // why not all
  [[nodiscard]] std::array<int, 3> numbers() const { return {held[0].get(), held[1].get(), held[2].get()}; }
};

Streams take_streams(int caller) {
  Streams streams;
  for (int number = 0; number < 3 && streams.taken; ++number) {
    auto stream = take_descriptor(caller, number);
    if (stream)
      streams.held[static_cast<std::size_t>(number)] = std::move(*stream);
    else
      streams.taken = tl::unexpected<Error>(std::move(stream.error()));
  }
  return streams;
}

}  // namespace

CommandService::CommandService(NotificationLoop& loop, CommandLauncher launcher,
                               const std::vector<RuledProgram>& programs, NestedRunPlan plan)
    : loop_(loop), launcher_(std::move(launcher)), programs_(programs), plan_(std::move(plan)) {
  loop_.add_handler(kCommandCall, *this);
}

CommandService::~CommandService() { finish(std::chrono::milliseconds(0)); }

std::variant<std::unique_ptr<CallCopy>, Answer> CommandService::read(const Notification& call) {
  auto request = read_command_request(call);
  if (request) return std::unique_ptr<CallCopy>(std::move(*request));
  if (request.error() == MemoryProblem::kTooLong)
    return answer_with_text(kExitCommandRefused, "the arguments of this command are longer than Writ takes");
  return Answer(AnswerErrno{errno_of(request.error())});
}

// What the caller executes is the one thing that it cannot choose freely: a stand-in, at the name of the program. A
// caller that is no stand-in (the dynamic loader running one, or a program that makes the call itself) is taken by its
// word: whatever it names, it could as well execute.
const RuledProgram* CommandService::program_of(const CommandRequest& request) const {
  for (const std::string& name : {request.executable, request.argv.front()})
    for (const RuledProgram& program : programs_)
      if (std::find(program.names.begin(), program.names.end(), name) != program.names.end()) return &program;
  return nullptr;
}

CommandRecord& CommandService::record_of(std::size_t index) {
  return index < records_.size() ? records_[index] : unlisted_;
}

namespace {

CommandRecord make_record(const CommandRequest& request, const RuledProgram& program, const CommandDecision& decision) {
  CommandRecord record;
  record.program = program.names.front();
  record.argv = capped(request.argv);
  record.arguments = request.argv.size();
  record.effect = decision.effect;
  if (decision.rule != nullptr) {
    record.rule = text_of(program, decision);
    record.origin = decision.rule->origin;
  }
  return record;
}

}  // namespace

std::size_t CommandService::note(CommandRecord record) {
  if (records_.size() >= kCommandRecordLimit) {
    ++records_not_listed_;
    return records_.size();
  }
  records_.push_back(std::move(record));
  return records_.size() - 1;
}

Answer CommandService::refuse(const Decided& decided, std::string_view answer) const {
  const std::string rule = text_of(*decided.program, decided.decision);
  return answer_with_text(kExitCommandRefused,
                          refusal_text(decided.decision, {decided.program->names.front(), rule, answer}));
}

Answer CommandService::decide(std::uint64_t id, std::unique_ptr<CallCopy> copy) {
  Decided decided;
  decided.request.reset(static_cast<CommandRequest*>(copy.release()));
  decided.program = program_of(*decided.request);
  if (decided.program == nullptr) return AnswerErrno{EPERM};
  // The program's name for the rules is the broker's: a tool may call it anything (argv[0] decides what git does).
  std::vector<std::string> argv = decided.request->argv;
  argv.front() = decided.program->names.front();
  decided.decision = decide_command(decided.program->rules, argv);
  CommandRecord record = make_record(*decided.request, *decided.program, decided.decision);
  const bool is_remembered =
      decided.decision.effect == Effect::kAsk && allowed_.has(argv.front(), std::span(argv).subspan(1));
  const Effect outcome = is_remembered ? Effect::kAllow : decided.decision.effect;
  const bool may_go_on = !observer_ || observer_(record, outcome, decided.request->executable);
  decided.record = note(std::move(record));
  if (!may_go_on) return answer_with_text(kExitCommandRefused, "it could not be recorded");
  if (decided.decision.rule == nullptr || decided.decision.effect == Effect::kDeny) return refuse(decided, {});
  if (outcome == Effect::kAsk) return ask(id, std::move(decided));
  return start(id, decided);
}

// The question is about the copied words, and it is the copy that is run, whatever the caller's memory holds by then.
Answer CommandService::ask(std::uint64_t id, Decided decided) {
  if (questioner_ == nullptr) return refuse(decided, "nobody is there to ask");
  const CommandRule& rule = *decided.decision.rule;
  QuestionDraft draft;
  draft.rights = {Right::kExecute};
  draft.object = CommandObject{decided.program->names.front(), decided.request->argv};
  draft.rule = {text_of(*decided.program, decided.decision), origin_text(rule.origin, sources_), rule.reason};
  draft.asker = {decided.request->thread, decided.request->executable, decided.request->argv};
  asked_[id] = std::move(decided);
  questioner_->ask(id, std::move(draft), *this);
  return AnswerLater{};
}

void CommandService::take_answer(std::uint64_t id, Approval approval, const std::string& reason) {
  auto asked = asked_.extract(id);
  if (asked.empty() || !loop_.caller_waits(id)) return;
  Decided& decided = asked.mapped();
  if (approval == Approval::kDenied) return loop_.answer_later(id, refuse(decided, reason));
  const std::span<const std::string> arguments = std::span(decided.request->argv).subspan(1);
  if (approval == Approval::kRun) allowed_.add(decided.program->names.front(), arguments);
  Answer answer = start(id, decided);
  if (!std::holds_alternative<AnswerLater>(answer)) loop_.answer_later(id, std::move(answer));
}

Answer CommandService::start(std::uint64_t id, Decided& decided) {
  CommandRecord& entry = record_of(decided.record);
  CommandRequest& request = *decided.request;
  entry.end = CommandEnd::kFailed;
  if (running_.size() >= kRunningCommandLimit)
    return answer_with_text(kExitCommandRefused, "too many commands run at the same time");
  const Streams streams = take_streams(request.caller.get());
  // They are the caller's only if it still waits.
  if (!streams.taken || !loop_.caller_waits(id)) {
    launcher_.discard(streams.numbers());
    return streams.taken ? AnswerErrno{ESRCH} : answer_with_text(kExitCommandRefused, streams.taken.error().describe());
  }
  const CommandRule& rule = *decided.decision.rule;
  const NestedCommand command{rule.profile, request.working_directory,
                              decided.program->launch[index_of(*decided.program, rule)]};
  const std::span<const std::string> arguments = std::span(request.argv).subspan(1);
  auto launched = launcher_.launch(nested_arguments(plan_, command, arguments), streams.numbers());
  if (!launched) return answer_with_text(kExitCommandRefused, launched.error().describe());
  entry.end = CommandEnd::kRunning;
  running_.push_back({id, *launched, decided.record, std::move(request.caller), {}, false, std::nullopt});
  return AnswerLater{};
}

void CommandService::abandon(std::uint64_t id) {
  if (const auto asked = asked_.extract(id); !asked.empty()) {
    record_of(asked.mapped().record).end = CommandEnd::kEnded;
    questioner_->withdraw(id);
  }
  for (Running& running : running_)
    if (running.id == id) end(running);
}

void CommandService::signal_all(int signal) const {
  for (const Running& running : running_)
    if (running.pidfd.valid()) send_signal(running.pidfd.get(), signal);
}

// The run ends its own sandbox in good order on SIGTERM; one that takes too long is killed, and its sandbox with it.
void CommandService::end(Running& running) {
  running.caller.reset();
  if (!running.ending) running.kill_at = Clock::now() + kEndGrace;
  running.ending = true;
  if (running.pidfd.valid()) send_signal(running.pidfd.get(), SIGTERM);
}

void CommandService::add_poll_entries(std::vector<pollfd>& entries) const {
  entries.push_back({launcher_.poll_descriptor(), POLLIN, 0});
  for (const Running& running : running_) {
    if (running.caller.valid()) entries.push_back({running.caller.get(), POLLIN, 0});
    if (running.pidfd.valid()) entries.push_back({running.pidfd.get(), POLLIN, 0});
  }
}

void CommandService::handle_events(std::span<const pollfd> entries) {
  bool caller_gone = false;
  for (const pollfd& entry : entries) {
    if (entry.fd < 0 || entry.revents == 0) continue;
    for (Running& running : running_) {
      if (running.pidfd.valid() && running.pidfd.get() == entry.fd) note_end(running);
      caller_gone = caller_gone || (running.caller.valid() && running.caller.get() == entry.fd);
    }
  }
  std::erase_if(running_, [](const Running& running) { return running.request == 0; });
  if (caller_gone) loop_.sweep();
  for (const pollfd& entry : entries)
    if (entry.fd >= 0 && entry.revents != 0 && entry.fd == launcher_.poll_descriptor()) handle_launcher();
}

void CommandService::handle_launcher() {
  while (auto launched = launcher_.receive()) note_started(std::move(*launched));
  if (launcher_.poll_descriptor() >= 0) return;
  // The launcher's process ended: what it has not started will not start.
  for (const Running& running : running_)
    if (!running.pidfd.valid()) answer_failure(running, "the launcher of commands has ended");
  std::erase_if(running_, [](const Running& running) { return !running.pidfd.valid(); });
}

void CommandService::note_started(LaunchedCommand launched) {
  const auto found = std::find_if(running_.begin(), running_.end(),
                                  [&](const Running& running) { return running.request == launched.request; });
  if (found == running_.end()) return;
  if (launched.error != 0) {
    answer_failure(*found, std::string("the command could not be started: ") + std::strerror(launched.error));
    running_.erase(found);
    return;
  }
  found->pidfd = std::move(launched.pidfd);
  if (found->ending) send_signal(found->pidfd.get(), SIGTERM);
}

void CommandService::answer_failure(const Running& running, const std::string& why) {
  record_of(running.record).end = CommandEnd::kFailed;
  loop_.answer_later(running.id, answer_with_text(kExitCommandRefused, why));
}

// Marks the entry as over (request 0) where its process has ended, and passes the status on.
void CommandService::note_end(Running& running) {
  const std::optional<int> status = reap(running.pidfd.get());
  if (!status) return;
  CommandRecord& record = record_of(running.record);
  record.end = running.ending ? CommandEnd::kEnded : CommandEnd::kFinished;
  record.exit_status = *status;
  loop_.answer_later(running.id, AnswerValue{*status & kCommandStatusMask});
  running.request = 0;
  running.pidfd.reset();
}

void CommandService::tick() {
  const auto now = Clock::now();
  for (Running& running : running_)
    if (running.kill_at && now >= *running.kill_at && running.pidfd.valid()) {
      running.kill_at.reset();
      send_signal(running.pidfd.get(), SIGKILL);
    }
}

std::optional<std::chrono::milliseconds> CommandService::poll_timeout() const {
  const bool ending = std::any_of(running_.begin(), running_.end(), [](const Running& r) { return r.ending; });
  if (ending) return std::chrono::milliseconds(100);
  return std::nullopt;
}

bool CommandService::wait_for_ends(Clock::time_point until) {
  while (!running_.empty()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    std::vector<pollfd> entries;
    add_poll_entries(entries);
    const int ready = ::poll(entries.data(), entries.size(), static_cast<int>(std::max<long long>(left, 0)));
    if (ready > 0) handle_events(entries);
    if (ready <= 0 && left <= 0) return false;
  }
  return true;
}

void CommandService::finish(std::chrono::milliseconds grace) {
  for (Running& running : running_) end(running);
  if (wait_for_ends(Clock::now() + grace)) return;
  for (const Running& running : running_)
    if (running.pidfd.valid()) send_signal(running.pidfd.get(), SIGKILL);
  // Killed processes end; the bound is for one that the kernel holds (a dead network file system).
  (void)wait_for_ends(Clock::now() + kEndGrace);
}

}  // namespace writ
