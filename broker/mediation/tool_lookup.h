// ToolLookup: where a path leads to in the tool's own view: a directory, and a name in it. Goes along the path as the
// kernel would for the caller, and looks only: nothing is opened but places (O_PATH), so that nothing can block.
//
// What it finds is a statement about the tool's view. What is done about it is done elsewhere, beneath a tree of the
// broker's own, after it was found to be the same directory there (mediated_tree.h).
//
// One thread at a time.
#ifndef WRIT_BROKER_MEDIATION_TOOL_LOOKUP_H_
#define WRIT_BROKER_MEDIATION_TOOL_LOOKUP_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "broker/base/error.h"
#include "broker/base/unique_fd.h"
#include "broker/mediation/caller_record.h"
#include "broker/mediation/mediated_calls.h"

namespace writ {

// A path as a call gave it. `start`: where a relative one begins, or the object itself where there is no path; O_PATH.
struct CopiedPath {
  std::string text;
  UniqueFd start;
  // The canonical path of `start`, where it was found out. Then `start` is opened when it is needed.
  std::string start_path;
};

struct Place {
  UniqueFd directory;          // O_PATH, in the tool's view
  std::string directory_path;  // canonical, as the tool sees it; "" is the root
  std::string name;            // in it; empty: the directory itself is meant. Also "." and ".." where they come last
  bool trailing_slash = false;
  std::optional<struct stat> object;  // what stands there, a link not followed; nothing: there is nothing
  // The path led to /proc/self/fd/N: what that descriptor stands for, O_PATH. The rest says nothing then.
  UniqueFd descriptor;

  // The canonical path of the object.
  [[nodiscard]] std::string path() const;
  [[nodiscard]] bool names_itself() const { return name.empty() || name == "." || name == ".."; }
};

// Where a path led, or errno as the kernel would give it. Nothing: it leads to a place of the kernel's (/proc), where
// the same name means another thing to everybody; no mediated tree is there.
using FoundPlace = tl::expected<std::optional<Place>, int>;

// Where a lookup ended because the tool may not go on, or nothing is there.
struct StoppedPlace {
  std::string directory;  // canonical, as the tool sees it
  std::string rest;       // of the path, links on the way replaced; not looked at beyond its first name
};

class ToolLookup {
 public:
  // The root directory of a sandbox; `thread` is any of its threads: none of them may change its root. The descriptor
  // keeps the view's mounts alive: drop it with the sandbox. Under SeccompListener::id_valid().
  [[nodiscard]] static Result<ToolLookup> open(pid_t thread);

  [[nodiscard]] FoundPlace find(const CopiedPath& path, FinalLink last_link, const CallerRecord& caller) const;

  // Where find() of a path that failed came to; nothing where that has no name.
  [[nodiscard]] std::optional<StoppedPlace> find_stop(const CopiedPath& path, FinalLink last_link,
                                                      const CallerRecord& caller) const;

  // The place of what the O_PATH descriptor `object` stands for, by its name in the view. ENOENT: it has none any more.
  [[nodiscard]] FoundPlace find_object(int object) const;

  [[nodiscard]] int root() const { return root_.get(); }

 private:
  explicit ToolLookup(UniqueFd root) : root_(std::move(root)) {}
  [[nodiscard]] std::optional<FoundPlace> find_directly(const CopiedPath& path, FinalLink last_link) const;

  UniqueFd root_;
};

// The path of what an O_PATH descriptor stands for, as the mounts around it have it. Nothing: it has no name any more.
[[nodiscard]] std::optional<std::string> path_of_place(int descriptor);

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_TOOL_LOOKUP_H_
