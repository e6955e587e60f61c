// Profile: one resolved policy, after `extends`, variables and command-line additions. Immutable once it is made.
// Pure data: nothing here makes a system call. Absent means none, never unlimited.
#ifndef WRIT_BROKER_POLICY_PROFILE_H_
#define WRIT_BROKER_POLICY_PROFILE_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/policy/command_rule.h"
#include "broker/policy/layer.h"
#include "broker/policy/policy_case.h"
#include "broker/policy/rule.h"

namespace writ {

enum class PathAccess : std::uint8_t { kRead, kWrite };       // write includes read
enum class Presence : std::uint8_t { kRequired, kOptional };  // optional: skipped when the path does not exist
enum class Execution : std::uint8_t { kAllowed, kDenied };    // may programs be executed from there?

// What a view has beside its grants.
enum class ViewAreas : std::uint8_t {
  kUsual,  // private /tmp, /dev/shm and home, a minimal /dev, /run and /var
  kNone,
};

// Who changes a writable tree that has names to protect (docs/mediation.md).
enum class Writing : std::uint8_t {
  kNative,    // the tool; new protected names are taken away again
  kMediated,  // the broker, call by call; protected names are refused beforehand
};

// A file or directory tree that appears in the view at its own path, or, where it has a `source`, at another one.
struct PathGrant {
  std::string path;  // absolute, lexically normal, variables expanded
  PathAccess access = PathAccess::kRead;
  Presence presence = Presence::kRequired;
  // True when the person named exactly this path (command line, or a profile's own entry): the one way in which a
  // path of the secrets list may enter a view.
  bool named_exactly = false;
  // kDenied: a rule that allows reading and not executing. (Writable grants: see writable_execution as well.)
  Execution execution = Execution::kAllowed;
  RuleOrigin origin{};
  // kExact: made from a rule that names one object. A directory there must not be granted: its tree would be more.
  PathScope scope = PathScope::kSubtree;
  // Where it is on the host, if not at `path`: a cache of `writ ci`. A file cannot write it; needs a view.
  std::string source{};

  [[nodiscard]] const std::string& host_path() const { return source.empty() ? path : source; }
};

// Stops what is allowed from above: allow and ask rules of places strictly above `path` do not give `stops` here; those
// of this very place and of places beneath still do. What a meet of two profiles needs to say about its halves.
struct PathShield {
  std::string path;
  Rights stops;
  RuleOrigin origin{};
};

// A place that is covered until somebody, asked because a call needs it, allows it. Made by lower_rules(); a file
// cannot write it.
struct AskedPlace {
  PathPattern pattern;
  Rights rights;
  RuleOrigin origin{};
};

struct FilesystemPolicy {
  std::vector<PathGrant> grants;
  // Absolute paths that stay invisible even inside a granted tree (secrets, runtime sockets). A grant that names a
  // hidden path exactly wins over the entry.
  std::vector<std::string> hide;
  // What deny rules say about places inside of granted trees. They hold also against a grant that names the very path.
  std::vector<PathPattern> deny_all;      // invisible
  std::vector<PathPattern> deny_write;    // existing: read-only; new: refused
  std::vector<PathPattern> deny_execute;  // existing: not executable
  std::vector<AskedPlace> asked;          // each of them is in deny_all as well
  std::vector<PathShield> shields;        // made by meet(), lowered by lower_rules(); a file cannot write them
  // Paths relative to the root of each writable grant: existing ones are read-only, new ones are quarantined.
  std::vector<std::string> protect;
  // Paths relative to the root of each writable grant: a change is allowed and reported at the end of the run.
  std::vector<std::string> report_changes;
  Execution scratch_execution = Execution::kAllowed;   // /tmp and the private home
  Execution writable_execution = Execution::kAllowed;  // writable grants
  Writing writing = Writing::kNative;
  ViewAreas areas = ViewAreas::kUsual;  // not a word of the profile language
};

struct EnvironmentPolicy {
  std::vector<std::string> pass;                         // exact names, or a prefix ending in one '*'
  std::vector<std::pair<std::string, std::string>> set;  // name, value; wins over pass
};

enum class UnixSockets : std::uint8_t {
  kNone,     // socketpair(2) only: no socket in a granted tree can be connected to
  kAllowed,  // AF_UNIX sockets can be made; sockets inside granted trees can be connected to
};

enum class NetlinkSockets : std::uint8_t { kNone, kRoute };

struct ProcessPolicy {
  std::string hostname = "writ";
  UnixSockets unix_sockets = UnixSockets::kNone;
  NetlinkSockets netlink = NetlinkSockets::kNone;
};

// Limits of one run. An absent optional means that this kind of limit is not set by the profile; sizes and counts that
// protect the host always have a value.
struct LimitPolicy {
  std::optional<std::chrono::milliseconds> wall_time;
  std::chrono::milliseconds kill_grace{2000};  // between SIGTERM and SIGKILL at the wall-time limit
  std::optional<std::uint64_t> cpu_seconds;    // RLIMIT_CPU, per process
  std::optional<std::uint64_t> address_space;  // bytes, RLIMIT_AS, per process
  std::optional<std::uint64_t> file_size;      // bytes, RLIMIT_FSIZE
  std::uint64_t processes = 4096;              // RLIMIT_NPROC, counted per sandbox (user namespace, kernel 5.14)
  std::uint64_t open_files = 65536;            // RLIMIT_NOFILE
  std::uint64_t tmp_size = 2ull << 30;         // bytes, the private /tmp and home together
  std::uint64_t shm_size = 256ull << 20;       // bytes, the private /dev/shm
  // Of everything in the sandbox together (docs/limits.md).
  std::optional<std::uint64_t> memory;      // bytes
  std::optional<std::uint64_t> swap;        // bytes beside `memory`, without which it means nothing; absent: none
  std::optional<std::uint64_t> cpus;        // thousandths of a processor
  std::optional<std::uint64_t> cpu_weight;  // 1 to 10000; what has none counts as 100
  std::optional<std::chrono::milliseconds> total_cpu_time;
  std::optional<std::uint64_t> output_size;  // bytes of each of standard output and error
  std::optional<std::uint64_t> write_size;   // bytes that are written to disks
};

// Whether a limit is set that only a control group can hold: without one it is sampled at best.
[[nodiscard]] inline bool wants_control_group(const LimitPolicy& limits) {
  return limits.memory || limits.cpus || limits.cpu_weight;
}

// From the widest to the narrowest.
enum class SyscallBase : std::uint8_t {
  kStandard,
  kStrict,
  // For programs that live from their broker socket alone: no names, no sockets, no programs, no processes. Not a word
  // of the profile language: what runs so must be made for it.
  kBrokerOnly,
};

struct SyscallPolicy {
  SyscallBase base = SyscallBase::kStandard;
  std::vector<std::string> allow;  // names added to the base; never one of the always-denied ones
  std::vector<std::string> deny;   // names removed; wins over allow
};

enum class TerminalMode : std::uint8_t {
  kAuto,  // a pseudo-terminal when standard input or output is one
  kNone,  // never a terminal: a terminal on standard input reads as end of file
};

enum class NetworkMode : std::uint8_t { kNone, kHost };

// Must what happens be in an audit log (docs/audit.md)? From the weakest to the strongest.
enum class AuditSetting : std::uint8_t {
  kOff,
  kDefault,   // in the person's log, where it can be written
  kRequired,  // nothing is allowed that could not be recorded before
};
inline constexpr std::array<std::string_view, 3> kAuditSettingNames = {"off", "default", "required"};

struct Profile {
  std::string name;
  std::string description;
  FilesystemPolicy filesystem;
  EnvironmentPolicy environment;
  ProcessPolicy process;
  LimitPolicy limits;
  SyscallPolicy syscalls;
  std::array<Requirement, kLayerCount> isolation{};  // default: every layer is required
  TerminalMode terminal = TerminalMode::kAuto;
  NetworkMode network = NetworkMode::kNone;
  AuditSetting audit = AuditSetting::kDefault;
  std::vector<Rule> rules;            // of `rules:`, allow grants of the lists above not among them
  std::vector<CommandRule> commands;  // of `commands:`
  std::vector<PolicyCase> tests;      // of `tests:` of this very profile; not inherited
  std::vector<std::string> sources;   // display names of the files that it was made of; [0] is "built in"
  std::string home;                   // of the tool: private scratch unless a grant reaches it; empty: not known

  [[nodiscard]] Requirement requirement(Layer layer) const { return isolation[static_cast<std::size_t>(layer)]; }
};

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_PROFILE_H_
