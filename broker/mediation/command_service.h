// CommandService: answers the stand-ins of one sandbox: decides on a command, starts it in a sandbox of its own, and
// passes its exit status on. The commands run beside each other and beside the session that polls this.
//
// Ownership: owns the launcher and the hold on every command that runs; the ruled programs are
// borrowed. Ending it ends the commands. Threads: one. Nothing but finish() waits.
#ifndef WRIT_BROKER_MEDIATION_COMMAND_SERVICE_H_
#define WRIT_BROKER_MEDIATION_COMMAND_SERVICE_H_

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/approval/questioner.h"
#include "broker/mediation/command_launcher.h"
#include "broker/mediation/command_record.h"
#include "broker/mediation/command_request.h"
#include "broker/mediation/nested_run.h"
#include "broker/mediation/notification_loop.h"
#include "broker/mediation/remembered_commands.h"
#include "broker/sandbox/view_commands.h"

namespace writ {

// At one time; what a tool asks for beyond that is refused.
inline constexpr std::size_t kRunningCommandLimit = 64;

class CommandService final : public NotificationHandler, public AnswerTaker {
 public:
  // `loop` and `programs` are borrowed; whoever owns the loop polls it. Registers itself for kCommandCall.
  CommandService(NotificationLoop& loop, CommandLauncher launcher, const std::vector<RuledProgram>& programs,
                 NestedRunPlan plan);
  CommandService(const CommandService&) = delete;
  CommandService& operator=(const CommandService&) = delete;
  ~CommandService() override;

  void add_poll_entries(std::vector<pollfd>& entries) const;
  void handle_events(std::span<const pollfd> entries);
  // Does what is due. Call after every poll.
  void tick();
  [[nodiscard]] std::optional<std::chrono::milliseconds> poll_timeout() const;

  // Sends `signal` to the run of every command that runs.
  void signal_all(int signal) const;

  // Ends every command: SIGTERM, and after `grace` SIGKILL; waits for their ends. Call when the sandbox is dead.
  void finish(std::chrono::milliseconds grace);

  [[nodiscard]] const std::vector<CommandRecord>& records() const { return records_; }
  [[nodiscard]] std::size_t records_not_listed() const { return records_not_listed_; }

  // NotificationHandler
  std::variant<std::unique_ptr<CallCopy>, Answer> read(const Notification& call) override;
  Answer decide(std::uint64_t id, std::unique_ptr<CallCopy> copy) override;
  void abandon(std::uint64_t id) override;

  // Who asks where a rule wants that; borrowed. `sources`: Profile::sources, to say where the rule was written. Without
  // it such commands are refused.
  void set_questioner(Questioner& questioner, std::vector<std::string> sources) {
    questioner_ = &questioner;
    sources_ = std::move(sources);
  }
  void take_answer(std::uint64_t id, Approval approval, const std::string& reason) override;

  // Told of each decision before anything comes of it, also of those that the report does not list. `outcome` is kAllow
  // for a command about which somebody was asked before. False: it is refused, whatever was decided.
  using Observer = std::function<bool(const CommandRecord&, Effect outcome, const std::string& caller)>;
  void set_observer(Observer observer) { observer_ = std::move(observer); }

 private:
  using Clock = std::chrono::steady_clock;

  struct Running {
    std::uint64_t id = 0;       // of the waiting call
    std::uint64_t request = 0;  // of the launcher
    std::size_t record = 0;
    UniqueFd caller;  // pidfd; invalid once it is gone
    UniqueFd pidfd;   // invalid until the launcher has answered
    bool ending = false;
    std::optional<Clock::time_point> kill_at;
  };

  // A request that a rule speaks of. The programs and rules are borrowed.
  struct Decided {
    std::unique_ptr<CommandRequest> request;
    const RuledProgram* program = nullptr;
    CommandDecision decision;
    std::size_t record = 0;
  };

  [[nodiscard]] const RuledProgram* program_of(const CommandRequest& request) const;
  [[nodiscard]] Answer start(std::uint64_t id, Decided& decided);
  [[nodiscard]] Answer ask(std::uint64_t id, Decided decided);
  [[nodiscard]] Answer refuse(const Decided& decided, std::string_view answer) const;
  [[nodiscard]] std::size_t note(CommandRecord record);
  CommandRecord& record_of(std::size_t index);
  void handle_launcher();
  void note_started(LaunchedCommand launched);
  void note_end(Running& running);
  void answer_failure(const Running& running, const std::string& why);
  void end(Running& running);
  [[nodiscard]] bool wait_for_ends(Clock::time_point until);

  NotificationLoop& loop_;
  CommandLauncher launcher_;
  const std::vector<RuledProgram>& programs_;
  NestedRunPlan plan_;
  std::vector<Running> running_;
  std::vector<CommandRecord> records_;
  CommandRecord unlisted_;  // takes what is noted beyond the limit
  std::size_t records_not_listed_ = 0;
  Questioner* questioner_ = nullptr;
  std::vector<std::string> sources_;
  Observer observer_;                       // empty: nobody is told
  std::map<std::uint64_t, Decided> asked_;  // by the id of the waiting call
  RememberedCommands allowed_;              // by somebody, for the run
};

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_COMMAND_SERVICE_H_
