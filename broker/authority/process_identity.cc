#include "broker/authority/process_identity.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <optional>

#include "broker/base/escape.h"
#include "broker/base/unique_fd.h"

namespace writ {
namespace {

constexpr int kStartField = 22;     // proc_pid_stat(5), counted from 1
constexpr int kFirstAfterName = 3;  // the name, field 2, may hold spaces and parentheses
constexpr std::size_t kSmallFile = 4096;

std::optional<std::string> read_small_file(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return std::nullopt;
  std::array<char, kSmallFile> buffer{};
  const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
  if (count < 0) return std::nullopt;
  return std::string(buffer.data(), static_cast<std::size_t>(count));
}

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number number{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string_view take_word(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

std::optional<std::uint64_t> start_of(std::int64_t pid) {
  const std::optional<std::string> stat = read_small_file("/proc/" + std::to_string(pid) + "/stat");
  if (!stat) return std::nullopt;
  const std::size_t name_end = stat->rfind(") ");
  if (name_end == std::string::npos) return std::nullopt;
  std::string_view rest = std::string_view(*stat).substr(name_end + 2);
  // A zombie acts no more.
  if (rest.starts_with('Z') || rest.starts_with('X')) return std::nullopt;
  std::string_view word;
  for (int field = kFirstAfterName; field <= kStartField; ++field) word = take_word(rest, ' ');
  return number_in<std::uint64_t>(word);
}

}  // namespace

Result<ProcessIdentity> ProcessIdentity::current() {
  ProcessIdentity self;
  const std::optional<std::string> boot = read_small_file("/proc/sys/kernel/random/boot_id");
  struct stat name_space {};
  self.pid = ::getpid();
  const std::optional<std::uint64_t> start = start_of(self.pid);
  if (!boot || !start || ::stat("/proc/self/ns/pid", &name_space) != 0)
    return fail_errno(errno, "cannot read from /proc which process this is");
  self.boot = boot->substr(0, boot->find('\n'));
  self.pid_namespace = name_space.st_ino;
  self.start = *start;
  return self;
}

std::string ProcessIdentity::text() const {
  return std::to_string(pid) + " " + std::to_string(start) + " " + std::to_string(pid_namespace) + " " + boot;
}

Result<ProcessIdentity> ProcessIdentity::parse(std::string_view text) {
  std::string_view rest = text;
  const auto pid = number_in<std::int64_t>(take_word(rest, ' '));
  const auto start = number_in<std::uint64_t>(take_word(rest, ' '));
  const auto name_space = number_in<std::uint64_t>(take_word(rest, ' '));
  if (!pid || !start || !name_space || rest.empty()) return fail(quote_bytes(text, 200) + " names no process");
  return ProcessIdentity{std::string(rest), *name_space, *pid, *start};
}

bool ProcessIdentity::is_gone(const ProcessIdentity& self) const {
  if (boot != self.boot) return true;
  if (pid_namespace != self.pid_namespace) return false;
  return start_of(pid) != start;
}

}  // namespace writ
