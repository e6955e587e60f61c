// WarmRecipes: what the daemon launches in its own process: runs for which nothing waits for a broker while they go on.
// A recipe is what `writ run` would have made of the same words in the same directory; it is kept, with sandboxes that
// are ready, until a profile, a bound or the workspace is another one.
//
// Ownership: borrows broker, spawner, loop, ceiling and listener. Threads: one.
#ifndef WRIT_LAUNCHER_WARM_RECIPES_H_
#define WRIT_LAUNCHER_WARM_RECIPES_H_

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/daemon/event_loop.h"
#include "broker/daemon/warm_runs.h"
#include "broker/sandbox/broker_start.h"
#include "broker/sandbox/spawner.h"
#include "broker/sandbox/warm_launches.h"
#include "launcher/ceiling_file.h"
#include "launcher/run_audit.h"
#include "launcher/run_options.h"
#include "launcher/run_setup.h"

namespace writ {

class WarmRecipes final : public WarmRuns {
 public:
  struct Parts {
    const BrokerStart& broker;
    Spawner& spawner;
    EventLoop& loop;
    const CeilingFile& ceiling;
    WarmListener& listener;
  };
  // `ready`: sandboxes kept ready for each recipe.
  WarmRecipes(Parts parts, std::size_t ready);
  ~WarmRecipes() override;

  void describe(const LaunchForm& form, SandboxRecord& record) const override;
  [[nodiscard]] Result<WarmAnswer> launch(SandboxNumber number, const LaunchForm& form,
                                          const std::array<int, 3>& streams) override;
  void signal(SandboxNumber number, int signal) override;
  void pause(SandboxNumber number) override;
  void resume(SandboxNumber number) override;
  void kill(SandboxNumber number) override;
  void tick() override;
  [[nodiscard]] std::optional<std::chrono::milliseconds> timeout() const override;

  // Recipes that are kept at the same time; the one that was not used for longest goes first.
  static constexpr std::size_t kRecipeLimit = 8;

 private:
  using Clock = std::chrono::steady_clock;

  // Each is at one place in memory for its whole life: audit and launches borrow from it.
  struct Recipe {
    std::string key;
    std::string witness;  // of everything that it was made from
    RunOptions options;
    std::optional<RunSetup> setup;
    std::unique_ptr<RunAudit> audit;                           // after what it borrows
    std::unique_ptr<WarmLaunches> launches;                    // null: of the kind that needs a broker of its own
    std::unordered_map<std::uint64_t, SandboxNumber> numbers;  // of its launches
  };
  struct Running {
    Recipe* recipe = nullptr;
    LaunchId launch{};
    RecordNumber record;  // of its start
    Clock::time_point since;
    bool timed_out = false;
  };
  // Of a sandbox with a time limit.
  struct Due {
    SandboxNumber number;
    bool kills;  // the second time
  };

  [[nodiscard]] Recipe* recipe_for(RunOptions options, const LaunchForm& form);
  [[nodiscard]] Status fill_recipe(Recipe& recipe);
  [[nodiscard]] Status watch_recipe(Recipe& recipe);
  [[nodiscard]] Status start(Recipe& recipe, SandboxNumber number, WarmTool tool,
                             std::optional<std::chrono::milliseconds> wall_time);
  void record_end(const Running& running, const WarmEvent& event, const SandboxEnd& end);
  void serve_due();
  void make_room();
  void forget(Recipe& recipe);
  void handle_events(Recipe& recipe);
  void handle_event(Recipe& recipe, const WarmEvent& event);

  Parts parts_;
  std::size_t ready_;
  std::list<std::unique_ptr<Recipe>> recipes_;  // the latest used first
  std::map<SandboxNumber, Running> running_;
  std::multimap<Clock::time_point, Due> due_;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_WARM_RECIPES_H_
