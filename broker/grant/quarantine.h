// Quarantine: the private directory into which a run's suspicious objects are moved. Also the renaming in place for
// objects that cannot get there.
//
// Ownership: owns descriptors of the directories it stands in; makes <root>/<run id>/ (0700) when first needed, so a
// run with nothing to report leaves nothing behind. Threads: one at a time. Fork: close-on-exec.
#ifndef WRIT_BROKER_GRANT_QUARANTINE_H_
#define WRIT_BROKER_GRANT_QUARANTINE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

struct CopyBudget {
  std::uint64_t bytes = 0;
  std::size_t entries = 0;
};

// Where an object went. system_errno 0: `name` is its name there. ENOENT: it vanished before it could be moved.
struct MoveOutcome {
  int system_errno = 0;
  std::string name;
};

class Quarantine {
 public:
  // Holds the deepest existing directory of `root` (absolute). A symbolic link on the way is an error (somebody may
  // have planted it), except in a directory that neither we nor everybody can write: that is the system's layout.
  // `run_id`: one component. Other errors: `root` relative, an existing root that others own or can write.
  [[nodiscard]] static Result<Quarantine> open(const std::string& root, const std::string& run_id);

  // True when the quarantine is, or would be made, in `tree_root_fd` or beneath it.
  [[nodiscard]] Result<bool> lies_beneath(int tree_root_fd) const;

  // Moves `component` of the held directory `parent_fd` into the quarantine, under a new name made from a running
  // number and `label`, by renameat2(RENAME_NOREPLACE). Atomic; whatever the name stands for at that moment is moved.
  [[nodiscard]] MoveOutcome move_in(int parent_fd, const std::string& component, const std::string& label);

  // Copies instead, then removes the original as far as possible. Links are copied as links, files without their
  // set-uid and execute bits; devices, FIFOs and sockets are not copied. False when anything did not fit or failed:
  // then the original is untouched and no copy remains. Precondition: nothing else changes the original.
  [[nodiscard]] bool copy_in(int parent_fd, const std::string& component, const std::string& label, CopyBudget budget,
                             std::string& name);

  // Deletes the quarantined `name` when its birth time (statx(2)) proves that it was made after `start`
  // (CLOCK_REALTIME_COARSE) and it has one name only; of directories, only an empty one. Says whether it did.
  [[nodiscard]] bool discard_if_made_after(const std::string& name, const timespec& start);

  // The full path of the quarantined `name`, for reports.
  [[nodiscard]] std::string path_of(const std::string& name) const;

 private:
  Quarantine() = default;
  Status make_run_directory();
  Status hold_existing_part(const std::vector<std::string>& components);
  std::string next_name(const std::string& label);

  std::string root_;
  std::string run_id_;
  UniqueFd anchor_;                   // the deepest directory that existed at open()
  std::vector<std::string> missing_;  // components of root_ below it
  UniqueFd run_directory_;
  std::uint64_t moved_ = 0;
};

// Renames `component` in the held directory to an unpredictable harmless name (kSetAsidePrefix and 16 hex digits).
[[nodiscard]] MoveOutcome set_aside(int parent_fd, const std::string& component);
inline constexpr const char* kSetAsidePrefix = ".writ-set-aside-";

// True when the birth time of the object proves that it was made after `start`, and it is no hard-linked file.
[[nodiscard]] bool made_after(int object_fd, const timespec& start);

}  // namespace writ

#endif  // WRIT_BROKER_GRANT_QUARANTINE_H_
