#include "broker/mediation/caller_record.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstring>
#include <string_view>

namespace writ {
namespace {

// Threads that are remembered. More than this many at work at once only cost opening /proc anew.
constexpr std::size_t kRemembered = 64;

using DescriptorName = std::array<char, 24>;  // fd/NUMBER

DescriptorName name_of_descriptor(int number) {
  DescriptorName name{};
  std::memcpy(name.data(), "fd/", 3);
  std::to_chars(name.data() + 3, name.data() + name.size() - 1, number);
  return name;
}

// Where a link of /proc/TID leads. Nothing also where it may not exist any more: a name may end like that by itself,
// but whoever gets nothing here looks closer (path_of_place).
std::optional<std::string> link_path(int proc, const char* name) {
  constexpr std::string_view kRemoved = " (deleted)";  // proc(5)
  std::array<char, PATH_MAX> target;
  const ssize_t length = ::readlinkat(proc, name, target.data(), target.size());
  if (length <= 0 || length == PATH_MAX || target[0] != '/') return std::nullopt;
  const std::string_view path(target.data(), static_cast<std::size_t>(length));
  if (path.ends_with(kRemoved)) return std::nullopt;
  return std::string(path);
}

}  // namespace

CallerRecord::CallerRecord(pid_t thread) {
  std::array<char, 32> path{};
  std::memcpy(path.data(), "/proc/", 6);
  std::to_chars(path.data() + 6, path.data() + path.size() - 1, thread);
  proc_.reset(::open(path.data(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  working_directory_link_.reset(::openat(proc_.get(), "cwd", O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

// A name beneath the directory of an ended thread is not found, even when the number is somebody else's.
bool CallerRecord::alive() const { return ::faccessat(proc_.get(), "fd", F_OK, 0) == 0; }

UniqueFd CallerRecord::working_directory() const {
  return UniqueFd(::openat(proc_.get(), "cwd", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

UniqueFd CallerRecord::descriptor(int number) const {
  const DescriptorName name = name_of_descriptor(number);
  UniqueFd found(::openat(proc_.get(), name.data(), O_PATH | O_CLOEXEC));
  if (!found.valid() && errno == ENOENT) errno = EBADF;  // what a call with that number would get
  return found;
}

UniqueFd CallerRecord::directory(int number) const {
  return number == AT_FDCWD ? working_directory() : descriptor(number);
}

std::optional<std::string> CallerRecord::working_directory_path() const {
  return link_path(working_directory_link_.get(), "");
}

std::optional<std::string> CallerRecord::directory_path(int number) const {
  const DescriptorName name = name_of_descriptor(number);
  struct stat status {};
  if (::fstatat(proc_.get(), name.data(), &status, 0) != 0 || !S_ISDIR(status.st_mode)) return std::nullopt;
  return link_path(proc_.get(), name.data());
}

std::optional<mode_t> CallerRecord::read_umask() const {
  const UniqueFd status(::openat(proc_.get(), "status", O_RDONLY | O_CLOEXEC));
  std::array<char, 512> text{};  // the field is the second one; a name before it has at most 64 characters
  const ssize_t length = ::read(status.get(), text.data(), text.size());
  constexpr std::string_view kField = "\nUmask:\t";
  const std::string_view got(text.data(), length < 0 ? 0 : static_cast<std::size_t>(length));
  const std::size_t at = got.find(kField);
  unsigned mask = 0;
  if (at == std::string_view::npos) return std::nullopt;
  const char* digits = got.data() + at + kField.size();
  const auto parsed = std::from_chars(digits, got.data() + got.size(), mask, 8);
  if (parsed.ec != std::errc() || mask > 0777) return std::nullopt;
  return static_cast<mode_t>(mask);
}

std::string CallerRecord::program() const {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlinkat(proc_.get(), "exe", target.data(), target.size());
  return std::string(target.data(), length <= 0 ? 0 : static_cast<std::size_t>(length));
}

std::vector<std::string> CallerRecord::arguments() const {
  const UniqueFd file(::openat(proc_.get(), "cmdline", O_RDONLY | O_CLOEXEC));
  std::string text(kArgumentBytes, '\0');
  const ssize_t length = ::read(file.get(), text.data(), text.size());
  text.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\0', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

CallerTable::Entry& CallerTable::entry(pid_t thread) {
  auto found = entries_.find(thread);
  if (found != entries_.end() && found->second.record->alive()) return found->second;
  if (found != entries_.end()) entries_.erase(found);
  if (entries_.size() >= kRemembered) entries_.clear();
  return entries_.emplace(thread, Entry{std::make_shared<CallerRecord>(thread), std::nullopt, 0}).first->second;
}

std::shared_ptr<const CallerRecord> CallerTable::record(pid_t thread) { return entry(thread).record; }

std::shared_ptr<const CallerRecord> CallerTable::remembered(pid_t thread) const {
  const auto found = entries_.find(thread);
  return found == entries_.end() ? nullptr : found->second.record;
}

std::optional<mode_t> CallerTable::umask_of(pid_t thread, const CallerRecord& known) {
  const auto found = entries_.find(thread);
  if (found == entries_.end() || found->second.record.get() != &known) return known.read_umask();
  Entry& caller = found->second;
  const bool settled = changing_.empty() && !lost_count_;
  if (caller.umask && caller.generation == generation_ && settled) return caller.umask;
  const std::optional<mode_t> umask = caller.record->read_umask();
  // While a change is under way, what was read may be the value before it: it counts for this call only.
  caller.umask = settled ? umask : std::nullopt;
  caller.generation = generation_;
  return umask;
}

void CallerTable::umask_changes(pid_t thread) {
  ++generation_;
  // Threads that die before their next call stay here; then nothing is remembered, which is only slower.
  lost_count_ = lost_count_ || changing_.size() >= kRemembered;
  if (!lost_count_) changing_.insert(thread);
}

void CallerTable::note_call(pid_t thread) {
  if (changing_.erase(thread) > 0) ++generation_;
}

}  // namespace writ
