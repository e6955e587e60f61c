// The part of meet() about everything that is not a rule: environment, limits, system calls, layers, modes.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/policy/meet_parts.h"

namespace writ {
namespace {

// Whether an entry of `pass`, a name or a prefix ending in '*', lets `name` through.
bool passes(std::string_view entry, std::string_view name) {
  if (!entry.ends_with('*')) return entry == name;
  return name.starts_with(entry.substr(0, entry.size() - 1));
}

// The names that both entries let through: the narrower entry, or nothing.
std::optional<std::string> common_entry(const std::string& a, const std::string& b) {
  if (passes(b, a.ends_with('*') ? std::string_view(a).substr(0, a.size() - 1) : std::string_view(a))) return a;
  if (passes(a, b.ends_with('*') ? std::string_view(b).substr(0, b.size() - 1) : std::string_view(b))) return b;
  return std::nullopt;
}

bool may_set(const EnvironmentPolicy& bound, std::string_view name) {
  return std::any_of(bound.pass.begin(), bound.pass.end(), [&](const auto& entry) { return passes(entry, name); }) ||
         std::any_of(bound.set.begin(), bound.set.end(), [&](const auto& entry) { return entry.first == name; });
}

void meet_environment(const MeetInput& input, MetProfile& result) {
  const EnvironmentPolicy& own = input.profile.profile.environment;
  const EnvironmentPolicy& bound = input.bound.profile.environment;
  EnvironmentPolicy common;
  for (const std::string& entry : own.pass) {
    const std::size_t before = common.pass.size();
    for (const std::string& other : bound.pass)
      if (auto both = common_entry(entry, other)) unite(common.pass, {std::move(*both)});
    const bool is_kept = std::find(common.pass.begin(), common.pass.end(), entry) != common.pass.end();
    if (common.pass.size() == before && !is_kept)
      result.attenuations.push_back({"environment variable " + entry, input.bound_name + " does not pass it"});
  }
  for (const auto& setting : own.set) {
    if (may_set(bound, setting.first))
      common.set.push_back(setting);
    else
      result.attenuations.push_back({"environment variable " + setting.first, input.bound_name + " does not pass it"});
  }
  result.profile.environment = std::move(common);
}

// Takes the smaller of two values and says so.
class Tightening {
 public:
  Tightening(const std::string& bound_name, std::vector<Attenuation>& attenuations)
      : bound_name_(bound_name), attenuations_(attenuations) {}

  template <class Value>
  void smaller(std::string_view name, Value& value, const Value& bound) {
    if (!(bound < value)) return;
    value = bound;
    note(name);
  }

  template <class Value>
  void smaller(std::string_view name, std::optional<Value>& value, const std::optional<Value>& bound) {
    if (!bound || (value && *value <= *bound)) return;
    value = bound;
    note(name);
  }

  // For words of which a later one demands more.
  template <class Word>
  void larger(std::string_view name, Word& value, Word bound) {
    if (bound <= value) return;
    value = bound;
    note(name);
  }

  // `strict` is the stricter one of two words.
  template <class Word>
  void stricter(std::string_view name, Word& value, Word bound, Word strict) {
    if (value == strict || bound != strict) return;
    value = strict;
    note(name);
  }

 private:
  void note(std::string_view name) { attenuations_.push_back({std::string(name), bound_name_ + " is stricter"}); }

  const std::string& bound_name_;
  std::vector<Attenuation>& attenuations_;
};

// Without a word about swap, a limit of memory allows none of it.
std::optional<std::uint64_t> allowed_swap(const LimitPolicy& limits) {
  if (limits.memory && !limits.swap) return 0;
  return limits.swap;
}

void meet_tree_limits(Tightening& tighten, LimitPolicy& limits, const LimitPolicy& bound) {
  const bool had_memory = limits.memory.has_value();
  limits.swap = allowed_swap(limits);
  tighten.smaller("limits.memory", limits.memory, bound.memory);
  if (had_memory || !limits.memory) {
    tighten.smaller("limits.swap", limits.swap, allowed_swap(bound));
  } else {
    limits.swap = allowed_swap(bound);  // a part of the limit that was just taken over
  }
  tighten.smaller("limits.cpus", limits.cpus, bound.cpus);
  tighten.smaller("limits.cpu_weight", limits.cpu_weight, bound.cpu_weight);
  tighten.smaller("limits.total_cpu_time", limits.total_cpu_time, bound.total_cpu_time);
  tighten.smaller("limits.output_size", limits.output_size, bound.output_size);
  tighten.smaller("limits.write_size", limits.write_size, bound.write_size);
}

void meet_limits(Tightening& tighten, LimitPolicy& limits, const LimitPolicy& bound) {
  tighten.smaller("limits.wall_time", limits.wall_time, bound.wall_time);
  tighten.smaller("limits.kill_grace", limits.kill_grace, bound.kill_grace);
  tighten.smaller("limits.cpu_time", limits.cpu_seconds, bound.cpu_seconds);
  tighten.smaller("limits.address_space", limits.address_space, bound.address_space);
  tighten.smaller("limits.file_size", limits.file_size, bound.file_size);
  tighten.smaller("limits.processes", limits.processes, bound.processes);
  tighten.smaller("limits.open_files", limits.open_files, bound.open_files);
  tighten.smaller("limits.tmp_size", limits.tmp_size, bound.tmp_size);
  tighten.smaller("limits.shm_size", limits.shm_size, bound.shm_size);
  meet_tree_limits(tighten, limits, bound);
}

void meet_syscalls(Tightening& tighten, SyscallPolicy& syscalls, const SyscallPolicy& bound) {
  tighten.larger("syscalls.base", syscalls.base, bound.base);
  std::erase_if(syscalls.allow, [&](const std::string& name) {
    return std::find(bound.allow.begin(), bound.allow.end(), name) == bound.allow.end();
  });
  unite(syscalls.deny, bound.deny);
}

void meet_words(Tightening& tighten, Profile& profile, const Profile& bound) {
  tighten.stricter("network", profile.network, bound.network, NetworkMode::kNone);
  tighten.larger("audit", profile.audit, bound.audit);
  tighten.stricter("terminal", profile.terminal, bound.terminal, TerminalMode::kNone);
  tighten.stricter("process.unix_sockets", profile.process.unix_sockets, bound.process.unix_sockets,
                   UnixSockets::kNone);
  tighten.stricter("process.netlink", profile.process.netlink, bound.process.netlink, NetlinkSockets::kNone);
  tighten.stricter("filesystem.scratch_execution", profile.filesystem.scratch_execution,
                   bound.filesystem.scratch_execution, Execution::kDenied);
  tighten.stricter("filesystem.writable_execution", profile.filesystem.writable_execution,
                   bound.filesystem.writable_execution, Execution::kDenied);
  tighten.stricter("filesystem.writing", profile.filesystem.writing, bound.filesystem.writing, Writing::kMediated);
  for (std::size_t layer = 0; layer < kLayerCount; ++layer)
    tighten.stricter(std::string("isolation.").append(kLayerNames[layer].name), profile.isolation[layer],
                     bound.isolation[layer], Requirement::kRequire);
}

}  // namespace

void meet_settings(const MeetInput& input, MetProfile& result) {
  Tightening tighten(input.bound_name, result.attenuations);
  meet_environment(input, result);
  meet_limits(tighten, result.profile.limits, input.bound.profile.limits);
  meet_syscalls(tighten, result.profile.syscalls, input.bound.profile.syscalls);
  meet_words(tighten, result.profile, input.bound.profile);
}

}  // namespace writ
