// PersistenceGuard: watches a natively written tree for protected names that did not exist when the run began, takes
// them away at once, and reports them. docs/persistence.md says what that does and does not protect.
//
// What it touches: only objects at protected names that were absent at create(), and whatever a tool put in the place
// of a protected symbolic link. A file or directory that existed at create() is never moved, changed or deleted where
// it was. Everything is done by held descriptors and one-component names; no link is ever followed.
//
// Ownership: owns the tree descriptors, one inotify instance, one epoll, one timer and at most one descriptor for each
// watched directory. Threads: one thread at a time. Fork: a child must not use it; all descriptors are close-on-exec.
#ifndef WRIT_BROKER_GRANT_PERSISTENCE_GUARD_H_
#define WRIT_BROKER_GRANT_PERSISTENCE_GUARD_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

// A writable tree. `root` is O_PATH | O_DIRECTORY opened on the host's tree, not a detached clone of it: rename(2)
// between two mounts fails, and taking names away would then fall back to copying.
struct GuardedTree {
  UniqueFd root;
  std::string display_path;                 // for the report only, never opened
  std::vector<std::string> protect;         // relative names
  std::vector<std::string> report_changes;  // relative names whose change is allowed, and reported
};

struct GuardLimits {
  std::size_t kept_objects = 100;  // taken-away objects that are kept; later ones are removed where that is safe
  std::size_t findings = 200;      // entries of the report; the rest is counted
  std::uint64_t copied_bytes = 64ULL << 20;  // for each object that must be copied to another file system
  std::size_t copied_entries = 4096;         // the same, files and directories
};

enum class Watching {
  kLive,       // inotify: after `watch_delay`, names are taken away within moments
  kSweepOnly,  // only finish() looks; for hosts where inotify instances have run out, the caller says so in its report
};

enum class QuarantineInsideTree {
  kRefuse,        // an error: the tool could write its own quarantine
  kHiddenInView,  // the caller promises that the view mounts something over quarantine_root
};

struct GuardOptions {
  std::string
      quarantine_root;  // absolute, for example $XDG_STATE_HOME/writ/quarantine; created (0700) when first needed
  std::string run_id;   // one path component
  GuardLimits limits;
  Watching watching = Watching::kLive;
  // Live watching begins this long after create(); until then names are left for the first look at the delay's end (or
  // finish()). Zero: at once. Why not always: ending a watch costs milliseconds in the kernel, see directory_watch.h.
  std::chrono::milliseconds watch_delay{100};
  QuarantineInsideTree inside_tree = QuarantineInsideTree::kRefuse;
};

enum class FindingKind {
  kCreated,        // a protected name (or something that is no directory on the way to it) appeared
  kReplacedLink,   // a protected symbolic link was replaced or retargeted
  kChanged,        // content, metadata or identity differ from the start
  kTargetChanged,  // a protected link is as it was, but what it points to inside the tree is not
  kRemoved,        // existed at the start, gone at the end
  kAppeared,       // a name of report_changes exists now and did not
};

enum class FindingAction {
  kReported,     // nothing was done
  kQuarantined,  // moved to `kept_at`
  kRemoved,      // past the limit of kept objects, and provably made during the run: deleted
  kSetAside,     // could not reach the quarantine: renamed to the harmless name `kept_at` beside the original place
  kVanished,     // was gone again before it could be moved
  kLeftInPlace,  // could not be moved; `system_errno` says why. The person must look.
};

[[nodiscard]] std::string_view finding_kind_name(FindingKind kind);
[[nodiscard]] std::string_view finding_action_name(FindingAction action);

struct GuardFinding {
  std::string path;  // display path, a slash, the relative name; raw bytes
  FindingKind kind = FindingKind::kChanged;
  FindingAction action = FindingAction::kReported;
  std::string kept_at;      // of the first such object; raw bytes; empty when there is none
  std::uint64_t times = 0;  // how many times it was noticed
  int system_errno = 0;
  bool link_restored = false;  // kReplacedLink: the original link is back

  // One sentence for a person, escaped.
  [[nodiscard]] std::string describe() const;
};

struct GuardReport {
  std::vector<GuardFinding> findings;
  std::uint64_t findings_not_listed = 0;
  std::uint64_t queue_overflows = 0;  // how often the kernel lost events; the sweeps made up for them
  std::vector<std::string> warnings;  // escaped sentences
};

class PersistenceGuard {
 public:
  // Remembers what exists and starts watching; the tool must not run yet. Errors: a bad name or option, a symbolic link
  // in quarantine_root, a quarantine inside a tree, inotify limits (EMFILE, ENOSPC; inotify(7)).
  [[nodiscard]] static Result<PersistenceGuard> create(std::vector<GuardedTree> trees, GuardOptions options);

  PersistenceGuard(PersistenceGuard&&) noexcept;
  PersistenceGuard& operator=(PersistenceGuard&&) noexcept;
  ~PersistenceGuard();

  // Borrowed; readable (poll, level-triggered epoll) when handle_events() has work. -1 with Watching::kSweepOnly.
  [[nodiscard]] int poll_descriptor() const;

  // Reads at most one buffer of events and looks at the trees concerned once. Never blocks; its work is bounded by the
  // number of names, however many events a tool makes. Failures become warnings in the report.
  void handle_events();

  // What was found so far; valid until the next call.
  [[nodiscard]] std::span<const GuardFinding> findings() const;

  // The complete last look: takes away what is left, copies set-aside objects to the quarantine, compares what existed.
  // Precondition: every process of the sandbox is dead, so nothing races. Call once; the guard is of no use afterwards.
  // Destroy the guard some milliseconds later where possible: closing right away may wait for the kernel.
  [[nodiscard]] Result<GuardReport> finish();

 private:
  class Watcher;
  explicit PersistenceGuard(std::unique_ptr<Watcher> watcher);
  std::unique_ptr<Watcher> watcher_;
};

}  // namespace writ

#endif  // WRIT_BROKER_GRANT_PERSISTENCE_GUARD_H_
