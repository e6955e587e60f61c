// View: the file system of one sandbox, assembled from grants as one detached mount tree before the sandbox needs it.
//
// Built by the broker, single-threaded, with CAP_SYS_ADMIN over its own mount namespace (or as root). The result owns
// everything; dropping it unmounts everything. Nothing is ever created on the host.
#ifndef WRIT_BROKER_SANDBOX_VIEW_H_
#define WRIT_BROKER_SANDBOX_VIEW_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/grant/persistence_guard.h"
#include "broker/policy/profile.h"
#include "broker/sandbox/identity.h"
#include "broker/sandbox/view_commands.h"

namespace writ {

enum class ViewAssembly : std::uint8_t {
  kAutomatic,
  // Attach in the broker's own mount namespace and clone the result: what kernels before 6.15 need, where nothing can
  // be attached to a detached tree. Exposed so that tests can force it.
  kAttached,
};

// Where the private directories (/tmp, the home, /dev/shm) come from.
enum class PrivateAreas : std::uint8_t {
  kMade,     // they are in the view, empty
  kLeftOut,  // the view has places for them, and `View::areas` says what belongs there: for a view that many sandboxes
             // use
};

// A private directory that was left out.
struct LeftOutArea {
  std::string path;
  std::uint32_t mode = 0;
  bool shared_memory = false;  // a file system of its own; the others share one
};

// What lies in such a directory and is in the view already, to be attached again once the directory is there.
struct AreaEntry {
  std::string path;
  TreeKind kind = TreeKind::kDirectory;
  std::string link;  // not empty: a symbolic link to this
};

// One object of the host's file systems, to recognise it when it is opened again by name.
struct HostObject {
  std::string path;  // empty: nothing to recognise
  dev_t device = 0;
  ino_t inode = 0;
};

struct ViewOptions {
  std::string home;       // the tool's HOME
  std::string user_name;  // for the synthetic /etc/passwd
  ToolIdentity identity;
  int ownership_namespace = -1;  // borrowed: init's user namespace, for translated ownership; or -1
  HostObject workspace;          // what the working directory was when it was decided on
  UniqueFd devpts;               // a devpts of the sandbox's own, or invalid: then the view gets an empty /dev/pts
  Writing strongest_writing = Writing::kMediated;  // kNative: nobody serves calls of this sandbox
  std::string policy_notice;                       // content of /run/writ/policy.json; empty: there is none
  ViewAssembly assembly = ViewAssembly::kAutomatic;
  PrivateAreas areas = PrivateAreas::kMade;
  CommandView commands;
};

// A writable tree that the view shows read-only, and the mount through which the broker writes it (docs/mediation.md).
struct MediatedTree {
  std::string path;                       // in the view
  UniqueFd writable;                      // detached; not a part of the view
  std::vector<std::string> unchangeable;  // names in it that deny rules led to: links, other hard links
};

// A place that the view covers until somebody allows it. What is asked about is opened beneath `mount`, or attached
// where the cover is (late_mounts.h).
struct AskedTree {
  std::string path;  // in the view
  TreeKind kind = TreeKind::kDirectory;
  UniqueFd mount;     // detached, read-only, and nothing on it can be executed: single files come from here
  UniqueFd attached;  // the same with programs, to be attached where the rule is about executing; invalid: `mount` is
  Rights rights;
  // False where something beneath is hidden or denied: then there is no allowing it as a whole.
  bool whole = true;
  // Paths of the view beneath it that something hides which the policy knows by another name: a link leads there, or it
  // is another hard link.
  std::vector<std::string> hidden;
};

// One line of the report: what the view shows and why.
struct ViewEntry {
  std::string path;
  std::string kind;  // "read", "write", "mediated", "hidden", "protected", "pinned", "private", "device", "command"
};

struct View {
  UniqueFd root;  // detached, complete except for /proc
  // The file system of /tmp and the home, itself attached nowhere. To be dropped while nobody waits for the broker, and
  // not before the plan is sent: the kernel lets whoever closes it wait for a grace period.
  UniqueFd scratch;
  std::vector<ViewEntry> entries;
  std::vector<GuardedTree> guarded;  // writable trees with protected or watched names
  std::vector<MediatedTree> mediated;
  std::vector<AskedTree> asked;
  std::vector<RuledProgram> commands;  // programs that are replaced by the stand-in
  std::vector<std::string> warnings;
  std::vector<LeftOutArea> areas;       // PrivateAreas::kLeftOut, outer ones first
  std::vector<AreaEntry> area_entries;  // outer ones first
};

// Builds the view of `profile`. Errors name the grant and the kernel's reason.
[[nodiscard]] Result<View> build_view(const Profile& profile, ViewOptions options);

}  // namespace writ

#endif  // WRIT_BROKER_SANDBOX_VIEW_H_
