// CopiedTree: copies of files below one held directory, each at the path that it had. Nothing is ever replaced.
#ifndef WRIT_LAUNCHER_ARTIFACT_COPY_H_
#define WRIT_LAUNCHER_ARTIFACT_COPY_H_

#include <sys/stat.h>

#include <string>
#include <vector>

#include "broker/base/error.h"

namespace writ {

class CopiedTree {
 public:
  // `top` is borrowed.
  explicit CopiedTree(int top) : top_(top) {}

  // Copies what the borrowed `file` has, at most as many bytes as `status` says, to `path` (names from the top).
  // Directories are made. Executable files stay so; all else of the mode is not kept. Errors: something is there
  // already; what the kernel says.
  [[nodiscard]] Status add(const std::vector<std::string>& path, int file, const struct stat& status) const;

 private:
  int top_;
};

}  // namespace writ

#endif  // WRIT_LAUNCHER_ARTIFACT_COPY_H_
