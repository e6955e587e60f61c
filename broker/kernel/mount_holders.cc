#include "broker/kernel/mount_holders.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fstream>
#include <memory>
#include <optional>
#include <set>
#include <utility>

namespace writ {
namespace {

// A sandbox that starts processes faster than they can be looked at is not waited for.
constexpr int kPassLimit = 8;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

std::string proc_path(pid_t process, std::string_view rest) {
  return "/proc/" + std::to_string(process).append("/").append(rest);
}

std::vector<std::string> names_in(const std::string& path, int* error = nullptr) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
  if (error != nullptr) *error = directory ? 0 : errno;
  if (!directory) return names;
  while (const dirent* entry = ::readdir(directory.get()))
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  return names;
}

template <class Number>
std::optional<Number> number_in(std::string_view text, int base = 10) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return number;
}

// The mount of what the magic link `path` leads to, without opening that.
tl::expected<MountIdentity, int> mount_behind(const std::string& path) {
  struct statx status {};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_MNT_ID, &status) != 0) return tl::unexpected<int>(errno);
  if ((status.stx_mask & STATX_MNT_ID) == 0) return tl::unexpected<int>(ENOSYS);
  return MountIdentity{status.stx_mnt_id, status.stx_dev_major, status.stx_dev_minor};
}

// Processes below `init`, itself left out: it is our own code and holds nothing of the view's trees.
void add_children(pid_t process, std::set<pid_t>& found) {
  for (const std::string& thread : names_in(proc_path(process, "task"))) {
    std::ifstream children(proc_path(process, "task/" + thread + "/children"));
    for (pid_t child = 0; children >> child;)
      if (found.insert(child).second) add_children(child, found);
  }
}

std::string program_of(pid_t process) {
  std::ifstream file(proc_path(process, "comm"));
  std::string name;
  std::getline(file, name);
  return name;
}

std::optional<std::uint64_t> mount_of_descriptor(const std::string& information) {
  std::ifstream file(information);
  constexpr std::string_view kKey = "mnt_id:";
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(kKey)) continue;
    const std::size_t digit = line.find_first_of("0123456789");
    return digit == std::string::npos ? std::nullopt : number_in<std::uint64_t>(line.substr(digit));
  }
  return std::nullopt;
}

// One process that is looked at.
class Examination {
 public:
  Examination(pid_t process, const MountIdentity& mount, MountHolders& found)
      : process_(process), mount_(mount), found_(found), program_(program_of(process)) {}

  void run() {
    for (const std::string& thread : names_in(proc_path(process_, "task"), &error_)) look_at_thread("task/" + thread);
    look_at_link("exe", HeldAs::kProgram);
    look_at_mappings();
    // A process that is gone holds nothing.
    if (error_ != 0 && error_ != ENOENT && error_ != ESRCH) ++found_.not_examined;
  }

 private:
  void add(HeldAs as, int descriptor = -1) {
    const bool known = std::any_of(found_.holders.begin(), found_.holders.end(), [&](const MountHolder& holder) {
      return holder.process == process_ && holder.as == as && holder.descriptor == descriptor;
    });
    if (!known) found_.holders.push_back({process_, program_, as, descriptor});
  }

  void look_at_link(const std::string& name, HeldAs as) {
    const auto mount = mount_behind(proc_path(process_, name));
    if (mount && mount->number == mount_.number) add(as);
    if (!mount && mount.error() != ENOENT && mount.error() != ESRCH) error_ = mount.error();
  }

  // Each thread can have directories and a table of descriptors of its own (CLONE_FS, CLONE_FILES).
  void look_at_thread(const std::string& thread) {
    look_at_link(thread + "/cwd", HeldAs::kWorkingDirectory);
    look_at_link(thread + "/root", HeldAs::kRootDirectory);
    int error = 0;
    for (const std::string& number : names_in(proc_path(process_, thread + "/fdinfo"), &error))
      if (mount_of_descriptor(proc_path(process_, thread + "/fdinfo/" + number)) == mount_.number)
        add(HeldAs::kDescriptor, number_in<int>(number).value_or(-1));
    if (error != 0) error_ = error;
  }

  // A line of maps: "range modes offset major:minor inode   path".
  void look_at_mappings() {
    std::ifstream maps(proc_path(process_, "maps"));
    for (std::string line; std::getline(maps, line);) {
      std::size_t at = 0;
      for (int field = 0; field < 3 && at != std::string::npos; ++field) at = line.find(' ', at + (field > 0 ? 1 : 0));
      const std::size_t slash = line.find('/');
      if (at == std::string::npos || slash == std::string::npos) continue;
      if (is_on_device(std::string_view(line).substr(at + 1)) && !has_name(line.substr(slash), line))
        return add(HeldAs::kMapping);
    }
  }

  [[nodiscard]] bool is_on_device(std::string_view device_and_rest) const {
    const std::size_t colon = device_and_rest.find(':');
    if (colon == std::string_view::npos) return false;
    return number_in<std::uint32_t>(device_and_rest, 16) == mount_.device_major &&
           number_in<std::uint32_t>(device_and_rest.substr(colon + 1), 16) == mount_.device_minor;
  }

  // Does `path` of the view still lead to the file that the line is about?
  [[nodiscard]] bool has_name(const std::string& path, const std::string& line) const {
    struct stat status {};
    if (::fstatat(AT_FDCWD, proc_path(process_, "root" + path).c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return false;
    return line.find(" " + std::to_string(status.st_ino) + " ") != std::string::npos;
  }

  pid_t process_;
  const MountIdentity& mount_;
  MountHolders& found_;
  std::string program_;
  int error_ = 0;
};

bool has_ended(int process) {
  pollfd entry{process, POLLIN, 0};
  return ::poll(&entry, 1, 0) != 0;
}

// What was read under the number is about this process only if it still runs afterwards.
void examine(pid_t process, const MountIdentity& mount, MountHolders& found) {
  UniqueFd descriptor(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
  if (!descriptor.valid()) return;
  const std::size_t before = found.holders.size();
  ++found.looked_at;
  Examination(process, mount, found).run();
  if (has_ended(descriptor.get())) found.holders.resize(before);
  if (found.holders.size() > before) found.processes.push_back(std::move(descriptor));
}

}  // namespace

tl::expected<MountIdentity, int> mount_seen_below(pid_t init, std::string_view place) {
  std::set<pid_t> processes;
  add_children(init, processes);
  tl::expected<MountIdentity, int> seen = tl::unexpected<int>(ESRCH);
  for (const pid_t process : processes)
    if (seen = mount_behind(proc_path(process, "root").append(place)); seen) break;
  return seen;
}

MountHolders find_mount_holders(pid_t init, const MountIdentity& mount) {
  MountHolders found;
  std::set<pid_t> seen;
  for (int pass = 0; pass < kPassLimit; ++pass) {
    std::set<pid_t> processes;
    add_children(init, processes);
    std::vector<pid_t> fresh;
    std::set_difference(processes.begin(), processes.end(), seen.begin(), seen.end(), std::back_inserter(fresh));
    if (fresh.empty()) break;
    for (const pid_t process : fresh) examine(process, mount, found);
    seen.insert(fresh.begin(), fresh.end());
  }
  return found;
}

std::size_t end_holders(const MountHolders& found) {
  return static_cast<std::size_t>(
      std::count_if(found.processes.begin(), found.processes.end(), [](const UniqueFd& process) {
        const long sent = ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
        return sent == 0 || errno == ESRCH;
      }));
}

}  // namespace writ
