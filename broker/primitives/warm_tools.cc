#include "broker/primitives/warm_tools.h"

#include <fcntl.h>
#include <poll.h>

#include <cerrno>
#include <utility>

#include "broker/kernel/seccomp_cache.h"
#include "broker/policy/seccomp_profile.h"
#include "broker/policy/syscall_table.h"
#include "broker/protocol/message_forms.h"

namespace writ {
namespace {

using Failure = tl::unexpected<LaunchError>;

// The numbers that a tool can have are below that of its program (kFirstProgramDescriptor).
constexpr std::uint64_t kToolOpenFiles = 64;
constexpr std::uint64_t kToolProcesses = 32;  // threads
constexpr std::uint64_t kToolMemory = std::uint64_t{512} << 20;
constexpr std::uint64_t kToolFileSize = kPayloadLimit + 4096;  // of memory files, which carry payloads
static_assert(kToolOpenFiles < kFirstProgramDescriptor);

// Ended sandboxes that may be waited for later.
constexpr std::size_t kUncollected = 4;

Failure failure(Error error) { return Failure(LaunchError{kExitWritFailed, std::move(error)}); }

Status wait_readable(int descriptor, std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return fail("the tool did not greet in time");
    pollfd entry{descriptor, POLLIN, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(left.count()));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail_errno(errno, "cannot wait for the tool");
  }
}

bool is_silent(int descriptor) {
  pollfd entry{descriptor, POLLIN, 0};
  return ::poll(&entry, 1, 0) == 0;
}

}  // namespace

Profile tool_profile(const WarmToolOptions& options) {
  Profile profile;
  profile.name = "tool";
  profile.isolation = options.isolation;
  PathGrant& program = profile.filesystem.grants.emplace_back();
  program.path = options.program;
  program.named_exactly = true;
  program.scope = PathScope::kExact;
  profile.filesystem.areas = ViewAreas::kNone;
  profile.syscalls.base = SyscallBase::kBrokerOnly;
  profile.limits.open_files = kToolOpenFiles;
  profile.limits.processes = kToolProcesses;
  profile.limits.address_space = kToolMemory;
  profile.limits.file_size = kToolFileSize;
  profile.terminal = TerminalMode::kNone;
  return profile;
}

Result<std::unique_ptr<WarmTools>> WarmTools::create(const BrokerStart& broker, Spawner& spawner,
                                                     WarmToolOptions options) {
  Profile profile = tool_profile(options);
  WRIT_ASSIGN(const SeccompModel model, build_seccomp_model(profile.syscalls, profile.process));
  SandboxRecipe recipe;
  WRIT_ASSIGN(recipe.filter, seccomp_program_for(model, nullptr));
  recipe.profile = std::move(profile);
  recipe.identity = options.identity;
  recipe.working_directory = "/";
  recipe.user_name = std::move(options.user_name);
  recipe.landlock_abi = options.landlock_abi;
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.valid()) return fail_errno(errno, "cannot open /dev/null");
  return std::unique_ptr<WarmTools>(
      new WarmTools(broker, spawner, std::move(recipe), std::move(null), options.program));
}

WarmTools::~WarmTools() {
  for (Starting& starting : starting_) finished_.push_back(std::move(starting.sandbox.process));
  for (ToolProcess& process : ready_) finish(std::move(process));
  end_finished();
  collect(0);
}

tl::expected<WarmTools::Starting, LaunchError> WarmTools::begin() {
  auto pair = MessageChannel::pair();
  if (!pair) return failure(std::move(pair.error()));
  ToolRequest tool;
  tool.argv = {program_};
  tool.environment = {std::string(kBrokerVariable).append("=").append(std::to_string(kBrokerDescriptor))};
  for (const int stream : {0, 1, 2}) tool.descriptors.push_back({stream, null_.get()});
  tool.descriptors.push_back({kBrokerDescriptor, pair->second.get()});
  auto started = pool_.begin(std::move(tool));
  if (!started) return Failure(std::move(started.error()));
  // What the launch held is the sandbox's now.
  started->launch.view = View();
  started->launch.program.executable.reset();
  started->launch.landlock_ruleset.reset();
  return Starting{std::move(*started), MessageChannel(std::move(pair->first))};
}

// Waits for the program, and for its greeting.
tl::expected<ToolProcess, LaunchError> WarmTools::complete(Starting starting) {
  auto running = SandboxPool::finish(std::move(starting.sandbox));
  if (!running) return Failure(std::move(running.error()));
  ToolProcess process{std::move(*running), std::move(starting.channel), BrokerEnd()};
  if (Status greeted = greet(process); !greeted) {
    finish(std::move(process));
    return failure(std::move(greeted.error()));
  }
  return process;
}

Status WarmTools::greet(ToolProcess& process) {
  WRIT_TRY(wait_readable(process.channel.descriptor(), kGreetingTime));
  WRIT_ASSIGN(std::optional<Message> hello, process.channel.receive());
  if (!hello) return fail("the tool ended before it greeted");
  WRIT_TRY(process.state.admit(hello->type, hello->id));
  if (auto name = read_hello(std::move(hello->payload)); !name)
    return fail(name.error().what, "are writ and writ-tools of the same release?");
  WRIT_TRY(process.state.announce(MessageType::kWelcome, 0));
  return process.channel.send(welcome_message());
}

tl::expected<bool, LaunchError> WarmTools::prepare(std::size_t count) {
  end_finished();
  if (ready_.size() + starting_.size() < count) {
    auto started = begin();
    if (!started) return Failure(std::move(started.error()));
    starting_.push_back(std::move(*started));
    return true;
  }
  if (starting_.empty()) {
    collect(kUncollected);
    return false;
  }
  Starting oldest = std::move(starting_.front());
  starting_.pop_front();
  auto process = complete(std::move(oldest));
  if (!process) return Failure(std::move(process.error()));
  ready_.push_back(std::move(*process));
  return true;
}

tl::expected<ToolProcess, LaunchError> WarmTools::take() {
  end_finished();
  while (!ready_.empty()) {
    ToolProcess oldest = std::move(ready_.front());
    ready_.pop_front();
    if (is_silent(oldest.channel.descriptor())) return oldest;
    finish(std::move(oldest));  // it was killed while it waited, or speaks without being asked
  }
  while (!starting_.empty()) {
    Starting oldest = std::move(starting_.front());
    starting_.pop_front();
    if (auto process = complete(std::move(oldest))) return process;
  }
  auto started = begin();
  if (!started) return Failure(std::move(started.error()));
  return complete(std::move(*started));
}

void WarmTools::finish(ToolProcess process) { finished_.push_back(std::move(process.sandbox.process)); }

void WarmTools::end_finished() {
  for (SandboxProcess& process : finished_) {
    process.kill();
    over_.push_back(std::move(process));
  }
  finished_.clear();
}

// The kernel takes its time to dismantle namespaces, and nobody has to wait for the last ones.
void WarmTools::collect(std::size_t left) {
  while (over_.size() > left) {
    over_.front().wait();
    over_.pop_front();
  }
}

}  // namespace writ
