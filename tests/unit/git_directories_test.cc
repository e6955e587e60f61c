#include "broker/grant/git_directories.h"

#include <fcntl.h>
#include <stdlib.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "broker/base/unique_fd.h"
#include "broker/mediation/protected_links.h"

namespace writ {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

class Repositories {
 public:
  Repositories() {
    std::string pattern = (fs::temp_directory_path() / "writ-git-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    top_ = fs::canonical(pattern);
    fs::create_directory(top_ / "ws");
  }
  Repositories(const Repositories&) = delete;
  Repositories& operator=(const Repositories&) = delete;
  ~Repositories() {
    std::error_code ignored;
    fs::remove_all(top_, ignored);
  }
  void file(const std::string& name, const std::string& text = "x\n") const {
    fs::create_directories((top_ / name).parent_path());
    std::ofstream(top_ / name) << text;
  }
  [[nodiscard]] std::string path(const std::string& name) const { return (top_ / name).string(); }
  [[nodiscard]] Names directories() const {
    Names found;
    for (const std::string& path : git_directories_of(path("ws")))
      found.push_back(fs::path(path).lexically_relative(top_).string());
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  fs::path top_;
};

TEST_CASE("a repository without more than itself has no other directory", "[git_directories]") {
  const Repositories host;
  CHECK(host.directories().empty());
  host.file("ws/.git/HEAD");
  CHECK(host.directories().empty());
}

TEST_CASE("submodules, also inside of each other, and other working trees are found", "[git_directories]") {
  const Repositories host;
  host.file("ws/.git/HEAD");
  host.file("ws/.git/modules/one/HEAD");
  host.file("ws/.git/modules/one/modules/inner/HEAD");
  host.file("ws/.git/modules/group/two/HEAD");
  host.file("ws/.git/worktrees/side/HEAD");
  host.file("elsewhere/HEAD");
  fs::create_directory_symlink(host.path("elsewhere"), host.path("ws/.git/modules/link"));
  CHECK(host.directories() == Names{"ws/.git/modules/group/two", "ws/.git/modules/one",
                                    "ws/.git/modules/one/modules/inner", "ws/.git/worktrees/side"});
}

TEST_CASE("a file .git leads to its directory and that one to the common one", "[git_directories]") {
  const Repositories host;
  host.file("ws/.git", "gitdir: ../main/.git/worktrees/ws\n");
  host.file("main/.git/worktrees/ws/commondir", "../..\n");
  host.file("main/.git/worktrees/ws/HEAD");
  host.file("main/.git/modules/one/HEAD");
  CHECK(host.directories() == Names{"main/.git", "main/.git/modules/one", "main/.git/worktrees/ws"});
  // Its own directory stays open but for the names themselves.
  CHECK(protected_link_targets(host.path("ws"), {".git/hooks", ".git/worktrees"}) ==
        Names{host.path("main/.git/hooks"), host.path("main/.git/modules/one/hooks"),
              host.path("main/.git/modules/one/worktrees"), host.path("main/.git/worktrees/ws/hooks"),
              host.path("main/.git/worktrees/ws/worktrees")});
  host.file("ws/.git", "something else\n");
  CHECK(host.directories().empty());
}

TEST_CASE("protected names are meant in those directories as well", "[git_directories]") {
  const Repositories host;
  host.file("ws/.git", "gitdir: " + host.path("ws/store") + "\n");
  host.file("ws/store/HEAD");
  const Names names = {".git/hooks", ".git/config", ".envrc"};
  const UniqueFd tree(::open(host.path("ws").c_str(), O_PATH | O_CLOEXEC));
  CHECK(with_git_directories(tree.get(), names) ==
        Names{".git/hooks", ".git/config", ".envrc", "store/hooks", "store/config"});
  CHECK(protected_link_targets(host.path("ws"), names) ==
        Names{host.path("ws/store/config"), host.path("ws/store/hooks")});
  CHECK(with_git_directories(tree.get(), {".envrc"}) == Names{".envrc"});
  // One that lies outside is not a name of this tree; a mediated tree beside it is told.
  host.file("ws/.git", "gitdir: ../main\n");
  host.file("main/HEAD");
  CHECK(with_git_directories(tree.get(), names) == names);
  CHECK(protected_link_targets(host.path("ws"), {".git/hooks"}) == Names{host.path("main/hooks")});
}

TEST_CASE("many directories are a bounded list", "[git_directories]") {
  const Repositories host;
  for (int i = 0; i < 300; ++i) host.file("ws/.git/modules/m" + std::to_string(i) + "/HEAD");
  CHECK(host.directories().size() == kGitDirectoryLimit);
}

}  // namespace
}  // namespace writ
