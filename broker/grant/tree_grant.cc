#include "broker/grant/tree_grant.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <string_view>

#include "broker/base/escape.h"
#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/mount_tree.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

long open_without_links(const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS;
  return raw_syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how);
}

// Where the link `path` points, as written; empty when that is not told by its words alone.
std::string target_of(const std::string& path) {
  std::array<char, PATH_MAX> text{};
  const ssize_t length = ::readlink(path.c_str(), text.data(), text.size());
  if (length <= 0 || static_cast<std::size_t>(length) == text.size()) return {};
  const std::string_view target(text.data(), static_cast<std::size_t>(length));
  const std::string whole =
      target.front() == '/' ? std::string(target) : path.substr(0, path.rfind('/') + 1) + std::string(target);
  const bool plain = (whole + "/").find("/.") == std::string::npos && whole.find("//") == std::string::npos &&
                     whole.front() == '/' && whole.back() != '/';
  return plain ? whole : std::string();
}

// Most links lead to a path without another link (/bin to usr/bin): opened as such, that path is the canonical one, and
// /proc need not be asked for it.
void follow_links(const std::string& path, OpenedTree& tree) {
  tree.links = LinksFollowed::kSome;
  std::string target = target_of(path);
  if (!target.empty()) tree.object.reset(static_cast<int>(open_without_links(target)));
  if (tree.object.valid()) {
    tree.real_path = std::move(target);
    return;
  }
  tree.object.reset(::open(path.c_str(), O_PATH | O_CLOEXEC));
}

}  // namespace

Result<OpenedTree> open_host_tree(const std::string& path) {
  OpenedTree tree;
  const long direct = open_without_links(path);
  tree.object.reset(static_cast<int>(direct));
  if (direct == -ELOOP || direct == -ENOSYS) {
    follow_links(path, tree);
  } else if (direct < 0) {
    errno = static_cast<int>(-direct);
  }
  if (!tree.object.valid()) {
    const int reason = errno;
    return fail_errno(reason, "cannot grant " + quote_bytes(path),
                      reason == ENOENT ? "it must exist beforehand: mkdir, or touch for a file" : "");
  }
  struct stat status {};
  if (::fstat(tree.object.get(), &status) != 0) return fail_errno(errno, "cannot inspect " + quote_bytes(path));
  if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode))
    return fail("cannot grant " + quote_bytes(path) + ": only directories and regular files can be granted",
                "sockets, pipes and devices are authority over something else than a file");
  tree.kind = S_ISDIR(status.st_mode) ? TreeKind::kDirectory : TreeKind::kFile;
  tree.owner = status.st_uid;
  return tree;
}

namespace {

std::uint64_t attributes_of(const TreeRestriction& restriction) {
  std::uint64_t attributes = abi::kMountNoSuid | abi::kMountNoDevices;
  if (restriction.access == PathAccess::kRead) attributes |= abi::kMountReadOnly;
  if (restriction.execution == Execution::kDenied) attributes |= abi::kMountNoExecute;
  return attributes;
}

Result<UniqueFd> clone_under(int object, const TreeRestriction& restriction) {
  if (restriction.ownership_namespace < 0) return clone_restricted_tree(object, "", attributes_of(restriction));
  WRIT_ASSIGN(UniqueFd tree, clone_mount_tree(object, ""));
  WRIT_TRY(idmap_mount_tree(tree.get(), restriction.ownership_namespace));
  WRIT_TRY(restrict_mount_tree(tree.get(), attributes_of(restriction)));
  return tree;
}

}  // namespace

Result<UniqueFd> make_tree_grant(int object, const TreeRestriction& restriction) {
  WRIT_ASSIGN(UniqueFd tree, clone_under(object, restriction));
  if (restriction.access == PathAccess::kRead) try_to_skip_access_times(tree.get());
  return tree;
}

}  // namespace writ
