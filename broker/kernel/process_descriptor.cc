#include "broker/kernel/process_descriptor.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string_view>
#include <thread>

#include "broker/kernel/descriptor_table.h"
#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

std::string proc_path(pid_t thread, std::string_view rest) {
  return "/proc/" + std::to_string(thread).append("/").append(rest);
}

// The process of a thread, for kernels before 6.9, which open processes only.
pid_t process_of(pid_t thread) {
  std::ifstream status(proc_path(thread, "status"));
  constexpr std::string_view kKey = "Tgid:";
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(kKey)) return static_cast<pid_t>(std::strtol(line.c_str() + kKey.size(), nullptr, 10));
  return -1;
}

// By thread where the kernel can: a thread may have a table of its own.
UniqueFd open_process(pid_t thread) {
  long opened = raw_syscall(SYS_pidfd_open, thread, abi::kPidfdThread);
  if (opened == -EINVAL) opened = raw_syscall(SYS_pidfd_open, process_of(thread), 0);
  return UniqueFd(static_cast<int>(opened));
}

bool is_epoll(pid_t thread, const char* number) {
  char target[32] = {};
  const ssize_t length =
      ::readlink(proc_path(thread, std::string("fd/").append(number)).c_str(), target, sizeof target);
  return length > 0 && std::string_view(target, static_cast<std::size_t>(length)) == "anon_inode:[eventpoll]";
}

void add_registrations_of(pid_t thread, const char* epoll, int number, std::vector<EpollRegistration>& found) {
  std::ifstream info(proc_path(thread, std::string("fdinfo/").append(epoll)));
  for (std::string line; std::getline(info, line);) {
    const std::optional<WatchedEvents> watched = watched_events(line, number);
    if (!watched) continue;
    auto copy = take_descriptor_of(thread, static_cast<int>(std::strtol(epoll, nullptr, 10)));
    if (copy) found.push_back({std::move(*copy), watched->events, watched->data});
  }
}

void restore_in_own_table(const std::vector<EpollRegistration>& registrations, int file, int number) {
  // Without a table of our own the next line would replace one of the broker's descriptors.
  if (::unshare(CLONE_FILES) != 0) return;
  std::vector<int> epolls;  // numbers of a table that ends with this thread: nobody has to close them
  epolls.reserve(registrations.size());
  // Above `number`, so that none of them is in its place.
  for (const EpollRegistration& one : registrations)
    epolls.push_back(::fcntl(one.epoll.get(), F_DUPFD_CLOEXEC, number + 1));
  if (file != number && ::dup2(file, number) < 0) return;
  for (std::size_t i = 0; i < epolls.size(); ++i) {
    epoll_event event{};
    event.events = registrations[i].events;
    event.data.u64 = registrations[i].data;
    (void)::epoll_ctl(epolls[i], EPOLL_CTL_ADD, number, &event);
  }
}

}  // namespace

tl::expected<UniqueFd, int> take_descriptor_of(pid_t thread, int number) {
  const UniqueFd process = open_process(thread);
  if (!process.valid()) return tl::unexpected<int>(ESRCH);
  const long taken = raw_syscall(SYS_pidfd_getfd, process.get(), number, 0);
  if (taken < 0) return tl::unexpected<int>(static_cast<int>(-taken));
  return UniqueFd(static_cast<int>(taken));
}

std::optional<int> descriptor_flags(pid_t thread, int number) {
  std::ifstream info(proc_path(thread, "fdinfo/" + std::to_string(number)));
  constexpr std::string_view kKey = "flags:";
  for (std::string line; std::getline(info, line);)
    if (line.starts_with(kKey)) return static_cast<int>(std::strtol(line.c_str() + kKey.size(), nullptr, 8));
  return std::nullopt;
}

std::optional<WatchedEvents> watched_events(const std::string& fdinfo_line, int number) {
  int watched = -1;
  WatchedEvents found;
  unsigned long long data = 0;
  // "tfd: %8d events: %8x data: %16llx …" of fs/eventpoll.c
  if (std::sscanf(fdinfo_line.c_str(), "tfd: %d events: %x data: %llx", &watched, &found.events, &data) != 3)
    return std::nullopt;
  if (watched != number) return std::nullopt;
  found.data = data;
  return found;
}

std::vector<EpollRegistration> find_epoll_registrations(pid_t thread, int number) {
  std::vector<EpollRegistration> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> table(::opendir(proc_path(thread, "fd").c_str()), &::closedir);
  if (!table) return found;
  while (const dirent* entry = ::readdir(table.get()))
    if (is_epoll(thread, entry->d_name)) add_registrations_of(thread, entry->d_name, number, found);
  return found;
}

void restore_epoll_registrations(const std::vector<EpollRegistration>& registrations, int file, int number) {
  if (registrations.empty()) return;
  make_room_for_descriptors(number);
  std::thread(restore_in_own_table, std::cref(registrations), file, number).join();
}

}  // namespace writ
