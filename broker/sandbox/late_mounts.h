// Late mounts: what init does with trees that arrive while the tool runs. The broker makes a detached, restricted mount
// (tree_grant.h); init, which stays in the mount namespace in which the view's mounts are not locked, attaches it at a
// place of the view. Because that view is shared, the kernel attaches a copy in the tool's mount namespace at the same
// moment, as a slave whose flags are locked (mount_namespaces(7), "Restrictions on mount namespaces").
//
// A place is something that the view builder put there: an empty directory or file on a read-only mount. Init creates
// nothing, follows no symbolic link, and takes nothing away but what it attached.
//
// For init only: raw system calls on plain data, no allocation. One object in static storage; single-threaded.
#ifndef WRIT_BROKER_SANDBOX_LATE_MOUNTS_H_
#define WRIT_BROKER_SANDBOX_LATE_MOUNTS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "broker/sandbox/child_plan.h"
#include "broker/sandbox/tree_request.h"

namespace writ {

// Trees that one sandbox can have at the same time.
inline constexpr std::size_t kLateMountLimit = 512;

class LateMounts {
 public:
  // Shares the view and keeps hold of it. To be called in the finished view, before the tool is cloned into a namespace
  // of its own. Raw; 0 or -errno.
  [[nodiscard]] long begin();

  // Was begin() called?
  [[nodiscard]] bool possible() const { return view_ >= 0; }

  // Moves what is held to the numbers from `first` on, together with a copy of the tool's pidfd. Returns the first
  // number behind them, or -errno.
  [[nodiscard]] long settle(int first, int tool);

  // Attaches the borrowed `mount` as `request` says. 0 or -errno: ENOENT, ELOOP, … the place does not exist, or a link
  // is on the way; EPERM: it lies on a mount that can be written, so it is no place of the view builder's; EEXIST: the
  // id is in use; ENOSPC: too many trees; EINVAL: `mount` is no detached mount, or it is a file and the place a
  // directory, or the other way round; EOPNOTSUPP: not possible().
  [[nodiscard]] long attach(const TreeRequest& request, int mount);

  // Takes away what was attached under the id and the path of `request`. 0: it has no name in the view any more, and
  // `outcome` says whether anybody holds it. Otherwise -errno: ENOENT: nothing was attached under this id, or it is not
  // to be found at this place (a directory on the way may have been renamed); EBUSY: another tree lies on top of it.
  [[nodiscard]] long detach(const TreeRequest& request, DetachOutcome& outcome);

 private:
  // The kernel's number of an attached mount tells it from everything else at the same place.
  struct Entry {
    AttachId id;
    std::uint64_t mount;  // 0: the entry is free
  };
  [[nodiscard]] Entry* find(AttachId id);
  [[nodiscard]] Entry* free_entry();
  [[nodiscard]] long attach_at_place(const TreeRequest& request, int mount) const;
  [[nodiscard]] long is_at_place(const TreeRequest& request, std::uint64_t mount) const;
  void restrict_for_holders(const TreeRequest& request, DetachOutcome& outcome) const;
  [[nodiscard]] long unmount(TreeRequest request, int flags) const;

  int view_ = -1;       // O_PATH of the view's root
  int namespace_ = -1;  // init's own mount namespace
  int tool_ = -1;       // pidfd: leads to the tool's
  std::array<Entry, kLateMountLimit> entries_{};
};

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_LATE_MOUNTS_H_
