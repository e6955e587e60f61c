// TreeDoor: opens files of mediated trees by their canonical paths, in one step: the short way for the common call,
// whose path has no link in it (docs/mediation.md, "The short way"). It opens what stands at that very path, or
// nothing.
//
// Ownership: keeps a few directories open to look at names in them. Their content is a hint, because a directory may be
// moved; nothing is opened through them. Borrows the trees and the tool's root. One thread at a time.
#ifndef WRIT_BROKER_MEDIATION_TREE_DOOR_H_
#define WRIT_BROKER_MEDIATION_TREE_DOOR_H_

#include <sys/stat.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/base/unique_fd.h"
#include "broker/mediation/mediated_tree.h"

namespace writ {

class TreeDoor {
 public:
  enum class Name : std::uint8_t {
    kFree,     // nothing stands there
    kFile,     // a regular file with no other name
    kUnclear,  // anything else, a link on the way, or a directory that the view shows otherwise
  };
  // What stands at `path` in `tree`. Waits for nothing and follows no link. A hint: what open() and make() return
  // decides. A file that was seen a moment ago is not looked at again.
  // `root`: the tool's root directory, where the directory of `path` must be the very same one.
  [[nodiscard]] Name look(int root, const MediatedTree& tree, const std::string& path);

  // Opens what is at `path`, through no link; invalid when it cannot be opened so. What was opened is to be looked at.
  [[nodiscard]] static UniqueFd open(const MediatedTree& tree, const std::string& path, std::uint64_t flags);
  // Makes a regular file at `path`, through no link; invalid when something stands there or it cannot be made.
  [[nodiscard]] static UniqueFd make(const MediatedTree& tree, const std::string& path, std::uint64_t flags,
                                     mode_t mode);

  // True when an absolute path leads into `tree` by the tree's own path, as the tool sees it now.
  [[nodiscard]] static bool stands_in_view(int root, const MediatedTree& tree);

  // Drops what is known about files: a name was moved, taken away, or made something else than a file.
  void forget_files();
  // Drops what is known about directories too: one was moved.
  void forget() { known_ = {}; }

 private:
  struct Known {
    const MediatedTree* tree = nullptr;
    std::string path;  // of the directory, in the view
    UniqueFd directory;
    std::string file;                            // the name that was a regular file last
    std::chrono::steady_clock::time_point seen;  // when
  };
  [[nodiscard]] Known* directory_of(int root, const MediatedTree& tree, std::string_view path);

  std::array<Known, 16> known_;
  std::size_t next_ = 0;  // the one to replace
};

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_TREE_DOOR_H_
