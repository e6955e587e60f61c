// WarmEngine: what WarmLaunches does, behind its header. See there for the contract.
#ifndef WRIT_BROKER_SANDBOX_WARM_ENGINE_H_
#define WRIT_BROKER_SANDBOX_WARM_ENGINE_H_

#include <deque>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/sandbox/sandbox_template.h"
#include "broker/sandbox/warm_launches.h"

namespace writ {

enum class WarmStage : std::uint8_t { kFree, kReady, kStarting, kRunning };

// One sandbox. Its number is its place in the vector, for as long as it lives.
struct WarmSlot {
  LaunchId id{};
  WarmStage stage = WarmStage::kFree;
  pid_t pid = 0;
  UniqueFd control;
  UniqueFd network;
  std::unique_ptr<std::string> program;  // for the error, until it has started
};

// A sandbox of which the kernel takes down what is left.
struct DyingSandbox {
  pid_t pid;
  UniqueFd network;
  LaunchId id{};  // not 0: its end has not been told yet
  WarmStage stage = WarmStage::kFree;
};

struct WaitingLaunch {
  LaunchId id;
  WarmTool tool;
};

class WarmLaunches::Engine {
 public:
  Engine(const BrokerStart& broker, Spawner& spawner, SandboxRecipe recipe, WarmOptions options)
      : broker_(broker), spawner_(spawner), recipe_(std::move(recipe)), options_(options) {}
  ~Engine();

  Status begin();
  Result<LaunchId> launch(WarmTool tool);
  std::vector<WarmEvent> handle_events();
  void prepare();
  void drop_ready();
  void send(LaunchId id, InitCommand command, int signal);
  void kill(LaunchId id);
  pid_t init_pid(LaunchId id) const;

  int poll_descriptor() const { return epoll_.get(); }
  std::size_t ready() const { return ready_.size(); }
  std::size_t waiting() const { return waiting_.size(); }
  std::size_t running() const { return by_id_.size() + untold_; }
  const SandboxTemplate& current() const { return *template_; }

 private:
  Status watch(int descriptor, std::uint64_t source);
  tl::expected<void, LaunchError> renew_template();
  void retire_template();
  void receive_made();
  void receive_retired();
  void adopt(MadeSandbox made);
  void dispatch();
  void request_sandboxes();
  tl::expected<void, LaunchError> start(WarmSlot& slot, WarmTool& tool);
  void fail_launch(LaunchId id, LaunchError error);
  void handle_slot(std::uint32_t number);
  void handle_report(WarmSlot& slot, const InitReport& report);
  void end_slot(std::uint32_t number, WarmStage told);
  void release(std::uint32_t number);
  void reap();
  void tell_killed(const DyingSandbox& dying, int status, const rusage& usage);
  void keep_network(UniqueFd network);
  void arm_timer();
  void wake();
  std::uint32_t free_slot();

  const BrokerStart& broker_;
  Spawner& spawner_;
  SandboxRecipe recipe_;
  WarmOptions options_;
  UniqueFd epoll_;
  UniqueFd timer_;
  UniqueFd own_events_;
  bool timer_armed_ = false;
  bool cannot_make_ = false;  // the last sandbox could not be made: nothing is prepared until somebody needs one
  std::unique_ptr<SandboxTemplate> template_;
  std::vector<std::unique_ptr<SandboxTemplate>> retired_;  // until they have answered
  std::deque<WarmSlot> slots_;                             // addresses stay
  std::vector<std::uint32_t> free_;
  std::deque<std::uint32_t> ready_;
  std::deque<WaitingLaunch> waiting_;
  std::unordered_map<std::uint64_t, std::uint32_t> by_id_;
  std::size_t starting_ = 0;
  std::size_t untold_ = 0;  // in dying_, with an id
  std::deque<DyingSandbox> dying_;
  std::vector<UniqueFd> networks_;
  std::vector<WarmEvent> events_;
  std::uint64_t last_id_ = 0;
};

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_WARM_ENGINE_H_
