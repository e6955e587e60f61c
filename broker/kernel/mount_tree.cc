#include "broker/kernel/mount_tree.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "broker/base/escape.h"
#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

std::string mount_hint(long error) {
  if (error == EMFILE || error == ENFILE) return "raise the limit of open files (ulimit -n)";
  return "a container or hardened host may forbid it; see `writ doctor`";
}

Status set_attributes(int mount, unsigned flags, abi::MountAttributes attributes, const char* what) {
  const long result = raw_syscall(SYS_mount_setattr, mount, "", flags, &attributes, sizeof attributes);
  if (result < 0) return fail_errno(static_cast<int>(-result), what, mount_hint(-result));
  return {};
}

// Reading the file system context returns the kernel's messages (fsopen(2)); "e " marks an error.
std::string kernel_message(int context) {
  std::array<char, 256> text{};
  const ssize_t length = ::read(context, text.data(), text.size());
  if (length <= 2) return {};
  return ": " + escape_bytes({text.data() + 2, static_cast<std::size_t>(length) - 2});
}

Status configure(int context, const std::string& type, const MountOptions& options) {
  for (const auto& [key, value] : options) {
    const unsigned command = value.empty() ? abi::kFsconfigSetFlag : abi::kFsconfigSetString;
    const long result =
        raw_syscall(SYS_fsconfig, context, command, key.c_str(), value.empty() ? nullptr : value.c_str(), 0);
    if (result < 0)
      return fail_errno(static_cast<int>(-result),
                        "cannot set option " + key + "=" + value + " of a private " + type + kernel_message(context));
  }
  const long created = raw_syscall(SYS_fsconfig, context, abi::kFsconfigCreate, nullptr, nullptr, 0);
  if (created < 0)
    return fail_errno(static_cast<int>(-created), "cannot create a private " + type + kernel_message(context));
  return {};
}

}  // namespace

Result<UniqueFd> clone_mount_tree(int directory, const std::string& path) {
  unsigned flags = abi::kOpenTreeClone | abi::kOpenTreeCloexec | abi::kAtRecursive | AT_SYMLINK_NOFOLLOW;
  if (path.empty()) flags |= AT_EMPTY_PATH;
  const long tree = raw_syscall(SYS_open_tree, directory, path.c_str(), flags);
  if (tree < 0)
    return fail_errno(static_cast<int>(-tree),
                      "cannot clone the mount " + (path.empty() ? "of a grant" : "at " + quote_bytes(path)),
                      mount_hint(-tree));
  return UniqueFd(static_cast<int>(tree));
}

Status restrict_mount_tree(int tree, std::uint64_t attributes) {
  return set_attributes(tree, AT_EMPTY_PATH | abi::kAtRecursive, {attributes, 0, MS_PRIVATE, 0},
                        "cannot restrict a granted mount tree");
}

Result<UniqueFd> clone_restricted_tree(int directory, const std::string& path, std::uint64_t attributes) {
  unsigned flags = abi::kOpenTreeClone | abi::kOpenTreeCloexec | abi::kAtRecursive | AT_SYMLINK_NOFOLLOW;
  if (path.empty()) flags |= AT_EMPTY_PATH;
  abi::MountAttributes restricted{attributes, 0, MS_PRIVATE, 0};
  const long tree = raw_syscall(abi::kOpenTreeAttr, directory, path.c_str(), flags, &restricted, sizeof restricted);
  if (tree >= 0) return UniqueFd(static_cast<int>(tree));
  // An older kernel, a filter that does not know the call, or a real refusal: the two calls tell which.
  WRIT_ASSIGN(UniqueFd clone, clone_mount_tree(directory, path));
  WRIT_TRY(restrict_mount_tree(clone.get(), attributes));
  return clone;
}

void try_to_skip_access_times(int tree) {
  const abi::MountAttributes attributes{abi::kMountNoAccessTimes, abi::kMountAccessTimesMask, 0, 0};
  const unsigned flags = AT_EMPTY_PATH | abi::kAtRecursive;
  [[maybe_unused]] const long refused = raw_syscall(SYS_mount_setattr, tree, "", flags, &attributes, sizeof attributes);
}

Status restrict_mount(int mount, std::uint64_t attributes) {
  return set_attributes(mount, AT_EMPTY_PATH, {attributes, 0, 0, 0}, "cannot restrict a mount");
}

Status idmap_mount_tree(int tree, int user_namespace) {
  return set_attributes(tree, AT_EMPTY_PATH | abi::kAtRecursive,
                        {abi::kMountIdmap, 0, 0, static_cast<std::uint64_t>(user_namespace)},
                        "cannot translate the ownership of a granted tree (idmapped mount)");
}

Result<UniqueFd> make_detached_mount(const std::string& type, const MountOptions& options, std::uint64_t attributes) {
  const long opened = raw_syscall(SYS_fsopen, type.c_str(), abi::kFsopenCloexec);
  if (opened < 0)
    return fail_errno(static_cast<int>(-opened), "cannot begin to make a private " + type, mount_hint(-opened));
  const UniqueFd context(static_cast<int>(opened));
  WRIT_TRY(configure(context.get(), type, options));
  const long mount = raw_syscall(SYS_fsmount, context.get(), abi::kFsmountCloexec, attributes);
  if (mount < 0)
    return fail_errno(static_cast<int>(-mount), "cannot mount a private " + type + kernel_message(context.get()));
  return UniqueFd(static_cast<int>(mount));
}

Status attach_mount_at(int mount, int directory, const std::string& name) {
  const long result = raw_syscall(SYS_move_mount, mount, "", directory, name.c_str(), abi::kMoveMountFromEmptyPath);
  if (result < 0) return fail_errno(static_cast<int>(-result), "cannot attach a mount to the view");
  return {};
}

Status attach_mount(int mount, int target) {
  const long result =
      raw_syscall(SYS_move_mount, mount, "", target, "", abi::kMoveMountFromEmptyPath | abi::kMoveMountToEmptyPath);
  if (result < 0) return fail_errno(static_cast<int>(-result), "cannot attach a mount to the view");
  return {};
}

}  // namespace writ
