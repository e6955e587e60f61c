#include "broker/observation/tree_sampler.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string>

#include "broker/base/unique_fd.h"

namespace writ {
namespace {

constexpr std::size_t kProcessLimit = 16384;

std::string proc_path(pid_t process, std::string_view rest) {
  return std::string("/proc/").append(std::to_string(process)).append("/").append(rest);
}

// The first bytes of a file. Returns 0 or the positive errno.
int read_file(const std::string& path, std::string& text) {
  text.clear();
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file.valid()) return errno;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0) return errno;
    if (got == 0) return 0;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

// proc_pid_task(5): children are of threads.
void add_children(pid_t process, std::vector<pid_t>& found) {
  DIR* const threads = ::opendir(proc_path(process, "task").c_str());
  if (threads == nullptr) return;
  std::string text;
  while (const dirent* entry = ::readdir(threads)) {
    if (entry->d_name[0] == '.') continue;
    if (read_file(proc_path(process, "task/").append(entry->d_name).append("/children"), text) != 0) continue;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at < end && found.size() < kProcessLimit) {
      pid_t child = 0;
      const auto [next, problem] = std::from_chars(at, end, child);
      if (problem == std::errc()) found.push_back(child);
      at = problem == std::errc() ? next : next + 1;
    }
  }
  ::closedir(threads);
}

// Shared pages count in part for each (PSS); where that may not be read, what is a process's alone.
std::uint64_t memory_of(pid_t process) {
  std::string text;
  if (read_file(proc_path(process, "smaps_rollup"), text) == 0)
    if (const auto kibibytes = number_behind(text, "Pss")) return *kibibytes << 10;
  if (read_file(proc_path(process, "statm"), text) != 0) return 0;
  std::array<std::uint64_t, 3> fields{};
  const char* at = text.data();
  for (std::uint64_t& field : fields) {
    const auto [next, problem] = std::from_chars(at, text.data() + text.size(), field);
    if (problem != std::errc()) return 0;
    at = next + 1;
  }
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return (fields[1] - std::min(fields[1], fields[2])) * page;
}

std::uint64_t ticks_of(pid_t process) {
  std::string text;
  return read_file(proc_path(process, "stat"), text) == 0 ? ticks_of_stat(text) : 0;
}

}  // namespace

std::uint64_t ticks_of_stat(std::string_view text) {
  const std::size_t bracket = text.rfind(')');
  if (bracket == std::string_view::npos) return 0;
  text.remove_prefix(bracket + 1);
  std::uint64_t sum = 0;
  for (int field = 2; field <= 17; ++field) {
    if (field >= 14) {
      std::uint64_t number = 0;
      std::from_chars(text.data(), text.data() + text.size(), number);
      sum += number;
    }
    const std::size_t blank = text.find(' ');
    if (blank == std::string_view::npos) return sum;
    text.remove_prefix(blank + 1);
  }
  return sum;
}

std::optional<std::uint64_t> number_behind(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ':') continue;
    line.remove_prefix(key.size() + 1);
    while (line.starts_with(' ')) line.remove_prefix(1);
    std::uint64_t number = 0;
    const auto [end, problem] = std::from_chars(line.data(), line.data() + line.size(), number);
    if (problem == std::errc()) return number;
  }
  return std::nullopt;
}

// Init cannot be asked what it took over from its children: it is closed to everybody. So their last figures are kept.
std::uint64_t TreeSampler::written_by(pid_t process, bool by_init, TreeUse& use) {
  std::string text;
  const int error = read_file(proc_path(process, "io"), text);
  if (error == EACCES || error == EPERM) use.closed = process;
  if (error != 0) return 0;
  const std::uint64_t written = number_behind(text, "write_bytes").value_or(0);
  seen_[process] = {written, by_init, round_};
  return written;
}

TreeUse TreeSampler::look() {
  ++round_;
  TreeUse use;
  std::vector<pid_t> processes;
  add_children(init_, processes);
  const std::size_t of_init = processes.size();
  for (std::size_t i = 0; i < processes.size(); ++i) add_children(processes[i], processes);
  use.processes = processes.size();
  std::uint64_t ticks = what_.cpu_time ? ticks_of(init_) : 0;
  for (std::size_t i = 0; i < processes.size(); ++i) {
    if (what_.memory) use.memory += memory_of(processes[i]);
    if (what_.cpu_time) ticks += ticks_of(processes[i]);
    if (what_.written) use.written += written_by(processes[i], i < of_init, use);
  }
  std::erase_if(seen_, [this](const auto& entry) {
    const bool ended = entry.second.round != round_;
    if (ended && entry.second.by_init) gone_ += entry.second.written;
    return ended;
  });
  use.written += gone_;
  const auto in_a_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  use.cpu_time =
      std::chrono::milliseconds(static_cast<std::int64_t>(ticks * 1000 / std::max<std::uint64_t>(in_a_second, 1)));
  return use;
}

}  // namespace writ
