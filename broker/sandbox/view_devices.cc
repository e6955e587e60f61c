#include "broker/sandbox/view_devices.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/mount_tree.h"

namespace writ {
namespace {

struct DeviceNode {
  std::string_view name;
  unsigned major_number;
  unsigned minor_number;
};

// Documentation/admin-guide/devices.txt of the kernel.
constexpr std::array<DeviceNode, 6> kDevices = {
    {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}}};

struct DeviceLink {
  std::string_view path;
  std::string_view target;
};
constexpr std::array<DeviceLink, 5> kDeviceLinks = {{{"/dev/fd", "/proc/self/fd"},
                                                     {"/dev/stdin", "/proc/self/fd/0"},
                                                     {"/dev/stdout", "/proc/self/fd/1"},
                                                     {"/dev/stderr", "/proc/self/fd/2"},
                                                     {"/dev/ptmx", "pts/ptmx"}}};

Status place_device(ViewMounts& mounts, const DeviceNode& node) {
  const std::string path = "/dev/" + std::string(node.name);
  WRIT_ASSIGN(const UniqueFd mount,
              clone_restricted_tree(AT_FDCWD, path, abi::kMountReadOnly | abi::kMountNoSuid | abi::kMountNoExecute));
  struct stat status {};
  if (::fstat(mount.get(), &status) != 0) return fail_errno(errno, "cannot inspect " + path);
  // A swapped node would be another device (runc CVE-2025-52565); looked at is what will be attached.
  if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(node.major_number, node.minor_number))
    return fail(path + " of this host is not the device it should be");
  WRIT_TRY(mounts.make_place(path, TreeKind::kFile));
  return mounts.attach(path, mount.get());
}

}  // namespace

Status place_devices(ViewMounts& mounts, const UniqueFd& devpts) {
  for (const DeviceNode& node : kDevices) WRIT_TRY(place_device(mounts, node));
  for (const DeviceLink& link : kDeviceLinks)
    WRIT_TRY(mounts.make_link(std::string(link.path), std::string(link.target)));
  return devpts.valid() ? mounts.attach("/dev/pts", devpts.get()) : Status{};
}

}  // namespace writ
