#include "broker/sandbox/host_path.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {

bool path_lies_in(std::string_view path, std::string_view tree) {
  return path.substr(0, tree.size()) == tree && (path.size() == tree.size() || path[tree.size()] == '/');
}

std::string path_of_descriptor(int fd) {
  std::array<char, PATH_MAX> target{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
  return std::string(target.data(), length <= 0 ? 0 : static_cast<std::size_t>(length));
}

// A path that opens without following any link is canonical already, which spares asking /proc for most of them.
UniqueFd open_and_resolve(const std::string& path, std::string& real) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS;
  const long direct = raw_syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how);
  if (direct >= 0) {
    real = path;
    return UniqueFd(static_cast<int>(direct));
  }
  if (direct != -ELOOP && direct != -ENOSYS) return UniqueFd();
  UniqueFd object(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (object.valid()) real = path_of_descriptor(object.get());
  if (real.empty()) object.reset();
  return object;
}

}  // namespace writ
