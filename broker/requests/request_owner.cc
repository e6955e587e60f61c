#include "broker/requests/request_owner.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

#include "broker/base/unique_fd.h"

namespace writ {
namespace {

constexpr const char* kBootId = "/proc/sys/kernel/random/boot_id";
constexpr int kFieldsToStart = 20;  // of the fields behind the name, the start is the 20th

std::string read_short(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> space{};
  const ssize_t count = file.valid() ? ::read(file.get(), space.data(), space.size()) : -1;
  std::string text(space.data(), count < 0 ? 0 : static_cast<std::size_t>(count));
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

std::string pid_namespace_here() {
  std::array<char, 64> space{};
  const ssize_t count = ::readlink("/proc/self/ns/pid", space.data(), space.size());
  return {space.data(), count < 0 ? 0 : static_cast<std::size_t>(count)};
}

struct ProcessStat {
  char state = '?';
  std::int64_t start = 0;
};

// proc(5): "pid (name) state …"; the name can hold anything, also parentheses.
std::optional<ProcessStat> stat_of(std::int64_t pid) {
  const std::string text = read_short("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= text.size()) return std::nullopt;
  std::string_view rest = std::string_view(text).substr(name_end + 2);
  ProcessStat stat;
  stat.state = rest.front();
  for (int field = 1; field < kFieldsToStart; ++field) {
    const std::size_t space = rest.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(space + 1);
  }
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), stat.start);
  if (error != std::errc()) return std::nullopt;
  return stat;
}

}  // namespace

Result<RequestOwner> request_owner_of_this_process() {
  RequestOwner owner;
  owner.pid = ::getpid();
  owner.boot = read_short(kBootId);
  owner.pid_namespace = pid_namespace_here();
  const std::optional<ProcessStat> stat = stat_of(owner.pid);
  if (!stat || owner.boot.empty() || owner.pid_namespace.empty())
    return fail("cannot say which process this is: /proc is not there");
  owner.start = stat->start;
  return owner;
}

OwnerState owner_state(const RequestOwner& owner) {
  const std::string boot = read_short(kBootId);
  if (boot.empty()) return OwnerState::kUnknown;
  if (boot != owner.boot) return OwnerState::kGone;
  if (pid_namespace_here() != owner.pid_namespace) return OwnerState::kUnknown;
  const std::optional<ProcessStat> stat = stat_of(owner.pid);
  if (stat) {
    const bool ended = stat->state == 'Z' || stat->state == 'X' || stat->start != owner.start;
    return ended ? OwnerState::kGone : OwnerState::kAlive;
  }
  // With hidepid, /proc does not show what is there.
  const bool exists = owner.pid > 0 && (::kill(static_cast<pid_t>(owner.pid), 0) == 0 || errno == EPERM);
  return exists ? OwnerState::kUnknown : OwnerState::kGone;
}

}  // namespace writ
