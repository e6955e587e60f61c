// Workspace: the one directory whose files the filesystem primitives read and change, held as descriptors.
//
// A tool's path is taken apart as text and looked up beneath a held directory, without ever following a link
// (openat2(2)). Two clones of the workspace's mount are held: one that is read-only and from which nothing can be
// executed, where what is handed out comes from, and one that is writable, which nobody but the broker has.
//
// Ownership: owns its descriptors. Threads: one at a time (root's broker acts as the tool while it touches files).
// Fork: close-on-exec.
#ifndef WRIT_BROKER_PRIMITIVES_WORKSPACE_H_
#define WRIT_BROKER_PRIMITIVES_WORKSPACE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/kernel/acting_identity.h"
#include "broker/mediation/write_shields.h"
#include "broker/primitives/primitive.h"

namespace writ {

inline constexpr std::size_t kWorkspacePathLimit = 4096;

// A path in the workspace, as text: normal, relative, without "..": "." or "src/main.c".
class WorkspacePath {
 public:
  // `typed` is relative to the workspace, or absolute and in `workspace`. Errors: kInvalidArguments for what is no path
  // at all (empty, a NUL byte, too long); kDenied for one that leads out of the workspace, whatever is
  // there.
  [[nodiscard]] static Attempt<WorkspacePath> parse(std::string_view typed, std::string_view workspace);

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool is_workspace() const;
  // How many directories and names it takes from the workspace; 0: the workspace itself.
  [[nodiscard]] std::size_t depth() const;
  // The directory that holds it, and its name there; not for the workspace itself.
  [[nodiscard]] std::string parent() const;
  [[nodiscard]] std::string name() const;

 private:
  explicit WorkspacePath(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

struct WorkspaceOptions {
  std::string path;                      // absolute, canonical
  std::optional<FileIdentity> identity;  // as root: who touches the files
  int ownership_namespace = -1;          // borrowed: where ownership is translated (tree_grant.h)
  WriteShields shields{};                // what may not get another meaning, beside what the policy refuses itself
};

// What a change does to the directories above a protected name.
enum class Way : std::uint8_t { kKept, kReplaced };

class Workspace {
 public:
  // Needs the authority to make mounts. Errors: the directory cannot be opened or cloned.
  [[nodiscard]] static Result<Workspace> open(const WorkspaceOptions& options);

  [[nodiscard]] const std::string& path() const { return path_; }

  // While it lives, files are touched as the tool would; what is made gets the mode that a umask of 022 leaves.
  class Access {
   public:
    explicit Access(const Workspace& workspace) : scope_(workspace.identity_, 022) {}
    ~Access() { (void)ActingIdentity::step_back(); }
    Access(const Access&) = delete;
    Access& operator=(const Access&) = delete;
    [[nodiscard]] bool in_force() const { return scope_.in_force(); }

   private:
    ActingIdentity::Scope scope_;
  };

  // Whether a change at `path` leaves protected names what they are, as text: `.git`, which lies above `.git/hooks`, is
  // neither replaced nor moved, and where a protected name leads through a link nothing is changed. Error: kDenied.
  [[nodiscard]] Attempt<std::monostate> respects_shields(const WorkspacePath& path, Way way) const;

  // Opens `path` with `flags` of open(2), in the read-only or in the writable clone. Errors: kNotFound, kWrongKind (a
  // link on the way), kDenied (permissions).
  [[nodiscard]] Attempt<UniqueFd> open_readable(const WorkspacePath& path, int flags) const;
  // The directory `path`, for the *at calls of a change.
  [[nodiscard]] Attempt<UniqueFd> open_for_change(std::string_view path) const;

 private:
  Workspace(const WorkspaceOptions& options, UniqueFd readable, UniqueFd writable, ActingIdentity identity)
      : path_(options.path),
        readable_(std::move(readable)),
        writable_(std::move(writable)),
        identity_(identity),
        shields_(options.shields) {}

  std::string path_;
  UniqueFd readable_;
  UniqueFd writable_;
  ActingIdentity identity_;
  WriteShields shields_;
};

// Whether a link lies on the way to `path`, or is its end, in the directory `workspace`, as of now. What does not exist
// is no link.
[[nodiscard]] bool passes_link(const std::string& workspace, const WorkspacePath& path);

// What the errno of a call on a file of the workspace is for the tool. `what` is for the log.
[[nodiscard]] tl::unexpected<PrimitiveFailure> refuse_errno(int system_errno, std::string_view what);

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_WORKSPACE_H_
