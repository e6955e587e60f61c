// Where the repository of a directory keeps what git runs, beside `.git` itself: git takes hooks and settings from
// other directories as well (gitrepository-layout(5), git-worktree(1), git-submodule(1)).
//
// Looks only, once, before the tool runs. One thread at a time.
#ifndef WRIT_BROKER_GRANT_GIT_DIRECTORIES_H_
#define WRIT_BROKER_GRANT_GIT_DIRECTORIES_H_

#include <span>
#include <string>
#include <vector>

namespace writ {

inline constexpr std::size_t kGitDirectoryLimit = 256;  // what lies beyond is not found

// The git directories of the working tree `tree` (absolute, canonical), as canonical paths, wherever they are: where a
// file `.git` (`gitdir: …`) or a link leads, the common directory of that one, and of both those of submodules
// (modules/…) and of other working trees (worktrees/…) that exist. Never `tree`/.git as a directory.
[[nodiscard]] std::vector<std::string> git_directories_of(const std::string& tree);

// What names such as ".git/hooks" mean in those directories, as absolute paths; without those that hold the directory
// of `tree` itself. Empty when none of `names` begins with ".git/".
[[nodiscard]] std::vector<std::string> protected_in_git_directories(const std::string& tree,
                                                                    std::span<const std::string> names);

// `names`, and those of protected_in_git_directories() that lie in the tree behind the borrowed `tree_root`, relative
// to it.
[[nodiscard]] std::vector<std::string> with_git_directories(int tree_root, std::vector<std::string> names);

}  // namespace writ

#endif  // WRIT_BROKER_GRANT_GIT_DIRECTORIES_H_
