// WarmLaunches: many short launches of one recipe, driven by one event loop. For the daemon.
//
// The recipe (profile, workspace, identity) is turned into a template once: its view, its Landlock ruleset, its plan. A
// small process of its own, forked from the spawner, sits in that view and makes each sandbox by one clone: the kernel
// copies and locks the mounts, and the new init adds what may not be shared (/tmp, the home, /dev/shm, /proc). Every
// sandbox is used once. Network namespaces are used again, but only those in which nothing at all has happened
// (pristine_network.h).
//
// How it is used:
//
//   auto warm = WarmLaunches::create(broker, spawner, recipe, {});
//   auto id = (*warm)->launch(WarmTool{argv, environment, descriptors});   // never blocks
//   … poll (*warm)->poll_descriptor() for POLLIN, then
//   for (WarmEvent& event : (*warm)->handle_events()) …                    // never blocks
//   … and while nobody waits: (*warm)->prepare();                          // never blocks
//
// For each launch() that returned an id there is exactly one of these sequences of events:
//   kStarted, any number of others, kExited      the program was executed, and everything in its sandbox is dead
//   kFailed                                        nothing was executed; `error` says why, as `writ run` would
// After kExited or kFailed the id means nothing any more, and every function ignores it.
//
// What a launch needs of the host is looked at again at each launch (view_witness.h). When it has changed, the
// sandboxes that are ready are thrown away and a new template is made. Running ones keep the view with which they were
// started. That one launch() then takes some milliseconds.
//
// Which recipes: those for which nothing waits for the broker while the tool runs, whose view can be had and locked,
// and on hosts that allow every namespace. create() refuses the others; they are for `writ run`. There is no terminal.
//
// Ownership: owns all sandboxes, and ends them when destroyed (which waits for their end). Borrows broker and spawner.
// Threads: one at a time. Fork: all descriptors are close-on-exec. SIGCHLD may be blocked, ignored by default (but not
// SIG_IGN), or read through a signalfd; nobody else may wait for children that are not their own: no waitpid(-1).
#ifndef WRIT_BROKER_SANDBOX_WARM_LAUNCHES_H_
#define WRIT_BROKER_SANDBOX_WARM_LAUNCHES_H_

#include <sys/resource.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/sandbox/launch.h"
#include "broker/sandbox/sandbox_pool.h"
#include "broker/sandbox/spawner.h"

namespace writ {

// One launch of a WarmLaunches. Never 0, never given twice.
enum class LaunchId : std::uint64_t {};

struct WarmDescriptor {
  int number;       // in the tool
  UniqueFd source;  // the tool gets a copy; ours is closed once it was sent
};

// What shall run. The tool has exactly these descriptors; 0, 1 and 2 must be among them.
struct WarmTool {
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // "NAME=value"
  std::vector<WarmDescriptor> descriptors;
};

enum class WarmEventKind : std::uint8_t { kStarted, kStopped, kPaused, kResumed, kExited, kFailed };

struct WarmEvent {
  LaunchId id{};
  WarmEventKind kind = WarmEventKind::kFailed;
  // kExited: wait status as wait4(2) gives it; kStopped: the signal; kPaused, kResumed: 0 or an errno.
  int status = 0;
  rusage usage{};        // kExited: of all processes of the sandbox that were reaped
  PauseOutcome pause{};  // kPaused, kResumed: what it came to
  LaunchError error;     // kFailed; its exit_status is 125, 126 or 127
};

struct WarmOptions {
  std::size_t ready = 4;        // sandboxes kept ready for later launches; at most 64
  std::size_t starting = 16;    // sandboxes that are being made or started at the same time; 1 … 64
  std::size_t waiting = 4096;   // launches that may wait for their turn; launch() refuses more (EAGAIN)
  std::size_t running = 16384;  // launches that may run at the same time; more wait
};

class WarmLaunches {
 public:
  // Builds the template and starts the process that makes the sandboxes; takes some milliseconds. Errors: the profile
  // needs a broker while the tool runs (mediated writing, questions, rules about commands or connections, a listener);
  // a grant cannot be opened; the host does not allow one of the namespaces.
  [[nodiscard]] static Result<std::unique_ptr<WarmLaunches>> create(const BrokerStart& broker, Spawner& spawner,
                                                                    SandboxRecipe recipe, WarmOptions options = {});
  WarmLaunches(const WarmLaunches&) = delete;
  WarmLaunches& operator=(const WarmLaunches&) = delete;
  ~WarmLaunches();

  // Launches `tool`: at once where a sandbox is ready, otherwise when its turn comes (first in, first out). What came
  // of it is an event, also when the program does not exist. Errors, and then there is no event: too many launches wait
  // (EAGAIN); `tool` has no argv[0].
  [[nodiscard]] Result<LaunchId> launch(WarmTool tool);

  // An epoll instance, ours, readable when handle_events() has something to do. The same for the whole life.
  [[nodiscard]] int poll_descriptor() const;

  // Does what can be done without waiting, and returns what happened. Calling it without need is harmless.
  [[nodiscard]] std::vector<WarmEvent> handle_events();

  // Begins to make sandboxes until WarmOptions::ready are there or on their way. For moments in which nobody waits;
  // handle_events() does it by itself while no launch waits.
  void prepare();

  // Throws the ready sandboxes away, for example when the host is short of memory. prepare() makes others.
  void drop_ready();

  // Sends `signal` to the process group of the tool's main process. A launch that has not started yet: kill() is what
  // ends it; other signals are lost.
  void signal(LaunchId id, int signal);

  // Stops every process of the sandbox, and lets them go on (process_pause.h). The answer is kPaused or kResumed, with
  // `status` 0, or the positive errno and nothing was done. Silently nothing before the program has started.
  void pause(LaunchId id);
  void resume(LaunchId id);

  // Ends the launch: SIGKILL to everything in the sandbox. The event comes as always: kExited with the status of a
  // SIGKILL where the program had been started, otherwise kFailed (EINTR).
  void kill(LaunchId id);

  // Init's pid on the host, to find the sandbox's processes and to put it into a control group; 0 when the launch has
  // no sandbox yet, or is over.
  [[nodiscard]] pid_t init_pid(LaunchId id) const;

  [[nodiscard]] std::size_t ready() const;    // sandboxes that wait for a launch
  [[nodiscard]] std::size_t waiting() const;  // launches without a sandbox
  [[nodiscard]] std::size_t running() const;  // launches with one: starting, running, or being ended

  // How each layer stands; the same for all launches.
  [[nodiscard]] const LayerStatuses& layers() const;
  // What the template's view shows and why; and its writable trees with protected names, for one PersistenceGuard over
  // all launches. Valid until the next launch().
  [[nodiscard]] const View& view() const;

 private:
  class Engine;
  explicit WarmLaunches(std::unique_ptr<Engine> engine);
  std::unique_ptr<Engine> engine_;
};

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_WARM_LAUNCHES_H_
