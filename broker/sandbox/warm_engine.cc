#include "broker/sandbox/warm_engine.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "broker/kernel/descriptor_table.h"

namespace writ {
namespace {

constexpr std::size_t kMostFreeNetworks = 128;
constexpr int kEventsAtOnce = 64;
constexpr long kReapIntervalNanoseconds = 2'000'000;
constexpr int kDescriptorsPerSandbox = 2;

// Above the numbers of slots, in what epoll returns.
constexpr std::uint64_t kTemplateSource = std::uint64_t{1} << 32;
constexpr std::uint64_t kTimerSource = kTemplateSource + 1;
constexpr std::uint64_t kOwnEventsSource = kTemplateSource + 2;

}  // namespace

// --- life ------------------------------------------------------------------------------------------------------------

Status WarmLaunches::Engine::begin() {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  timer_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  own_events_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_.valid() || !timer_.valid() || !own_events_.valid())
    return fail_errno(errno, "cannot make what launches are waited for with");
  WRIT_TRY(watch(timer_.get(), kTimerSource));
  WRIT_TRY(watch(own_events_.get(), kOwnEventsSource));
  make_room_for_descriptors(static_cast<int>(std::min<std::size_t>(options_.running, 65536)) * kDescriptorsPerSandbox);
  if (auto made = renew_template(); !made) return tl::unexpected<Error>(std::move(made.error().error));
  prepare();
  return {};
}

WarmLaunches::Engine::~Engine() {
  retire_template();
  for (const auto& retired : retired_)
    while (retired->outstanding() > 0)
      if (auto made = retired->receive(SandboxTemplate::Wait::kYes); made && !made->error)
        dying_.push_back({made->pid, UniqueFd()});
  for (WarmSlot& slot : slots_)
    if (slot.stage != WarmStage::kFree) dying_.push_back({slot.pid, UniqueFd()});
  // All of them first: the kernel takes them down side by side.
  for (const DyingSandbox& dying : dying_) ::kill(dying.pid, SIGKILL);
  for (const DyingSandbox& dying : dying_)
    while (::waitpid(dying.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
}

Status WarmLaunches::Engine::watch(int descriptor, std::uint64_t source) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = source;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0)
    return fail_errno(errno, "cannot wait for a sandbox");
  return {};
}

// --- template --------------------------------------------------------------------------------------------------------

tl::expected<void, LaunchError> WarmLaunches::Engine::renew_template() {
  retire_template();
  auto made = SandboxTemplate::create(broker_, spawner_, recipe_);
  if (!made) return tl::unexpected<LaunchError>(std::move(made.error()));
  if (Status watched = watch((*made)->descriptor(), kTemplateSource); !watched)
    return tl::unexpected<LaunchError>(LaunchError{kExitWritFailed, std::move(watched.error())});
  template_ = std::move(*made);
  cannot_make_ = false;
  return {};
}

// What it has been asked for still comes, and is thrown away: nobody else knows the numbers of those processes.
void WarmLaunches::Engine::retire_template() {
  drop_ready();
  networks_.clear();  // they belong to the old process's user namespace
  if (template_ && template_->outstanding() > 0) retired_.push_back(std::move(template_));
  template_.reset();
}

void WarmLaunches::Engine::receive_retired() {
  for (const auto& retired : retired_)
    while (auto made = retired->receive(SandboxTemplate::Wait::kNo))
      if (!made->error) dying_.push_back({made->pid, UniqueFd()});
  std::erase_if(retired_, [](const auto& retired) { return retired->outstanding() == 0; });
}

void WarmLaunches::Engine::receive_made() {
  receive_retired();
  while (template_) {
    auto made = template_->receive(SandboxTemplate::Wait::kNo);
    if (!made) break;
    if (!made->error) {
      adopt(std::move(*made));
      continue;
    }
    cannot_make_ = true;
    if (waiting_.empty()) continue;
    fail_launch(waiting_.front().id, std::move(*made->error));
    waiting_.pop_front();
  }
  if (template_ && template_->is_gone()) template_.reset();  // the next launch makes another one
}

void WarmLaunches::Engine::adopt(MadeSandbox made) {
  const std::uint32_t number = free_slot();
  if (!watch(made.control.get(), number)) {
    ::kill(made.pid, SIGKILL);
    dying_.push_back({made.pid, std::move(made.network)});
    free_.push_back(number);
    return;
  }
  WarmSlot& slot = slots_[number];
  slot.stage = WarmStage::kReady;
  slot.pid = made.pid;
  slot.control = std::move(made.control);
  slot.network = std::move(made.network);
  ready_.push_back(number);
}

std::uint32_t WarmLaunches::Engine::free_slot() {
  if (free_.empty()) {
    slots_.emplace_back();
    return static_cast<std::uint32_t>(slots_.size() - 1);
  }
  const std::uint32_t number = free_.back();
  free_.pop_back();
  return number;
}

void WarmLaunches::Engine::request_sandboxes() {
  if (!template_ || (cannot_make_ && waiting_.empty())) return;
  const std::size_t wanted = std::max(options_.ready, std::min(waiting_.size(), options_.starting));
  while (ready_.size() + template_->outstanding() < wanted) {
    UniqueFd network;
    if (!networks_.empty()) {
      network = std::move(networks_.back());
      networks_.pop_back();
    }
    if (!template_->request(std::move(network))) return;
  }
}

void WarmLaunches::Engine::prepare() { request_sandboxes(); }

void WarmLaunches::Engine::drop_ready() {
  while (!ready_.empty()) {
    const std::uint32_t number = ready_.front();
    ready_.pop_front();
    ::kill(slots_[number].pid, SIGKILL);
    end_slot(number, WarmStage::kFree);
  }
}

// --- launching -------------------------------------------------------------------------------------------------------

Result<LaunchId> WarmLaunches::Engine::launch(WarmTool tool) {
  if (tool.argv.empty()) return fail("a launch needs a program");
  if (waiting_.size() >= options_.waiting) return fail_errno(EAGAIN, "too many launches wait for their turn");
  const LaunchId id{++last_id_};
  waiting_.push_back({id, std::move(tool)});
  cannot_make_ = false;
  dispatch();
  request_sandboxes();
  if (!events_.empty()) wake();
  return id;
}

void WarmLaunches::Engine::dispatch() {
  while (!waiting_.empty() && starting_ < options_.starting && by_id_.size() < options_.running) {
    if (!template_ || (!ready_.empty() && !template_->is_current(recipe_.profile))) {
      if (auto renewed = renew_template(); !renewed) {
        fail_launch(waiting_.front().id, std::move(renewed.error()));
        waiting_.pop_front();
        continue;
      }
    }
    if (ready_.empty()) return;
    WaitingLaunch next = std::move(waiting_.front());
    waiting_.pop_front();
    const std::uint32_t number = ready_.front();
    ready_.pop_front();
    WarmSlot& slot = slots_[number];
    slot.id = next.id;
    if (auto started = start(slot, next.tool); !started) {
      slot.id = LaunchId{};
      slot.stage = WarmStage::kReady;
      ready_.push_front(number);  // it was told nothing
      fail_launch(next.id, std::move(started.error()));
      continue;
    }
    slot.stage = WarmStage::kStarting;
    by_id_[static_cast<std::uint64_t>(slot.id)] = number;
    ++starting_;
  }
}

tl::expected<void, LaunchError> WarmLaunches::Engine::start(WarmSlot& slot, WarmTool& tool) {
  ToolRequest request{std::move(tool.argv), std::move(tool.environment), {}};
  for (const WarmDescriptor& descriptor : tool.descriptors)
    request.descriptors.push_back({descriptor.number, descriptor.source.get()});
  PreparedLaunch& order = template_->order_in_progress();
  auto chosen = choose_tool(order, std::move(request));
  if (!chosen) return chosen;
  slot.program = std::make_unique<std::string>(order.program.path);
  Status sent = send_order_to(slot.control.get(), order.content);
  order.program.executable.reset();
  // One that died while it waited: its socket says so, and the launch fails with what init said last.
  if (!sent && sent.error().system_errno != EPIPE && sent.error().system_errno != ECONNRESET)
    return tl::unexpected<LaunchError>(LaunchError{kExitWritFailed, std::move(sent.error())});
  return {};
}

void WarmLaunches::Engine::fail_launch(LaunchId id, LaunchError error) {
  WarmEvent& event = events_.emplace_back();
  event.id = id;
  event.kind = WarmEventKind::kFailed;
  event.error = std::move(error);
}

void WarmLaunches::Engine::wake() {
  const std::uint64_t one = 1;
  (void)!::write(own_events_.get(), &one, sizeof one);
}

// --- events ----------------------------------------------------------------------------------------------------------

std::vector<WarmEvent> WarmLaunches::Engine::handle_events() {
  std::array<epoll_event, kEventsAtOnce> ready{};
  const int count = ::epoll_wait(epoll_.get(), ready.data(), kEventsAtOnce, 0);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t source = ready[static_cast<std::size_t>(i)].data.u64;
    std::uint64_t ignored = 0;
    if (source == kTemplateSource)
      receive_made();
    else if (source == kOwnEventsSource)
      (void)!::read(own_events_.get(), &ignored, sizeof ignored);
    else if (source == kTimerSource)
      timer_armed_ = ::read(timer_.get(), &ignored, sizeof ignored) != static_cast<ssize_t>(sizeof ignored);
    else
      handle_slot(static_cast<std::uint32_t>(source));
  }
  reap();
  if (!retired_.empty()) receive_retired();
  dispatch();
  request_sandboxes();
  arm_timer();
  return std::exchange(events_, {});
}

void WarmLaunches::Engine::handle_slot(std::uint32_t number) {
  WarmSlot& slot = slots_[number];
  while (slot.stage != WarmStage::kFree) {
    InitReport report{};
    const ssize_t got = ::recv(slot.control.get(), &report, sizeof report, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0 && errno == ECONNRESET) continue;  // comes once, before what init said last
    if (got != static_cast<ssize_t>(sizeof report)) return end_slot(number, WarmStage::kFree);
    handle_report(slot, report);
    const bool last = report.event == InitEvent::kExited || report.event == InitEvent::kFailed;
    if (last) return end_slot(number, slot.stage);
    if (report.event == InitEvent::kStarted) return;  // more than this is rarely there already
  }
}

void WarmLaunches::Engine::handle_report(WarmSlot& slot, const InitReport& report) {
  if (slot.stage == WarmStage::kReady) return;
  if (report.event == InitEvent::kFailed)
    return fail_launch(slot.id, describe_failure(report, slot.program ? *slot.program : std::string()));
  WarmEvent event;
  event.id = slot.id;
  event.status = report.status;
  event.usage = report.usage;
  switch (report.event) {
    case InitEvent::kStarted:
      event.kind = WarmEventKind::kStarted;
      slot.stage = WarmStage::kRunning;
      slot.program.reset();
      --starting_;
      break;
    case InitEvent::kPaused:
    case InitEvent::kResumed:
      event.kind = report.event == InitEvent::kPaused ? WarmEventKind::kPaused : WarmEventKind::kResumed;
      event.status = report.error;
      event.pause = report.pause;
      break;
    case InitEvent::kStopped:
      event.kind = WarmEventKind::kStopped;
      break;
    case InitEvent::kExited:
      event.kind = WarmEventKind::kExited;
      break;
    default:
      return;
  }
  events_.push_back(std::move(event));
}

// `told`: not kFree when the end of the launch is among the events already. Otherwise it is once init has been waited
// for: only then everything is dead.
void WarmLaunches::Engine::end_slot(std::uint32_t number, WarmStage told) {
  WarmSlot& slot = slots_[number];
  if (slot.stage == WarmStage::kReady) std::erase(ready_, number);
  const bool owes = told == WarmStage::kFree && slot.id != LaunchId{};
  dying_.push_back({slot.pid, std::move(slot.network), owes ? slot.id : LaunchId{}, slot.stage});
  if (owes) ++untold_;
  release(number);
}

void WarmLaunches::Engine::release(std::uint32_t number) {
  WarmSlot& slot = slots_[number];
  if (slot.stage == WarmStage::kStarting) --starting_;
  if (slot.id != LaunchId{}) by_id_.erase(static_cast<std::uint64_t>(slot.id));
  slot = WarmSlot();
  free_.push_back(number);
}

// The oldest first. Which is not the order in which they become ready, but near enough.
void WarmLaunches::Engine::reap() {
  for (auto dying = dying_.begin(); dying != dying_.end();) {
    int status = 0;
    rusage usage{};
    const pid_t got = ::wait4(dying->pid, &status, WNOHANG, &usage);
    if (got == 0 || (got < 0 && errno == EINTR)) {
      ++dying;
      continue;
    }
    if (dying->id != LaunchId{}) tell_killed(*dying, status, usage);
    keep_network(std::move(dying->network));
    dying = dying_.erase(dying);
  }
}

void WarmLaunches::Engine::tell_killed(const DyingSandbox& dying, int status, const rusage& usage) {
  --untold_;
  if (dying.stage != WarmStage::kRunning)
    return fail_launch(dying.id, {kExitWritFailed, {"the sandbox was killed before its program started", EINTR, ""}});
  WarmEvent& event = events_.emplace_back();
  event.id = dying.id;
  event.kind = WarmEventKind::kExited;
  // Of init, which leaves with 0 when it is told to: whoever killed it killed the tool.
  event.status = WIFSIGNALED(status) ? status : SIGKILL;
  event.usage = usage;
}

void WarmLaunches::Engine::keep_network(UniqueFd network) {
  if (network.valid() && networks_.size() < kMostFreeNetworks) networks_.push_back(std::move(network));
}

// While something is being taken down, we look again in a moment: it tells us nothing when it is gone.
void WarmLaunches::Engine::arm_timer() {
  if (dying_.empty() || timer_armed_) return;
  itimerspec once{};
  once.it_value.tv_nsec = kReapIntervalNanoseconds;
  timer_armed_ = ::timerfd_settime(timer_.get(), 0, &once, nullptr) == 0;
}

// --- control ---------------------------------------------------------------------------------------------------------

void WarmLaunches::Engine::send(LaunchId id, InitCommand command, int signal) {
  const auto found = by_id_.find(static_cast<std::uint64_t>(id));
  if (found == by_id_.end() || slots_[found->second].stage != WarmStage::kRunning) return;
  const InitRequest request{command, signal};
  (void)::send(slots_[found->second].control.get(), &request, sizeof request, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void WarmLaunches::Engine::kill(LaunchId id) {
  if (const auto found = by_id_.find(static_cast<std::uint64_t>(id)); found != by_id_.end()) {
    ::kill(slots_[found->second].pid, SIGKILL);  // our child, and not waited for: the number is its
    return;
  }
  const auto waits =
      std::find_if(waiting_.begin(), waiting_.end(), [id](const WaitingLaunch& w) { return w.id == id; });
  if (waits == waiting_.end()) return;
  waiting_.erase(waits);
  fail_launch(id, {kExitWritFailed, {"the launch was ended before it began", EINTR, ""}});
  wake();
}

pid_t WarmLaunches::Engine::init_pid(LaunchId id) const {
  const auto found = by_id_.find(static_cast<std::uint64_t>(id));
  return found == by_id_.end() ? 0 : slots_[found->second].pid;
}

}  // namespace writ
