// Daemon: the sandboxes of one person, and the clients that ask for them. Requests are those of docs/broker.md.
//
// A sandbox is either launched in this process (warm_runs.h) or by a `writ run` of its own, which is a child of this
// process and dies with it. What clients hold: a sandbox in the foreground ends with the connection that asked for it.
//
// Ownership: owns connections, sandboxes and their output; borrows loop, store, launcher and warm runs, which must
// outlive it; the warm runs may end before it, after finish(). Destroying it ends everything at once. Threads: one.
#ifndef WRIT_BROKER_DAEMON_DAEMON_H_
#define WRIT_BROKER_DAEMON_DAEMON_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/base/error.h"
#include "broker/daemon/daemon_connection.h"
#include "broker/daemon/daemon_place.h"
#include "broker/daemon/daemon_requests.h"
#include "broker/daemon/detached_output.h"
#include "broker/daemon/event_loop.h"
#include "broker/daemon/sandbox_record.h"
#include "broker/daemon/sandbox_store.h"
#include "broker/daemon/warm_runs.h"
#include "broker/mediation/command_launcher.h"

namespace writ {

struct DaemonOptions {
  uid_t uid = 0;                                     // whose clients are served
  std::size_t sandboxes = 4096;                      // at the same time
  std::size_t connections = 4096;                    // at the same time
  std::size_t kept = 1000;                           // of those that are over, for `ps --all` and `logs`
  std::chrono::milliseconds store_every{250};        // how long a sandbox may live without being in the store
  std::chrono::milliseconds grace{5000};             // between SIGTERM and SIGKILL at the daemon's own end
  std::function<void(const std::string&)> announce;  // lines for the daemon's own log; escaped
};

// What clients get when a sandbox was launched or has ended.
[[nodiscard]] JsonObject ended_json(const SandboxRecord& record, const std::string& message);

class Daemon final : public DaemonService, public WarmListener {
 public:
  Daemon(EventLoop& loop, SandboxStore& store, CommandLauncher& launcher, DaemonOptions options);
  ~Daemon() override;

  // Once, before start(). Borrowed.
  void set_warm_runs(WarmRuns& warm) { warm_ = &warm; }
  // Begins to serve `socket` (borrowed). Error: the kernel's.
  [[nodiscard]] Status start(DaemonSocket& socket);

  // Between waits: what is due. Returns for how long at most to wait.
  [[nodiscard]] std::optional<std::chrono::milliseconds> tick();

  // SIGCHLD came: a supervised run may have stopped.
  void on_child();
  // Ends all sandboxes: asks, and kills after the grace. No new ones are launched.
  void stop();
  // The last call: the store knows how everything ended.
  void finish();
  [[nodiscard]] bool is_idle() const { return alive_ == 0; }
  [[nodiscard]] std::size_t alive() const { return alive_; }

  // DaemonService
  void request(DaemonConnection& from, std::uint64_t id, NamedArguments request,
               std::vector<UniqueFd> descriptors) override;
  void closed(DaemonConnection& connection) override;
  // WarmListener
  void warm_started(SandboxNumber number, pid_t init) override;
  void warm_changed(SandboxNumber number, SandboxState state) override;
  void warm_ended(SandboxNumber number, SandboxEnd end) override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiter {
    DaemonConnection* connection;
    std::uint64_t id;
  };
  struct Sandbox {
    SandboxRecord record;
    UniqueFd pidfd;                     // of the supervised run
    DaemonConnection* owner = nullptr;  // of one in the foreground
    std::vector<Waiter> waiters;        // for its end
    std::optional<Waiter> launch;       // of a detached one: for its beginning
    std::unique_ptr<DetachedOutput> output;
    bool will_be_killed = false;  // was killed, or kills_ has it
    std::string message;          // how it ended, for the person
    bool stored = false;
  };
  // A launch that the launcher's process had no room for, or has not answered yet.
  struct Launching {
    SandboxNumber number;
    LaunchForm form;
    std::array<UniqueFd, 3> streams;
  };

  using Handler = void (Daemon::*)(DaemonConnection&, std::uint64_t, const JsonObject&, std::vector<UniqueFd>&);
  struct Route {
    std::string_view name;
    Handler handler;
  };
  static const Route kRoutes[];

  void launch(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments,
              std::vector<UniqueFd>& descriptors);
  void wait(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments, std::vector<UniqueFd>& descriptors);
  void list(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments, std::vector<UniqueFd>& descriptors);
  void inspect(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments,
               std::vector<UniqueFd>& descriptors);
  void signal(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments,
              std::vector<UniqueFd>& descriptors);
  void kill(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments, std::vector<UniqueFd>& descriptors);
  void pause(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments, std::vector<UniqueFd>& descriptors);
  void resume(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments,
              std::vector<UniqueFd>& descriptors);
  void logs(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments, std::vector<UniqueFd>& descriptors);
  void follow(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments,
              std::vector<UniqueFd>& descriptors);
  void attach(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments,
              std::vector<UniqueFd>& descriptors);
  void resize(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments,
              std::vector<UniqueFd>& descriptors);
  void status(DaemonConnection& from, std::uint64_t id, const JsonObject& arguments,
              std::vector<UniqueFd>& descriptors);

  void accept_clients();
  [[nodiscard]] Result<Sandbox*> add_sandbox(DaemonConnection& from, const LaunchWish& wish);
  [[nodiscard]] Status start_sandbox(Sandbox& sandbox, LaunchForm form, std::array<UniqueFd, 3> streams);
  void start_supervised();
  void receive_started();
  void supervised_started(SandboxNumber number, LaunchedCommand launched);
  void supervised_changed(SandboxNumber number);
  static void answer_launch(Sandbox& sandbox);
  void end_sandbox(Sandbox& sandbox, SandboxEnd end);
  void ask_to_end(Sandbox& sandbox, std::chrono::milliseconds grace);
  void kill_now(Sandbox& sandbox);
  void send_signal(Sandbox& sandbox, int signal);
  void note_concern(const DaemonConnection& connection, SandboxNumber number);
  void kill_those_due();
  void forget_oldest();
  void write_store(bool all);
  [[nodiscard]] Status prepare_output(Sandbox& sandbox, const std::optional<winsize>& terminal);
  static void reply_with(DaemonConnection& to, std::uint64_t id, const SandboxRecord& record, Result<UniqueFd> socket);
  [[nodiscard]] static JsonObject inspect_json(const Sandbox& sandbox);
  void resume_sandbox(Sandbox& sandbox);
  // The named sandbox; without a name, the one that this connection launched. Answers the request itself where there is
  // none.
  [[nodiscard]] Sandbox* find(DaemonConnection& from, std::uint64_t id, std::optional<SandboxNumber> number);
  [[nodiscard]] Sandbox* find(SandboxNumber number);
  void announce(const std::string& line) const;

  EventLoop& loop_;
  SandboxStore& store_;
  CommandLauncher& launcher_;
  DaemonOptions options_;
  WarmRuns* warm_ = nullptr;
  DaemonSocket* socket_ = nullptr;
  std::vector<std::unique_ptr<DaemonConnection>> connections_;
  bool connections_closed_ = false;  // some are to be destroyed
  std::map<SandboxNumber, Sandbox> sandboxes_;
  std::deque<Launching> queued_;
  std::map<std::uint64_t, Launching> asked_;  // by the launcher's number
  std::deque<SandboxNumber> over_;            // oldest first
  std::vector<SandboxNumber> unstored_;
  std::optional<Clock::time_point> store_at_;
  std::set<SandboxNumber> supervised_;                                                // those that run
  std::multimap<Clock::time_point, SandboxNumber> kills_;                             // what ask_to_end() gave a grace
  std::unordered_map<const DaemonConnection*, std::vector<SandboxNumber>> concerns_;  // which sandboxes name it
  std::size_t alive_ = 0;
  bool stopping_ = false;
  bool full_ = false;  // no more connections are taken for the moment
};

}  // namespace writ

#endif  // WRIT_BROKER_DAEMON_DAEMON_H_
