// The short way into a mediated tree; the test itself is the tool, in its own root, and one directory is both mounts.
#include "broker/mediation/tree_door.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

namespace writ {
namespace {

using Name = TreeDoor::Name;

UniqueFd place(const std::string& path) { return UniqueFd(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)); }

class Scene {
 public:
  Scene() : root_(place("/")) {
    std::string pattern = std::filesystem::canonical(std::filesystem::temp_directory_path()) / "writ-door-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    top_ = pattern;
    std::filesystem::create_directories(top_ + "/tree/a");
    std::filesystem::create_directories(top_ + "/outside");
    std::ofstream(top_ + "/tree/a/file") << "x";
    std::ofstream(top_ + "/outside/file") << "x";
    std::filesystem::create_symlink("a", top_ + "/tree/link");
    std::filesystem::create_symlink("a/file", top_ + "/tree/last");
    std::filesystem::create_symlink("../outside", top_ + "/tree/away");
    tree_ = {top_ + "/tree", place(top_ + "/tree"), {}};
  }
  ~Scene() { std::filesystem::remove_all(top_); }

  [[nodiscard]] Name look(const std::string& name) { return door_.look(root_.get(), tree_, tree_.path + "/" + name); }
  [[nodiscard]] bool opens(const std::string& name) const {
    return TreeDoor::open(tree_, tree_.path + "/" + name, O_WRONLY).valid();
  }
  [[nodiscard]] bool makes(const std::string& name) const {
    return TreeDoor::make(tree_, tree_.path + "/" + name, O_WRONLY, 0600).valid();
  }
  [[nodiscard]] bool exists(const std::string& name) const {
    struct stat status {};
    return ::lstat((top_ + "/" + name).c_str(), &status) == 0;
  }
  TreeDoor& door() { return door_; }
  MediatedTree& tree() { return tree_; }
  [[nodiscard]] int root() const { return root_.get(); }
  [[nodiscard]] const std::string& top() const { return top_; }

 private:
  UniqueFd root_;
  TreeDoor door_;
  MediatedTree tree_;
  std::string top_;
};

TEST_CASE("a file and a free name are seen, everything else is unclear") {
  Scene scene;
  REQUIRE(::mkfifo((scene.top() + "/tree/fifo").c_str(), 0600) == 0);
  std::filesystem::create_hard_link(scene.top() + "/outside/file", scene.top() + "/tree/twin");
  CHECK(scene.look("a/file") == Name::kFile);
  CHECK(scene.look("a/new") == Name::kFree);
  CHECK(scene.look("new") == Name::kFree);
  for (const char* name : {"a", "fifo", "twin", "link", "last", "link/file", "away/file", "missing/new", "a/file/new"})
    CHECK(scene.look(name) == Name::kUnclear);
  CHECK(scene.door().look(scene.root(), scene.tree(), scene.tree().path) == Name::kUnclear);
}

TEST_CASE("nothing is opened or made through a link") {
  const Scene scene;
  CHECK(scene.opens("a/file"));
  CHECK(scene.makes("a/new"));
  for (const char* name : {"link/file", "last", "away/file"}) CHECK_FALSE(scene.opens(name));
  for (const char* name : {"a/file", "link/other", "away/other", "last"}) CHECK_FALSE(scene.makes(name));
  CHECK_FALSE(scene.exists("tree/a/other"));
  CHECK_FALSE(scene.exists("outside/other"));
}

TEST_CASE("what is known about a directory that was moved opens nothing") {
  Scene scene;
  REQUIRE(scene.look("a/file") == Name::kFile);
  std::filesystem::rename(scene.top() + "/tree/a", scene.top() + "/tree/moved");
  std::filesystem::create_symlink("moved", scene.top() + "/tree/a");
  CHECK(scene.look("a/file") == Name::kFile);  // a hint that is out of date
  CHECK_FALSE(scene.opens("a/file"));
  CHECK_FALSE(scene.makes("a/new"));
  CHECK_FALSE(scene.exists("tree/moved/new"));
  scene.door().forget();
  CHECK(scene.look("a/file") == Name::kUnclear);
}

TEST_CASE("a directory that the view shows otherwise is unclear") {
  Scene scene;
  scene.tree().writable = place(scene.top() + "/outside");  // another one than what stands at the path
  CHECK(scene.look("file") == Name::kUnclear);
  CHECK_FALSE(TreeDoor::stands_in_view(scene.root(), scene.tree()));
  scene.tree().writable = place(scene.top() + "/tree");
  CHECK(scene.look("a/file") == Name::kFile);
  CHECK(TreeDoor::stands_in_view(scene.root(), scene.tree()));
}

TEST_CASE("the way to a tree is fixed where the tool can move nothing on it") {
  const auto fixed = [](const std::string& path, std::vector<ViewEntry> entries) {
    std::vector<MediatedTree> list;
    list.push_back({path, UniqueFd(), {}});
    entries.push_back({path, "mediated"});
    const MediatedTrees trees(std::move(list), entries);
    return trees.has_fixed_way(*trees.holding(path + "/x"));
  };
  CHECK(fixed("/work", {}));
  CHECK(fixed("/deep/in/the/root", {{"/tmp", "private"}}));
  CHECK(fixed("/home/me/work", {{"/home/me", "private"}}));
  CHECK(fixed("/home/me/work", {{"/home/me", "read"}, {"/home/me/work/hidden", "hidden"}}));
  CHECK(fixed("/home/me/work", {{"/home/me", "private"}, {"/home/me/work2", "write"}}));
  CHECK_FALSE(fixed("/home/me/src/work", {{"/home/me", "private"}}));
  CHECK_FALSE(fixed("/data/work", {{"/data", "write"}}));
  CHECK_FALSE(fixed("/data/work", {{"/data", "mediated"}}));
  CHECK_FALSE(fixed("/home/me/src/read/work", {{"/home/me", "private"}, {"/home/me/src/read", "read"}}));
}

}  // namespace
}  // namespace writ
