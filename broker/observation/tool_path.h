// What a path means to a tool: looked up in the tool's own file system, as the kernel would, without following anything
// that could lead out of it. Only looks; opens nothing but places (O_PATH).
#ifndef WRIT_BROKER_OBSERVATION_TOOL_PATH_H_
#define WRIT_BROKER_OBSERVATION_TOOL_PATH_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"

namespace writ {

enum class EndLink : std::uint8_t { kFollowed, kMeant };  // kMeant: the link itself is the object

// What stands at the end of a path. `object` is invalid when nothing does; `status` then means nothing.
struct ResolvedPath {
  std::string canonical;           // absolute, as the tool sees it; what is missing is added as it was written
  std::string used;                // where links were crossed: the path as written, lexically normal; else empty
  std::vector<std::string> links;  // the links that were crossed, by their own canonical paths
  UniqueFd object;                 // O_PATH
  struct stat status {};
  UniqueFd directory;  // of a missing object: the directory where it would be made, if that exists
};

// The root directory of a sandbox. Owns a descriptor, which keeps the view's mounts alive: drop it with the sandbox.
// One thread at a time.
class ToolRoot {
 public:
  // `thread` is any thread of the sandbox: all have the same root, because none may change it (chroot and namespaces
  // are denied). The caller makes sure that the id was valid (SeccompListener::id_valid) afterwards.
  [[nodiscard]] static Result<ToolRoot> open(pid_t thread);
  // A view before it is given to a sandbox; the trees in it leave with it.
  [[nodiscard]] static ToolRoot adopt(UniqueFd view_root) { return ToolRoot(std::move(view_root)); }

  // Resolves `path`, which is absolute. Beneath /proc, where the same name means another thing to every process,
  // nothing is looked up: the path is taken as it stands. Never fails: what cannot be found is missing.
  [[nodiscard]] ResolvedPath resolve(const std::string& path, EndLink final_link) const;

  [[nodiscard]] int descriptor() const { return root_.get(); }

 private:
  explicit ToolRoot(UniqueFd root) : root_(std::move(root)) {}

  UniqueFd root_;
};

// The working directory of `thread`, or what its descriptor stands for, as the tool sees it; empty when that is no
// place with a name (a pipe, a directory that was removed). Under id_valid() like every read about a caller.
[[nodiscard]] std::string working_directory_of(pid_t thread);
[[nodiscard]] std::string directory_of_descriptor(pid_t thread, int descriptor);

// What `path` names where it begins with the caller's own place in /proc (/proc/self/fd/3, /proc/self/cwd/x,
// /dev/fd/3): the path behind it, as the tool sees it. Other paths are returned as they are.
[[nodiscard]] std::string through_own_process(pid_t thread, const std::string& path);

}  // namespace writ

#endif  // WRIT_BROKER_OBSERVATION_TOOL_PATH_H_
