#include "broker/primitives/tree_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>

namespace writ {
namespace {

using DirectoryStream = std::unique_ptr<DIR, int (*)(DIR*)>;

class Walk {
 public:
  Attempt<std::monostate> descend(UniqueFd directory, const std::string& prefix, std::size_t depth) {
    if (depth > kWalkDepth) return refuse(PrimitiveCode::kLimit, "the tree is too deep");
    const DirectoryStream stream(::fdopendir(directory.get()), ::closedir);
    if (!stream) return refuse_errno(errno, "cannot read a directory of the workspace");
    const int held = directory.release();  // the stream's now
    errno = 0;
    while (const dirent* entry = ::readdir(stream.get())) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") WRIT_REQUIRE(add(held, name, prefix, depth));
      errno = 0;
    }
    if (errno != 0) return refuse_errno(errno, "cannot read a directory of the workspace");
    return std::monostate();
  }

  [[nodiscard]] WalkedTree take() { return std::move(tree_); }

 private:
  Attempt<std::monostate> add(int directory, const std::string& name, const std::string& prefix, std::size_t depth) {
    if (tree_.entries.size() == kWalkLimit) return refuse(PrimitiveCode::kLimit, "the tree has too many entries");
    struct stat status {};
    if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return std::monostate();  // gone
    const bool is_directory = S_ISDIR(status.st_mode);
    tree_.entries.push_back({prefix + name, is_directory});
    if (!is_directory) return std::monostate();
    UniqueFd below(::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!below.valid()) return refuse_errno(errno, "cannot read a directory of the workspace");
    return descend(std::move(below), prefix + name + "/", depth + 1);
  }

  WalkedTree tree_;
};

}  // namespace

Attempt<WalkedTree> walk_tree(const Workspace& workspace, const WorkspacePath& path) {
  const Workspace::Access access(workspace);
  if (!access.in_force()) return refuse(PrimitiveCode::kFailed, "cannot act as the tool");
  WRIT_ATTEMPT(UniqueFd root, workspace.open_readable(path, O_RDONLY | O_DIRECTORY));
  Walk walk;
  WRIT_REQUIRE(walk.descend(std::move(root), "", 1));
  return walk.take();
}

}  // namespace writ
