#include "broker/kernel/user_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>

#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

// A small text built without allocation.
class FixedText {
 public:
  void append(const char* text) {
    while (*text != '\0' && length_ + 1 < text_.size()) text_[length_++] = *text++;
  }
  void append(std::uint32_t number) {
    std::array<char, 11> digits{};
    std::size_t first = digits.size() - 1;
    do {
      digits[--first] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    append(digits.data() + first);
  }
  [[nodiscard]] const char* c_str() const { return text_.data(); }
  [[nodiscard]] std::size_t length() const { return length_; }

 private:
  std::array<char, 64> text_{};
  std::size_t length_ = 0;
};

long write_file(int proc, const char* process, const char* file, const char* text, std::size_t length) {
  FixedText path;
  path.append(process);
  path.append("/");
  path.append(file);
  const long fd = raw_syscall(SYS_openat, proc, path.c_str(), O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) return fd;
  const long written = raw_syscall(SYS_write, fd, text, length);
  raw_syscall(SYS_close, fd);
  return written < 0 ? written : 0;
}

long write_map(int proc, const char* process, const char* file, std::uint32_t inside, std::uint32_t outside) {
  FixedText line;
  line.append(inside);
  line.append(" ");
  line.append(outside);
  line.append(" 1");
  return write_file(proc, process, file, line.c_str(), line.length());
}

}  // namespace

long write_identity_map(int proc, const char* process, const IdentityMap& map, SetgroupsRule setgroups) {
  if (setgroups == SetgroupsRule::kDeny) {
    const long denied = write_file(proc, process, "setgroups", "deny", 4);
    if (denied < 0) return denied;
  }
  const long uid = write_map(proc, process, "uid_map", map.inside_uid, map.outside_uid);
  if (uid < 0) return uid;
  return write_map(proc, process, "gid_map", map.inside_gid, map.outside_gid);
}

Status enter_own_user_namespace() {
  const IdentityMap map{::geteuid(), ::geteuid(), ::getegid(), ::getegid()};
  const long unshared = raw_syscall(SYS_unshare, CLONE_NEWUSER);
  if (unshared < 0) return fail_errno(static_cast<int>(-unshared), "cannot make a user namespace");
  const UniqueFd proc(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!proc.valid()) return fail_errno(errno, "cannot open /proc");
  const long mapped = write_identity_map(proc.get(), "self", map, SetgroupsRule::kDeny);
  if (mapped < 0) return fail_errno(static_cast<int>(-mapped), "cannot map the user into a user namespace");
  return {};
}

namespace {

constexpr std::size_t kHolderStackSize = 4096;

// Holds a user namespace alive until it is killed. It shares our memory, so it does nothing but wait.
int hold_namespace(void* parent) {
  raw_syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  // The parent may have died before that line.
  if (raw_syscall(SYS_getppid) != *static_cast<long*>(parent)) raw_syscall(SYS_exit_group, 0);
  // Copies of the broker's sockets would hide its end from the other side.
  raw_syscall(SYS_close_range, 0, ~0u, 0);
  for (;;) raw_syscall(SYS_ppoll, nullptr, 0, nullptr, nullptr, 0);
}

}  // namespace

Result<UniqueFd> make_mapped_user_namespace(const IdentityMap& map) {
  alignas(16) std::array<char, kHolderStackSize> stack{};
  // CLONE_VM: copying the page tables for a process that only waits would cost more than all the rest.
  long parent = ::getpid();
  const int child = ::clone(hold_namespace, stack.data() + stack.size(), CLONE_VM | CLONE_NEWUSER | SIGCHLD, &parent);
  if (child < 0) return fail_errno(errno, "cannot make a user namespace for ownership translation");
  const std::string process = std::to_string(child);
  const UniqueFd proc(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const long mapped = write_identity_map(proc.get(), process.c_str(), map, SetgroupsRule::kKeep);
  UniqueFd user_namespace(::openat(proc.get(), (process + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC));
  const int open_errno = errno;
  // It must be gone before its stack is.
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  if (mapped < 0) return fail_errno(static_cast<int>(-mapped), "cannot map identities for ownership translation");
  if (!user_namespace.valid()) return fail_errno(open_errno, "cannot open the namespace for ownership translation");
  return user_namespace;
}

}  // namespace writ
