#include "broker/mediation/protected_links.h"

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

namespace writ {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

class LinkedTree {
 public:
  LinkedTree() {
    std::string pattern = (fs::temp_directory_path() / "writ-links-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    top_ = fs::canonical(pattern);
    fs::create_directory(top_ / "ws");
  }
  LinkedTree(const LinkedTree&) = delete;
  LinkedTree& operator=(const LinkedTree&) = delete;
  ~LinkedTree() {
    std::error_code ignored;
    fs::remove_all(top_, ignored);
  }
  void file(const std::string& name) const {
    fs::create_directories((top_ / "ws" / name).parent_path());
    std::ofstream(top_ / "ws" / name) << name;
  }
  void link(const std::string& name, const std::string& target) const {
    fs::create_directories((top_ / "ws" / name).parent_path());
    fs::create_symlink(target, top_ / "ws" / name);
  }
  [[nodiscard]] std::string top() const { return top_.string(); }
  // Relative to the tree; those outside of it with "../" in front.
  [[nodiscard]] Names targets(const std::string& name) const {
    Names found;
    const std::string tree = (top_ / "ws").string();
    for (const std::string& place : protected_link_targets(tree, {name}))
      found.push_back(fs::path(place).lexically_relative(tree).string());
    return found;
  }

 private:
  fs::path top_;
};

TEST_CASE("a name that is no link leads nowhere else", "[protected_links]") {
  const LinkedTree tree;
  tree.file(".envrc");
  tree.file(".git");
  CHECK(tree.targets(".envrc").empty());
  CHECK(tree.targets(".git/hooks").empty());
  CHECK(tree.targets(".absent/name").empty());
}

TEST_CASE("each link on the way counts, and the end", "[protected_links]") {
  const LinkedTree tree;
  tree.link(".envrc", "a");
  tree.link("a", "./deep/b");
  tree.link("deep/b", "../c");
  tree.file("c");
  CHECK(tree.targets(".envrc") == Names{"a", "c", "deep/b"});
}

TEST_CASE("links to directories in between count", "[protected_links]") {
  const LinkedTree tree;
  tree.link(".vscode", "near/far/settings");
  tree.link("near", "real");
  tree.link("real/far", tree.top() + "/ws/other//");
  tree.file("other/settings/tasks.json");
  CHECK(tree.targets(".vscode") == Names{"near", "other/settings", "real/far"});
  tree.link(".git", "store/git");
  tree.link("store", "archive");
  tree.file("archive/git/hooks/pre-commit");
  CHECK(tree.targets(".git/hooks") == Names{"archive/git/hooks", "store"});
}

TEST_CASE("what hangs in the air counts", "[protected_links]") {
  const LinkedTree tree;
  tree.link(".envrc", "a");
  tree.link("a", "none/of/it");
  CHECK(tree.targets(".envrc") == Names{"a", "none/of/it"});
  // Whoever makes "none" a link decides where ".." leads.
  tree.link(".bashrc", "none/../there");
  CHECK(tree.targets(".bashrc") == Names{"none", "there"});
  tree.link(".zshrc", "loop");
  tree.link("loop", ".zshrc");
  CHECK(tree.targets(".zshrc") == Names{"loop"});
}

TEST_CASE("a chain counts as far as the kernel would follow a shorter one", "[protected_links]") {
  const LinkedTree tree;
  for (int i = 0; i < 60; ++i) tree.link("l" + std::to_string(i), "l" + std::to_string(i + 1));
  tree.link(".envrc", "l0");
  CHECK(tree.targets(".envrc").size() == 40);
}

TEST_CASE("other trees count, what holds the tree does not", "[protected_links]") {
  const LinkedTree tree;
  tree.link(".envrc", "../beside/rc");
  CHECK(tree.targets(".envrc") == Names{"../beside/rc"});
  for (const char* target : {".", "..", "/", "other"}) tree.link(std::string(".") + target + "x", target);
  CHECK(tree.targets("..x").empty());
  CHECK(tree.targets("...x").empty());
}

}  // namespace
}  // namespace writ
