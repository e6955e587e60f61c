#include "broker/grant/link_aliases.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

namespace writ {
namespace {

namespace fs = std::filesystem;

class Tree {
 public:
  Tree() {
    std::string pattern = (fs::temp_directory_path() / "writ-aliases-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
    root_.reset(::open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
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
  void link(const std::string& from, const std::string& to) const {
    fs::create_directories((path_ / to).parent_path());
    fs::create_hard_link(path_ / from, path_ / to);
  }
  [[nodiscard]] UniqueFd open(const std::string& name) const {
    return UniqueFd(::open((path_ / name).c_str(), O_PATH | O_CLOEXEC));
  }
  [[nodiscard]] int root() const { return root_.get(); }

 private:
  fs::path path_;
  UniqueFd root_;
};

std::vector<std::string> names_of(const std::vector<LinkAlias>& aliases) {
  std::vector<std::string> names;
  for (const LinkAlias& alias : aliases) names.push_back(std::to_string(alias.tree) + ":" + alias.relative);
  std::sort(names.begin(), names.end());
  return names;
}

using Names = std::vector<std::string>;

TEST_CASE("every name of a file is found, in every tree", "[link_aliases]") {
  const Tree tree;
  tree.file("secret");
  tree.file("other");
  tree.link("secret", "a/b/alias");
  tree.link("secret", "a/second");
  const auto wanted = linked_files_beneath(tree.open("secret").get());
  REQUIRE(wanted.has_value());
  REQUIRE(wanted->size() == 1);
  const UniqueFd inner = tree.open("a");
  const std::vector<int> trees{tree.root(), inner.get()};
  const auto found = find_link_aliases(trees, *wanted);
  REQUIRE(found.has_value());
  CHECK(names_of(*found) == Names{"0:a/b/alias", "0:a/second", "0:secret", "1:b/alias", "1:second"});
  struct stat secret {};
  struct stat alias {};
  REQUIRE(::stat((tree / "secret").c_str(), &secret) == 0);
  REQUIRE(::fstat(found->front().object.get(), &alias) == 0);
  CHECK(secret.st_ino == alias.st_ino);
}

TEST_CASE("files with one name cost nothing", "[link_aliases]") {
  const Tree tree;
  tree.file("secret");
  const auto wanted = linked_files_beneath(tree.open("secret").get());
  REQUIRE(wanted.has_value());
  CHECK(wanted->empty());
  const std::vector<int> trees{tree.root()};
  CHECK(find_link_aliases(trees, *wanted, 0)->empty());
}

TEST_CASE("a denied directory is looked through for linked files", "[link_aliases]") {
  const Tree tree;
  tree.file("private/deep/one");
  tree.file("private/two");
  tree.file("private/single");
  tree.link("private/deep/one", "public/one");
  tree.link("private/two", "public/two");
  const auto wanted = linked_files_beneath(tree.open("private").get());
  REQUIRE(wanted.has_value());
  CHECK(wanted->size() == 2);
  const UniqueFd shared = tree.open("public");
  const std::vector<int> trees{shared.get()};
  CHECK(names_of(*find_link_aliases(trees, *wanted)) == Names{"0:one", "0:two"});
}

TEST_CASE("links of the tree are not followed", "[link_aliases]") {
  const Tree outside;
  outside.file("secret");
  outside.link("secret", "alias");
  const Tree tree;
  fs::create_directory_symlink(outside / ".", tree / "way-out");
  fs::create_symlink(outside / "secret", tree / "pointer");
  const auto wanted = linked_files_beneath(outside.open("secret").get());
  const std::vector<int> trees{tree.root()};
  CHECK(find_link_aliases(trees, *wanted)->empty());
}

TEST_CASE("a search that would take too long is an error, not a silent end", "[link_aliases]") {
  const Tree tree;
  tree.file("secret");
  tree.link("secret", "zz/alias");
  for (int i = 0; i < 20; ++i) tree.file("many/" + std::to_string(i));
  const auto wanted = linked_files_beneath(tree.open("secret").get());
  const std::vector<int> trees{tree.root()};
  const auto found = find_link_aliases(trees, *wanted, 10);
  REQUIRE_FALSE(found.has_value());
  CHECK(found.error().what.find("too large") != std::string::npos);
}

}  // namespace
}  // namespace writ
