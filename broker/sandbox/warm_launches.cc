#include "broker/sandbox/warm_launches.h"

#include <utility>

#include "broker/sandbox/warm_engine.h"

namespace writ {
namespace {

constexpr std::size_t kMostReady = 64;
constexpr std::size_t kMostStarting = 64;

}  // namespace

WarmLaunches::WarmLaunches(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
WarmLaunches::~WarmLaunches() = default;

Result<std::unique_ptr<WarmLaunches>> WarmLaunches::create(const BrokerStart& broker, Spawner& spawner,
                                                           SandboxRecipe recipe, WarmOptions options) {
  if (options.ready > kMostReady || options.starting == 0 || options.starting > kMostStarting)
    return fail("at most 64 sandboxes are kept ready, and 1 to 64 started at the same time");
  auto engine = std::make_unique<Engine>(broker, spawner, std::move(recipe), options);
  WRIT_TRY(engine->begin());
  return std::unique_ptr<WarmLaunches>(new WarmLaunches(std::move(engine)));
}

Result<LaunchId> WarmLaunches::launch(WarmTool tool) { return engine_->launch(std::move(tool)); }
int WarmLaunches::poll_descriptor() const { return engine_->poll_descriptor(); }
std::vector<WarmEvent> WarmLaunches::handle_events() { return engine_->handle_events(); }
void WarmLaunches::prepare() { engine_->prepare(); }
void WarmLaunches::drop_ready() { engine_->drop_ready(); }
void WarmLaunches::signal(LaunchId id, int signal) { engine_->send(id, InitCommand::kSignal, signal); }
void WarmLaunches::pause(LaunchId id) { engine_->send(id, InitCommand::kPause, 0); }
void WarmLaunches::resume(LaunchId id) { engine_->send(id, InitCommand::kResume, 0); }
void WarmLaunches::kill(LaunchId id) { engine_->kill(id); }
pid_t WarmLaunches::init_pid(LaunchId id) const { return engine_->init_pid(id); }
std::size_t WarmLaunches::ready() const { return engine_->ready(); }
std::size_t WarmLaunches::waiting() const { return engine_->waiting(); }
std::size_t WarmLaunches::running() const { return engine_->running(); }
const LayerStatuses& WarmLaunches::layers() const { return engine_->current().prepared().layers; }
const View& WarmLaunches::view() const { return engine_->current().prepared().view; }

}  // namespace writ
