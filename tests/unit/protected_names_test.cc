#include "broker/grant/protected_names.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

namespace writ {
namespace {

namespace fs = std::filesystem;

class Tree {
 public:
  Tree() {
    std::string pattern = (fs::temp_directory_path() / "writ-names-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
    root_.reset(::open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    REQUIRE(root_.valid());
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;
  ~Tree() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

  fs::path operator/(const std::string& name) const { return path_ / name; }
  void file(const std::string& name) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << name;
  }
  ProtectedInventory inspect(const std::vector<std::string>& names) const {
    auto inventory = inspect_protected_names(root_.get(), names);
    REQUIRE(inventory.has_value());
    return std::move(*inventory);
  }
  [[nodiscard]] int root() const { return root_.get(); }

 private:
  fs::path path_;
  UniqueFd root_;
};

std::vector<std::string> names_of(const std::vector<ProtectedMount>& mounts) {
  std::vector<std::string> names;
  for (const ProtectedMount& mount : mounts) names.push_back(mount.name);
  return names;
}

using Names = std::vector<std::string>;

TEST_CASE("existing names are mounted, their ancestors pinned, the rest is watched", "[protected_names]") {
  Tree tree;
  tree.file(".git/config");
  fs::create_directories(tree / ".git/hooks");
  const auto inventory = tree.inspect({".git/hooks", ".git/config", ".git/info/x", ".envrc", "a/b/c"});
  CHECK(names_of(inventory.mounts_to_protect) == Names{".git/config", ".git/hooks"});
  CHECK(inventory.mounts_to_protect[0].kind == EntryKind::kFile);
  CHECK(inventory.mounts_to_protect[1].kind == EntryKind::kDirectory);
  CHECK(names_of(inventory.ancestors_to_pin) == Names{".git"});
  CHECK(inventory.absent == Names{".git/info/x", ".envrc", "a/b/c"});
  CHECK(inventory.warnings.empty());
  CHECK(inventory.names[2].reached == ".git");
  CHECK(inventory.names[2].reached_state.kind == EntryKind::kDirectory);
  CHECK(inventory.names[3].reached.empty());
}

TEST_CASE("pins come parents first", "[protected_names]") {
  Tree tree;
  tree.file("a/b/c/file");
  const auto inventory = tree.inspect({"a/b/c/file", "a/b/other"});
  CHECK(names_of(inventory.ancestors_to_pin) == Names{"a", "a/b", "a/b/c"});
}

TEST_CASE("a read-only directory covers what lies beneath it", "[protected_names]") {
  Tree tree;
  tree.file(".vscode/tasks.json");
  const auto inventory = tree.inspect({".vscode/tasks.json", ".vscode/launch.json", ".vscode"});
  CHECK(names_of(inventory.mounts_to_protect) == Names{".vscode"});
  CHECK(inventory.ancestors_to_pin.empty());
  CHECK(inventory.absent.empty());
}

TEST_CASE("a symbolic link cannot be mounted over and is never followed", "[protected_names]") {
  Tree tree;
  tree.file("elsewhere/hooks/pre-commit");
  fs::create_symlink("elsewhere", tree / ".git");
  fs::create_symlink("/etc/passwd", tree / ".envrc");
  const auto inventory = tree.inspect({".git/hooks", ".envrc"});
  CHECK(inventory.mounts_to_protect.empty());
  CHECK(inventory.unprotectable_links == Names{".git", ".envrc"});
  CHECK(inventory.absent == Names{".git/hooks"});
  CHECK(inventory.names[1].state.link_text == "/etc/passwd");
  CHECK(inventory.warnings.size() == 2);
}

TEST_CASE("the .git file of a worktree is protected in the place of the names it blocks", "[protected_names]") {
  Tree tree;
  tree.file(".git");
  const auto inventory = tree.inspect({".git/hooks", ".git/config"});
  CHECK(names_of(inventory.mounts_to_protect) == Names{".git"});
  CHECK(inventory.mounts_to_protect[0].kind == EntryKind::kFile);
}

TEST_CASE("a hard-linked protected file gets a warning, a single one does not", "[protected_names]") {
  Tree tree;
  tree.file(".envrc");
  CHECK(tree.inspect({".envrc"}).warnings.empty());
  fs::create_hard_link(tree / ".envrc", tree / "alias");
  const auto inventory = tree.inspect({".envrc"});
  REQUIRE(inventory.warnings.size() == 1);
  CHECK(inventory.warnings[0].find("2 hard links") != std::string::npos);
  CHECK(names_of(inventory.mounts_to_protect) == Names{".envrc"});
}

TEST_CASE("a FIFO is inspected without opening it", "[protected_names]") {
  Tree tree;
  REQUIRE(::mkfifo((tree / ".envrc").c_str(), 0600) == 0);
  const auto inventory = tree.inspect({".envrc"});
  REQUIRE(inventory.mounts_to_protect.size() == 1);
  CHECK(inventory.mounts_to_protect[0].kind == EntryKind::kOther);
}

TEST_CASE("the held object is the inspected one, whatever the name becomes", "[protected_names]") {
  Tree tree;
  tree.file(".envrc");
  const auto inventory = tree.inspect({".envrc"});
  fs::rename(tree / ".envrc", tree / "moved");
  tree.file(".envrc");
  struct stat held {};
  struct stat moved {};
  REQUIRE(::fstat(inventory.mounts_to_protect.at(0).object.get(), &held) == 0);
  REQUIRE(::stat((tree / "moved").c_str(), &moved) == 0);
  CHECK(held.st_ino == moved.st_ino);
}

TEST_CASE("names are normalized and what is no name beneath the root is an error", "[protected_names]") {
  Tree tree;
  tree.file("a/b");
  CHECK(tree.inspect({"a//b/"}).names[0].name == "a/b");
  const Names bad = {"", "/", "/etc", "..", "a/../b", "./a", "a/.", std::string("a\0b", 3), std::string(300, 'x')};
  for (const std::string& name : bad) {
    CAPTURE(name);
    CHECK_FALSE(inspect_protected_names(tree.root(), std::vector<std::string>{name}).has_value());
  }
}

TEST_CASE("an error shows a hostile name escaped", "[protected_names]") {
  Tree tree;
  const auto failed = inspect_protected_names(tree.root(), std::vector<std::string>{"/x\n\x1b[2J"});
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().describe().find('\x1b') == std::string::npos);
}

}  // namespace
}  // namespace writ
