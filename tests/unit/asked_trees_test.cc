// Places that are asked about: words of a path, which place holds one, and lookups that never leave it.
#include "broker/mediation/asked_trees.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

AskedTree named(const std::string& path) {
  AskedTree tree;
  tree.path = path;
  return tree;
}

AskedTrees places(std::initializer_list<const char*> paths) {
  std::vector<AskedTree> trees;
  for (const char* path : paths) trees.push_back(named(path));
  return AskedTrees(std::move(trees));
}

TEST_CASE("words of a path stay in the place or lead out of it") {
  CHECK(lexical_path("/p", "") == "/p");
  CHECK(lexical_path("/p", "a") == "/p/a");
  CHECK(lexical_path("/p", "./a//b/.") == "/p/a/b");
  CHECK(lexical_path("/p", "a/../b") == "/p/b");
  CHECK(lexical_path("/p", "a/..") == "/p");
  CHECK(lexical_path("/p", "a/b/../../c/") == "/p/c");
  CHECK(lexical_path("/p/q", "..") == std::nullopt);
  CHECK(lexical_path("/p/q", "a/../..") == std::nullopt);
  CHECK(lexical_path("/p/q", "../q/a") == std::nullopt);  // out of it is out of it
  CHECK(lexical_path("/p", "...") == "/p/...");
  CHECK(lexical_path("/p", "..a/b..") == "/p/..a/b..");
  CHECK(lexical_path("/p", "///") == "/p");
}

TEST_CASE("the deepest place that has not joined holds a path") {
  AskedTrees trees = places({"/a", "/a/b", "/c"});
  CHECK(trees.holding("/a") == 0);
  CHECK(trees.holding("/a/x") == 0);
  CHECK(trees.holding("/a/b") == 1);
  CHECK(trees.holding("/a/b/c") == 1);
  CHECK(trees.holding("/a/bb") == 0);
  CHECK(trees.holding("/ab") == std::nullopt);
  CHECK(trees.holding("/") == std::nullopt);
  trees.set_state(1, TreeState::kJoining);
  CHECK(trees.holding("/a/b/c") == 1);
  trees.set_state(1, TreeState::kJoined);
  CHECK(trees.holding("/a/b/c") == 0);
  trees.set_state(0, TreeState::kJoined);
  CHECK(trees.holding("/a/b/c") == std::nullopt);
  CHECK(AskedTrees().empty());
}

// A real directory as a place. Its mount is a plain descriptor here: the lookups need no more.
class Scene {
 public:
  Scene() {
    std::string pattern = std::filesystem::canonical(std::filesystem::temp_directory_path()) / "writ-asked-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    top_ = pattern;
    std::filesystem::create_directories(top_ + "/place/sub/deep");
    std::ofstream(top_ + "/place/file") << "inside";
    std::ofstream(top_ + "/place/sub/leaf") << "leaf";
    std::ofstream(top_ + "/outside") << "outside";
    std::filesystem::create_symlink("file", top_ + "/place/link");
    std::filesystem::create_symlink("sub/../sub/leaf", top_ + "/place/winding");
    std::filesystem::create_symlink("../outside", top_ + "/place/up");
    std::filesystem::create_symlink(top_ + "/outside", top_ + "/place/absolute");
    std::filesystem::create_symlink("/proc/self/root", top_ + "/place/magic");
    std::filesystem::create_symlink("loop", top_ + "/place/loop");
    REQUIRE(::mkfifo((top_ + "/place/fifo").c_str(), 0600) == 0);
    const std::string place = top_ + "/place";
    // Detached where the kernel lets us, as in a run: then paths are told from the place's own root on.
    UniqueFd mount(static_cast<int>(raw_syscall(SYS_open_tree, AT_FDCWD, place.c_str(), 1 /* OPEN_TREE_CLONE */)));
    detached_ = mount.valid();
    if (!detached_) mount.reset(::open(place.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    std::vector<AskedTree> trees;
    trees.push_back(named("/view/place"));
    trees.back().mount = std::move(mount);
    trees_ = AskedTrees(std::move(trees));
  }
  ~Scene() { std::filesystem::remove_all(top_); }

  // The path as the tool calls it, or the errno.
  [[nodiscard]] std::string path(const std::string& rest, FinalLink last_link = FinalLink::kFollowed) const {
    const auto found = trees_.find(0, rest, last_link);
    if (!found) return std::to_string(found.error());
    const std::string place = detached_ ? "/view/place" : "/view/place" + top_ + "/place";
    CHECK(found->path.starts_with(rest.empty() ? "/view/place" : place));
    return rest.empty() ? found->path : found->path.substr(place.size());
  }
  [[nodiscard]] const AskedTrees& trees() const { return trees_; }
  [[nodiscard]] const std::string& top() const { return top_; }

 private:
  std::string top_;
  AskedTrees trees_;
  bool detached_ = false;
};

std::string text_of(int file) {
  std::string text(100, '\0');
  const ssize_t count = ::read(file, text.data(), text.size());
  text.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
  return text;
}

TEST_CASE("a lookup beneath a place follows links and never leaves it") {
  const Scene scene;
  CHECK(scene.path("") == "/view/place");
  CHECK(scene.path("file") == "/file");
  CHECK(scene.path("./sub//leaf") == "/sub/leaf");
  CHECK(scene.path("sub/../file") == "/file");
  CHECK(scene.path("link") == "/file");
  CHECK(scene.path("link", FinalLink::kMeant) == "/link");
  CHECK(scene.path("winding") == "/sub/leaf");
  CHECK(scene.path("up") == std::to_string(EXDEV));
  CHECK(scene.path("up", FinalLink::kMeant) == "/up");
  CHECK(scene.path("absolute") == std::to_string(EXDEV));
  CHECK(scene.path("magic/etc") == std::to_string(EXDEV));
  CHECK(scene.path("..") == std::to_string(EXDEV));
  CHECK(scene.path("sub/../../outside") == std::to_string(EXDEV));
  CHECK(scene.path("/outside") == std::to_string(EXDEV));
  CHECK(scene.path("missing") == std::to_string(ENOENT));
  CHECK(scene.path("missing/x") == std::to_string(ENOENT));
  CHECK(scene.path("file/x") == std::to_string(ENOTDIR));
  CHECK(scene.path("file/") == std::to_string(ENOTDIR));
  CHECK(scene.path("loop") == std::to_string(ELOOP));
  CHECK(scene.path(std::string(300, 'n')) == std::to_string(ENAMETOOLONG));
}

TEST_CASE("what was found is what is opened, whatever its name means by then") {
  const Scene scene;
  const auto found = scene.trees().find(0, "file");
  REQUIRE(found);
  std::filesystem::rename(scene.top() + "/place/file", scene.top() + "/elsewhere");
  std::ofstream(scene.top() + "/place/file") << "another";
  auto opened = AskedTrees::open(*found, O_RDONLY);
  REQUIRE(opened);
  CHECK(text_of(opened->get()) == "inside");
}

TEST_CASE("only regular files are opened, and only for reading") {
  const Scene scene;
  for (const char* name : {"fifo", "sub", ""}) {
    const auto found = scene.trees().find(0, name);
    REQUIRE(found);
    CHECK(AskedTrees::open(*found, O_RDONLY).error() == EACCES);
  }
  const auto link = scene.trees().find(0, "link", FinalLink::kMeant);
  REQUIRE(link);
  CHECK(AskedTrees::open(*link, O_RDONLY).error() == EACCES);
  const auto file = scene.trees().find(0, "file");
  REQUIRE(file);
  const auto opened = AskedTrees::open(*file, O_RDWR | O_TRUNC | O_CREAT | O_APPEND);
  REQUIRE(opened);
  CHECK((::fcntl(opened->get(), F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK)) == O_RDONLY);
  CHECK(::write(opened->get(), "x", 1) == -1);
  CHECK(std::filesystem::file_size(scene.top() + "/place/file") == 6);
  const auto waiting = AskedTrees::open(*file, O_NONBLOCK);
  REQUIRE(waiting);
  CHECK((::fcntl(waiting->get(), F_GETFL) & O_NONBLOCK) != 0);
}

}  // namespace
}  // namespace writ
