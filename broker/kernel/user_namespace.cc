#include "broker/kernel/user_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <array>

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

long map_own_identity(const IdentityMap& map, SetgroupsRule setgroups) {
  const long proc = raw_syscall(SYS_openat, AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  if (proc < 0) return proc;
  const long result = write_identity_map(static_cast<int>(proc), "self", map, setgroups);
  raw_syscall(SYS_close, proc);
  return result;
}

Status enter_own_user_namespace() {
  const IdentityMap map{::geteuid(), ::geteuid(), ::getegid(), ::getegid()};
  const long unshared = raw_syscall(SYS_unshare, CLONE_NEWUSER);
  if (unshared < 0) return fail_errno(static_cast<int>(-unshared), "cannot make a user namespace");
  const long mapped = map_own_identity(map, SetgroupsRule::kDeny);
  if (mapped < 0) return fail_errno(static_cast<int>(-mapped), "cannot map the user into a user namespace");
  return {};
}

}  // namespace writ
