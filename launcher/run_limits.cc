#include "launcher/run_limits.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <utility>

namespace writ {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kShortestInterval{5};
constexpr milliseconds kLongestInterval{250};
constexpr int kKilledStatus = 128 + SIGKILL;
constexpr std::string_view kSampling = "sampling";
constexpr std::uint64_t kBlock = 512;  // of ru_oublock, getrusage(2)

std::uint64_t processors() { return static_cast<std::uint64_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN))); }

milliseconds time_used(const rusage& usage) {
  const auto of = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return std::chrono::duration_cast<milliseconds>(of(usage.ru_utime) + of(usage.ru_stime));
}

std::uint64_t count(milliseconds time) { return static_cast<std::uint64_t>(time.count()); }

// The first line is a heading.
bool host_has_swap() {
  std::ifstream list("/proc/swaps");
  std::string line;
  return std::getline(list, line) && std::getline(list, line);
}

// Could a process that nobody told anything about be at the end of `limit`?
bool is_used_up(const ScratchUse& use) { return use.size > 0 && (use.free == 0 || use.free_names == 0); }

}  // namespace

ControlGroupLimits RunLimits::group_limits() const {
  ControlGroupLimits limits;
  limits.memory = limits_.memory;
  limits.swap = limits_.swap.value_or(0);
  limits.cpus = limits_.cpus;
  limits.cpu_weight = limits_.cpu_weight;
  limits.processes = limits_.processes + 1;  // init is in the group as well
  return limits;
}

Status RunLimits::make_group(pid_t init) {
  if (!profits_from_group()) return {};
  auto group = create_group(init);
  // Processor time alone can be counted without a group, and not every group counts it.
  if (!wants_control_group(limits_) && (!group || !group->use().cpu_time)) return {};
  if (!group) return tl::unexpected<Error>(std::move(group.error()));
  if (!group->not_held().empty() && host_has_swap()) {
    std::string what = "cannot hold the limit of " + group->not_held().front();
    if (requirement_ == Requirement::kRequire)
      return fail(std::move(what), "`--prefer control_group` goes on without it");
    warnings_.push_back(std::move(what));
  }
  group_.emplace(std::move(*group));
  group_name_ = group_->name();
  if (group_->can_freeze()) freezer_.emplace(*group_);
  return {};
}

// A group that counts processor time is better than adding up what each process used, which will do.
Result<ControlGroup> RunLimits::create_group(pid_t init) const {
  if (limits_.total_cpu_time) {
    ControlGroupSources sources;
    sources.also_needed = {"cpuacct"};
    auto counting = ControlGroup::create(group_limits(), init, sources);
    if (counting || !wants_control_group(limits_)) return counting;
  }
  return ControlGroup::create(group_limits(), init);
}

Status RunLimits::look_for_group() const {
  if (!wants_control_group(limits_)) return {};
  ControlGroupNeeds needs;
  if (limits_.memory) needs.emplace_back("memory");
  if (limits_.cpus || limits_.cpu_weight) needs.emplace_back("cpu");
  const auto place = find_control_group_place({}, needs);
  if (!place) return tl::unexpected<Error>(Error(place.error()));
  return {};
}

void RunLimits::adjust(PreparedLaunch& prepared) const {
  if (!group_ || !group_->counts("pids")) return;
  for (ProcessLimit& limit : prepared.content.limits)
    if (limit.resource == RLIMIT_NPROC) ++limit.value;
}

void RunLimits::started(pid_t init) {
  if (!samples()) return;
  const bool counts_time = limits_.total_cpu_time && (!group_ || !group_->use().cpu_time);
  sampler_.emplace(init, TreeSampling{samples_memory(), counts_time, limits_.write_size.has_value()});
  next_look_ = Clock::now() + kShortestInterval;
}

void RunLimits::add_poll_entries(std::vector<pollfd>& entries) const {
  if (group_ && group_->memory_descriptor() >= 0) entries.push_back({group_->memory_descriptor(), POLLIN, 0});
}

std::optional<milliseconds> RunLimits::poll_timeout() const {
  if (!next_look_ || end_reason_) return std::nullopt;
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(*next_look_ - Clock::now()));
}

void RunLimits::end_for(std::string_view name, const std::string& detail) {
  if (end_reason_) return;
  ended_for_ = name;
  end_detail_ = detail;
  end_reason_ = std::string("the limit ").append(name).append(" was reached").append(detail.empty() ? "" : ": ");
  end_reason_->append(detail);
}

milliseconds RunLimits::cpu_time(const ControlGroupUse& use) const {
  if (use.cpu_time) return std::chrono::duration_cast<milliseconds>(*use.cpu_time);
  return seen_.cpu_time;
}

void RunLimits::look() {
  const auto begun = Clock::now();
  TreeUse use = sampler_->look();
  seen_.memory = std::max(seen_.memory, use.memory);
  seen_.cpu_time = std::max(seen_.cpu_time, use.cpu_time);
  seen_.written = std::max(seen_.written, use.written);
  if (limits_.memory && !group_ && use.memory > *limits_.memory) end_for("memory", "seen by looking at its processes");
  if (limits_.write_size && use.written > *limits_.write_size) end_for("write_size", "");
  // A process that closes itself to everybody could write as much as it likes. The first look may meet one that is
  // about to execute a program.
  if (limits_.write_size && use.closed != 0 && use.closed == seen_.closed)
    end_for("write_size", "a process keeps Writ from counting what it writes (a program that cannot be read)");
  seen_.closed = use.closed;
  if (limits_.total_cpu_time) {
    if (group_) seen_.cpu_time = std::max(seen_.cpu_time, cpu_time(group_->use()));
    if (seen_.cpu_time >= *limits_.total_cpu_time) end_for("total_cpu_time", "");
  }
  schedule();
  // Looking must not become the work: at most a twentieth of one processor.
  next_look_ = std::max(*next_look_, Clock::now() + 20 * (Clock::now() - begun));
}

// As long as nothing can be used up before the next look, there is no hurry.
void RunLimits::schedule() {
  milliseconds wait = kLongestInterval;
  if (limits_.total_cpu_time) {
    const auto left = count(std::max(*limits_.total_cpu_time - seen_.cpu_time, milliseconds(0)));
    wait = std::min(wait, milliseconds(static_cast<std::int64_t>(left / processors())));
  }
  const auto near = [&wait](std::uint64_t used, std::uint64_t limit) {
    const auto left =
        static_cast<std::int64_t>((limit - std::min(used, limit)) * 100 / std::max<std::uint64_t>(limit, 1));
    wait = std::min(wait, milliseconds(left));
  };
  if (samples_memory()) near(seen_.memory, *limits_.memory);
  if (limits_.write_size) near(seen_.written, *limits_.write_size);
  next_look_ = Clock::now() + std::clamp(wait, kShortestInterval, kLongestInterval);
}

std::optional<std::string> RunLimits::check(const RunStreams& streams) {
  if (told_) return std::nullopt;
  if (const auto stream = streams.over_limit())
    end_for("output_size", *stream == 1 ? "on standard output" : "on standard error");
  if (group_ && group_->memory_descriptor() >= 0) {
    std::uint64_t events = 0;
    if (::read(group_->memory_descriptor(), &events, sizeof events) > 0) memory_woke_ = true;
    // The kernel tells before it kills.
    if (memory_woke_ && group_->use().killed_for_memory > 0) end_for("memory", "the kernel ended a process of it");
    if (memory_woke_ && !sampler_) next_look_ = Clock::now() + kShortestInterval;
  }
  if (sampler_ && next_look_ && Clock::now() >= *next_look_) look();
  if (!end_reason_) return std::nullopt;
  told_ = true;
  return end_reason_;
}

void RunLimits::note_exit(const InitReport& report) { exit_ = report; }

LimitRecord& RunLimits::add(std::string_view name, LimitUnit unit, std::uint64_t value, std::string enforced) {
  LimitRecord record;
  record.name = name;
  record.unit = unit;
  record.value = value;
  record.enforced = std::move(enforced);
  record.hit = name == ended_for_;
  if (record.hit) record.detail = end_detail_;
  records_.push_back(std::move(record));
  return records_.back();
}

std::string RunLimits::by_group() const { return group_ ? group_name_ : "nothing"; }

void RunLimits::record_memory(const ControlGroupUse& use) {
  if (!limits_.memory) return;
  LimitRecord& record =
      add("memory", LimitUnit::kBytes, *limits_.memory, group_ ? group_name_ : std::string(kSampling));
  record.peak = group_ ? use.memory_peak : std::optional(seen_.memory);
  if (use.killed_for_memory > 0) {
    record.hit = true;
    record.detail = "no memory was left, and the kernel ended " + std::to_string(use.killed_for_memory) +
                    (use.killed_for_memory == 1 ? " process" : " processes");
  }
  add("swap", LimitUnit::kBytes, limits_.swap.value_or(0),
      group_ && group_->not_held().empty() ? group_name_ : "nothing");
}

void RunLimits::record_processors(const ControlGroupUse& use) {
  if (limits_.cpus) {
    LimitRecord& record = add("cpus", LimitUnit::kThousandths, *limits_.cpus, by_group());
    // That is its purpose, and nothing that has gone wrong.
    if (use.periods_throttled.value_or(0) > 0)
      record.detail = "held back in " + std::to_string(*use.periods_throttled) + " periods of 100 ms";
  }
  if (limits_.cpu_weight) add("cpu_weight", LimitUnit::kCount, *limits_.cpu_weight, by_group());
  if (!limits_.total_cpu_time) return;
  LimitRecord& record = add("total_cpu_time", LimitUnit::kMilliseconds, count(*limits_.total_cpu_time),
                            std::string(use.cpu_time ? group_name_ : "processes").append(", looked at by Writ"));
  const milliseconds ended = exit_ ? time_used(exit_->usage) : milliseconds(0);
  record.peak = count(use.cpu_time ? cpu_time(use) : std::max(seen_.cpu_time, ended));
}

void RunLimits::record_processes(const ControlGroupUse& use) {
  const bool counted = use.processes_refused.has_value();
  LimitRecord& record = add("processes", LimitUnit::kCount, limits_.processes, counted ? group_name_ : "rlimit");
  if (!counted) return;
  if (use.processes_peak) record.peak = *use.processes_peak - std::min<std::uint64_t>(*use.processes_peak, 1);
  record.hit = *use.processes_refused > 0;
  if (record.hit)
    record.detail = "a process or thread was refused (EAGAIN) " + std::to_string(*use.processes_refused) + " times";
}

void RunLimits::record_streams(const RunStreams& streams) {
  if (!limits_.output_size) return;
  LimitRecord& record = add("output_size", LimitUnit::kBytes, *limits_.output_size, "writ");
  record.peak = streams.longest_output();
  if (const auto stream = streams.over_limit()) {
    record.hit = true;
    record.detail = *stream == 1 ? "standard output was cut off" : "standard error was cut off";
  }
}

// What a program removed again after it had met the limit is not seen any more.
void RunLimits::record_scratch(const char* name, std::uint64_t limit, const ScratchUse& use) {
  LimitRecord& record = add(name, LimitUnit::kBytes, limit, "tmpfs");
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  if (use.size != (limit + page - 1) / page * page) return;  // it is somebody else's
  record.peak = use.size - use.free;
  record.detail = "in use at the end";
  record.hit = is_used_up(use);
  if (record.hit) record.detail = use.free == 0 ? "full at the end (ENOSPC)" : "no names were left at the end (ENOSPC)";
}

// The kernel tells by the signal, and only of the main process.
void RunLimits::record_each_process(const RunOutcome& outcome) {
  if (limits_.file_size) {
    LimitRecord& record = add("file_size", LimitUnit::kBytes, *limits_.file_size, "rlimit");
    record.hit = outcome.signal == SIGXFSZ;
    if (record.hit) record.detail = "the program wrote on and was ended by SIGXFSZ";
  }
  if (limits_.address_space) add("address_space", LimitUnit::kBytes, *limits_.address_space, "rlimit");
  if (limits_.cpu_seconds) {
    LimitRecord& record = add("cpu_time", LimitUnit::kMilliseconds, *limits_.cpu_seconds * 1000, "rlimit");
    const bool used = exit_ && count(time_used(exit_->usage)) + 100 >= *limits_.cpu_seconds * 1000;
    record.hit = outcome.signal == SIGXCPU || (outcome.signal == SIGKILL && used && !told_);
    if (record.hit) record.detail = "the program was ended by the kernel";
  }
  add("open_files", LimitUnit::kCount, limits_.open_files, "rlimit");
}

void RunLimits::record_wall_time(const RunOutcome& outcome) {
  if (!limits_.wall_time) return;
  LimitRecord& record = add("wall_time", LimitUnit::kMilliseconds, count(*limits_.wall_time), "writ");
  record.peak = count(std::chrono::duration_cast<milliseconds>(outcome.wall_time));
  record.hit = outcome.kind == OutcomeKind::kTimedOut;
}

void RunLimits::finish(const RunStreams& streams, RunOutcome& outcome) {
  const ControlGroupUse use = group_ ? group_->use() : ControlGroupUse{};
  record_memory(use);
  record_processors(use);
  record_processes(use);
  record_streams(streams);
  if (limits_.write_size) {
    LimitRecord& record = add("write_size", LimitUnit::kBytes, *limits_.write_size, std::string(kSampling));
    const std::uint64_t ended = exit_ ? static_cast<std::uint64_t>(exit_->usage.ru_oublock) * kBlock : 0;
    record.peak = std::max(seen_.written, ended);
    record.hit = record.hit || *record.peak > *limits_.write_size;
  }
  record_wall_time(outcome);
  record_each_process(outcome);
  record_scratch("tmp_size", limits_.tmp_size, exit_ ? exit_->tmp : ScratchUse{});
  record_scratch("shm_size", limits_.shm_size, exit_ ? exit_->shm : ScratchUse{});
  if (group_ && wants_control_group(limits_) && use.killed_for_memory > 0) {
    const bool own_end = outcome.kind == OutcomeKind::kExited || outcome.kind == OutcomeKind::kSignalled ||
                         outcome.kind == OutcomeKind::kSandboxDied;
    if (own_end) {
      outcome.kind = OutcomeKind::kLimited;
      outcome.exit_status = kKilledStatus;
      outcome.reason = "the limit memory was reached: the kernel ended a process of the sandbox";
    }
  }
  if (!group_) return;
  freezer_.reset();
  const Status removed = group_->remove();
  if (!removed) warnings_.push_back(removed.error().describe());
  group_.reset();
}

}  // namespace writ
