#include "broker/kernel/pseudo_terminal.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <vector>

namespace writ {
namespace {

constexpr int kNoNamespaces = 99;

bool write_text(const char* path, const std::string& text) {
  const UniqueFd file(::open(path, O_WRONLY | O_CLOEXEC));
  return file.valid() && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool enter_own_namespaces() {
  const std::string uid = std::to_string(::getuid());
  const std::string gid = std::to_string(::getgid());
  return ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_text("/proc/self/setgroups", "deny") &&
         write_text("/proc/self/uid_map", uid + " " + uid + " 1") &&
         write_text("/proc/self/gid_map", gid + " " + gid + " 1");
}

// Runs `body` in a child with a user and mount namespace of its own; returns what it returned.
int in_own_namespaces(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(enter_own_namespaces() ? body() : kNoNamespaces);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool bytes_cross(int from, int to, const std::string& text) {
  char buffer[64];
  if (::write(from, text.data(), text.size()) != static_cast<ssize_t>(text.size())) return false;
  const ssize_t count = ::read(to, buffer, sizeof(buffer));
  return count > 0 && std::string(buffer, static_cast<std::size_t>(count)).starts_with(text.substr(0, text.size() - 1));
}

std::string name_of(int descriptor) {
  char target[256];
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t count = ::readlink(link.c_str(), target, sizeof(target));
  return count > 0 ? std::string(target, static_cast<std::size_t>(count)) : "";
}

bool attach(int mount, const char* path) {
  constexpr unsigned kFromEmptyPath = 0x4;  // MOVE_MOUNT_F_EMPTY_PATH
  constexpr long kMoveMount = 429;
  return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::syscall(kMoveMount, mount, "", AT_FDCWD, path, kFromEmptyPath) == 0;
}

int check_private_terminal() {
  auto terminal = make_private_pseudo_terminal();
  if (!terminal) return 10;
  const int slave = terminal->slave.get();
  const int master = terminal->master.get();
  if (::isatty(slave) != 1) return 11;
  if ((::fcntl(master, F_GETFL) & O_NONBLOCK) == 0) return 12;
  if ((::fcntl(master, F_GETFD) & FD_CLOEXEC) == 0 || (::fcntl(slave, F_GETFD) & FD_CLOEXEC) == 0) return 13;
  if (!bytes_cross(master, slave, "to the tool\n")) return 14;
  struct stat node {};
  if (::fstat(slave, &node) != 0 || (node.st_mode & 0777) != 0620 || node.st_uid != ::getuid()) return 15;
  if (!attach(terminal->devpts_mount.get(), "/dev/pts")) return 16;
  if (name_of(slave) != "/dev/pts/0") return 17;
  char name[64];
  if (::ttyname_r(slave, name, sizeof(name)) != 0 || std::string(name) != "/dev/pts/0") return 18;
  const UniqueFd by_name(::open("/dev/pts/0", O_RDWR | O_NOCTTY | O_CLOEXEC));
  return by_name.valid() && ::isatty(by_name.get()) == 1 ? 0 : 19;
}

int check_instance_limit() {
  auto mount = make_devpts_mount();
  if (!mount) return 10;
  std::vector<UniqueFd> masters;
  for (int i = 0; i <= kPseudoTerminalsPerInstance; ++i) {
    UniqueFd master(::openat(mount->get(), "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!master.valid()) return i == kPseudoTerminalsPerInstance && errno == ENOSPC ? 0 : 11;
    masters.push_back(std::move(master));
  }
  return 12;
}

int check_instances_are_apart() {
  auto first = make_private_pseudo_terminal();
  auto second = make_private_pseudo_terminal();
  if (!first || !second) return 10;
  struct stat a {};
  struct stat b {};
  if (::fstat(first->slave.get(), &a) != 0 || ::fstat(second->slave.get(), &b) != 0) return 11;
  // The same number in both, yet not the same device file system: neither is to be reached from the other.
  if (a.st_dev == b.st_dev) return 12;
  const UniqueFd other(::openat(second->devpts_mount.get(), "1", O_RDWR | O_NOCTTY | O_CLOEXEC));
  return other.valid() ? 13 : 0;
}

int check_no_controlling_terminal() {
  if (::setsid() < 0) return 10;
  auto terminal = make_private_pseudo_terminal();
  if (!terminal) return 11;
  const UniqueFd controlling(::open("/dev/tty", O_RDWR | O_CLOEXEC));
  return controlling.valid() ? 12 : 0;
}

int check_without_capability() {
  struct {
    unsigned version;
    int pid;
  } header{0x20080522, 0};
  unsigned sets[6] = {};
  if (::syscall(SYS_capset, &header, sets) != 0) return 10;
  const auto mount = make_devpts_mount();
  return !mount && mount.error().system_errno == EPERM ? 0 : 11;
}

void expect_in_namespaces(const std::function<int()>& body) {
  const int result = in_own_namespaces(body);
  if (result == kNoNamespaces) {
    WARN("SKIP: no user namespaces on this host");
    return;
  }
  CHECK(result == 0);
}

TEST_CASE("pseudo terminal: a private one is /dev/pts/0 once its mount is attached") {
  expect_in_namespaces(check_private_terminal);
}

TEST_CASE("pseudo terminal: one instance cannot use up the host's terminals") {
  expect_in_namespaces(check_instance_limit);
}

TEST_CASE("pseudo terminal: two instances do not see each other") { expect_in_namespaces(check_instances_are_apart); }

TEST_CASE("pseudo terminal: it never becomes the maker's controlling terminal") {
  expect_in_namespaces(check_no_controlling_terminal);
}

TEST_CASE("pseudo terminal: without CAP_SYS_ADMIN the error says so") {
  expect_in_namespaces(check_without_capability);
}

TEST_CASE("pseudo terminal: the host's devpts is the fallback") {
  const auto terminal = make_host_pseudo_terminal();
  if (!terminal) {
    WARN("SKIP: " << terminal.error().describe());
    return;
  }
  CHECK_FALSE(terminal->devpts_mount.valid());
  CHECK(::isatty(terminal->slave.get()) == 1);
  CHECK(bytes_cross(terminal->master.get(), terminal->slave.get(), "line\n"));
}

}  // namespace
}  // namespace writ
