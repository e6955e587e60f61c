// DirectoryTurn: sessions of Writ change the names in a directory one after the other.
//
// replace_file puts new content in place, looks at what it took out, and puts that back if it is not what was expected.
// In between the name has content that will not count: whoever read it and built on it, or moved it, would lose his own
// change, although it was answered as done. An advisory lock of the directory (flock(2)) keeps other sessions out.
// Programs that are not Writ's are not bound by it.
//
// Ownership: owns its descriptors; the turn ends with it. Threads: any. Fork: close-on-exec.
#ifndef WRIT_BROKER_PRIMITIVES_FILESYSTEM_TURN_H_
#define WRIT_BROKER_PRIMITIVES_FILESYSTEM_TURN_H_

#include <chrono>
#include <initializer_list>
#include <utility>
#include <vector>

#include "broker/base/unique_fd.h"
#include "broker/primitives/primitive.h"

namespace writ {

inline constexpr std::chrono::milliseconds kTurnPatience{2000};

class DirectoryTurn {
 public:
  // In all of `directories`, which are borrowed (O_PATH is enough) and may be the same. Waits. Without a lock where a
  // directory cannot be read, or its file system has none. Error: kConflict: somebody else kept it for kTurnPatience.
  [[nodiscard]] static Attempt<DirectoryTurn> take(std::initializer_list<int> directories);

 private:
  explicit DirectoryTurn(std::vector<UniqueFd> held) : held_(std::move(held)) {}
  std::vector<UniqueFd> held_;
};

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_FILESYSTEM_TURN_H_
