#include "broker/sandbox/sandbox_pool.h"

#include "broker/sandbox/view_witness.h"

namespace writ {
namespace {

using Failure = tl::unexpected<LaunchError>;

Failure failure(Error error) { return Failure(LaunchError{kExitWritFailed, std::move(error)}); }

}  // namespace

SandboxPool::SandboxPool(const BrokerStart& broker, Spawner& spawner, SandboxRecipe recipe)
    : broker_(broker), spawner_(spawner), recipe_(std::move(recipe)) {}

// As root: gives init the identity, and returns its user namespace where ownership is translated.
tl::expected<UniqueFd, LaunchError> SandboxPool::map_identity(SandboxProcess& process) const {
  if (broker_.uid != 0) return UniqueFd();
  if (Status mapped = process.map_identity(recipe_.identity.init_map); !mapped)
    return failure(std::move(mapped.error()));
  if (recipe_.identity.translation == OwnershipTranslation::kNone) return UniqueFd();
  auto opened = process.user_namespace();
  if (!opened) return failure(std::move(opened.error()));
  return std::move(*opened);
}

tl::expected<ReadySandbox, LaunchError> SandboxPool::assemble() {
  auto process = spawner_.take();
  if (!process) return failure(std::move(process.error()));
  auto ownership = map_identity(*process);
  if (!ownership) return Failure(std::move(ownership.error()));
  LaunchRequest request;
  request.profile = &recipe_.profile;
  request.identity = recipe_.identity;
  request.working_directory = recipe_.working_directory;
  request.home = recipe_.home;
  request.user_name = recipe_.user_name;
  request.landlock_abi = recipe_.landlock_abi;
  request.ownership_namespace = ownership->valid() ? ownership->get() : -1;
  std::string witness = witness_view_inputs(recipe_.profile);  // before the view: what changes meanwhile must show
  auto prepared = prepare_sandbox(broker_, std::move(request));
  if (!prepared) return Failure(std::move(prepared.error()));
  if (auto begun = begin_start(*process, *prepared); !begun) return Failure(std::move(begun.error()));
  return ReadySandbox{std::move(*process), std::move(*prepared), std::move(witness)};
}

tl::expected<void, LaunchError> SandboxPool::fill(std::size_t count) {
  while (ready_.size() < count) {
    auto made = assemble();
    if (!made) return Failure(std::move(made.error()));
    ready_.push_back(std::move(*made));
  }
  return {};
}

tl::expected<ReadySandbox, LaunchError> SandboxPool::take() {
  const std::string now = ready_.empty() ? std::string() : witness_view_inputs(recipe_.profile);
  while (!ready_.empty()) {
    ReadySandbox oldest = std::move(ready_.front());
    ready_.pop_front();
    if (!now.empty() && oldest.witness == now) return oldest;
  }
  return assemble();
}

tl::expected<ReadySandbox, LaunchError> SandboxPool::begin(ToolRequest tool) {
  auto ready = take();
  if (!ready) return ready;
  if (auto chosen = choose_tool(ready->launch, std::move(tool)); !chosen) return Failure(std::move(chosen.error()));
  ready->launch.content.filter = recipe_.filter;
  if (auto sent = send_order(ready->process, ready->launch); !sent) return Failure(std::move(sent.error()));
  return ready;
}

tl::expected<RunningSandbox, LaunchError> SandboxPool::finish(ReadySandbox started) {
  auto tool = await_start(started.process, started.launch);
  if (!tool) return Failure(std::move(tool.error()));
  return RunningSandbox{std::move(started.process), std::move(started.launch), std::move(*tool)};
}

tl::expected<RunningSandbox, LaunchError> SandboxPool::launch(ToolRequest tool) {
  auto started = begin(std::move(tool));
  if (!started) return Failure(std::move(started.error()));
  return finish(std::move(*started));
}

}  // namespace writ
