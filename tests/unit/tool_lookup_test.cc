// Lookups as a tool would make them; the test itself is the tool, in its own root.
#include "broker/mediation/tool_lookup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "broker/mediation/caller_record.h"

namespace writ {
namespace {

class Scene {
 public:
  Scene() : caller_(::getpid()), lookup_(*ToolLookup::open(::getpid())) {
    std::string pattern = std::filesystem::canonical(std::filesystem::temp_directory_path()) / "writ-lookup-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    top_ = pattern;
    std::filesystem::create_directories(top_ + "/a/b");
    std::ofstream(top_ + "/a/file") << "x";
    std::filesystem::create_symlink("a/b", top_ + "/relative");
    std::filesystem::create_symlink(top_ + "/a", top_ + "/absolute");
    std::filesystem::create_symlink("missing", top_ + "/dangling");
    std::filesystem::create_symlink("loop", top_ + "/loop");
    std::filesystem::create_symlink("/proc/self/cwd", top_ + "/magic");
  }
  ~Scene() { std::filesystem::remove_all(top_); }

  [[nodiscard]] FoundPlace find(const std::string& text, FinalLink last_link = FinalLink::kName) const {
    return lookup_.find({text, UniqueFd(::open(top_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)), {}}, last_link,
                        caller_);
  }
  // The canonical path beneath the top, "?" for an object that is missing, or the errno.
  [[nodiscard]] std::string path(const std::string& text, FinalLink last_link = FinalLink::kName) const {
    const FoundPlace found = find(text, last_link);
    if (!found) return std::to_string(found.error());
    if (!*found) return "kernel";
    if ((*found)->descriptor.valid()) return "descriptor";
    const std::string whole = (*found)->path();
    const std::string inside = whole.starts_with(top_) ? whole.substr(top_.size()) : whole;
    return inside + ((*found)->object ? "" : "?");
  }
  [[nodiscard]] const std::string& top() const { return top_; }

 private:
  CallerRecord caller_;
  ToolLookup lookup_;
  std::string top_;
};

TEST_CASE("a path leads to a directory and a name in it") {
  const Scene scene;
  CHECK(scene.path("a/file") == "/a/file");
  CHECK(scene.path("a/new") == "/a/new?");
  CHECK(scene.path(scene.top() + "/a//./new") == "/a/new?");
  CHECK(scene.path("a/b/../file") == "/a/file");
  CHECK(scene.path("relative/new") == "/a/b/new?");
  CHECK(scene.path("absolute/b/../new") == "/a/new?");
  CHECK(scene.path("relative/../new") == "/a/new?");
  CHECK(scene.path("../../../../../../../../etc") == "/etc");
  CHECK(scene.path("a/file/x") == std::to_string(ENOTDIR));
  CHECK(scene.path("no/x") == std::to_string(ENOENT));
  CHECK(scene.path("") == std::to_string(ENOENT));
  CHECK(scene.path("loop/x") == std::to_string(ELOOP));
  CHECK(scene.path(std::string(300, 'n')) == std::to_string(ENAMETOOLONG));
}

TEST_CASE("a link in the last place is followed, meant, or just a name") {
  const Scene scene;
  CHECK(scene.path("absolute", FinalLink::kFollowed) == "/a");
  CHECK(scene.path("absolute", FinalLink::kMeant) == "/absolute");
  CHECK(scene.path("absolute/", FinalLink::kMeant) == "/a");
  CHECK(scene.path("absolute/", FinalLink::kName) == "/absolute");
  CHECK(scene.path("dangling", FinalLink::kFollowed) == "/missing?");
  CHECK(scene.path("dangling", FinalLink::kName) == "/dangling");
  CHECK(scene.path("loop", FinalLink::kFollowed) == std::to_string(ELOOP));
  CHECK(scene.path(".", FinalLink::kFollowed) == "");
  CHECK(scene.path("a/b/..", FinalLink::kFollowed) == "/a");
  CHECK(scene.path("/", FinalLink::kFollowed) == "/");
}

TEST_CASE("/proc/self is the caller's, and other places there are nobody's") {
  const Scene scene;
  const std::string here = std::filesystem::canonical(".");
  CHECK(scene.path("/proc/self/cwd/new-name") == here + "/new-name?");
  CHECK(scene.path("magic/new-name") == here + "/new-name?");
  CHECK(scene.path("/proc/thread-self/root/etc") == "/etc");
  const UniqueFd directory(::open((scene.top() + "/a").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  CHECK(scene.path("/proc/self/fd/" + std::to_string(directory.get()) + "/file") == "/a/file");
  CHECK(scene.path("/dev/fd/" + std::to_string(directory.get()) + "/new") == "/a/new?");
  CHECK(scene.path("/proc/self/fd/" + std::to_string(directory.get()), FinalLink::kFollowed) == "descriptor");
  CHECK(scene.path("/proc/self/fd/9999/x") == std::to_string(ENOENT));
  CHECK(scene.path("/proc/1/cwd/x") == "kernel");
  CHECK(scene.path("/proc/self/status") == "kernel");
}

TEST_CASE("an object is found again by its descriptor, unless it has no name any more") {
  const Scene scene;
  const auto lookup = ToolLookup::open(::getpid());
  REQUIRE(lookup);
  const UniqueFd file(::open((scene.top() + "/a/file").c_str(), O_PATH | O_CLOEXEC));
  const FoundPlace found = lookup->find_object(file.get());
  REQUIRE(found);
  REQUIRE(*found);
  CHECK((*found)->path() == scene.top() + "/a/file");
  ::unlink((scene.top() + "/a/file").c_str());
  CHECK_FALSE(lookup->find_object(file.get()));
}

TEST_CASE("the umask of a caller is remembered until somebody may have changed it") {
  CallerTable table;
  const std::shared_ptr<const CallerRecord> own = table.record(::getpid());
  const mode_t before = ::umask(027);
  CHECK(table.umask_of(::getpid(), *own) == mode_t{027});
  ::umask(077);  // unannounced: nobody asks the kernel again
  CHECK(table.umask_of(::getpid(), *own) == mode_t{027});
  table.umask_changes(::getpid());
  CHECK(table.umask_of(::getpid(), *own) == mode_t{077});
  ::umask(022);  // while a change is under way nothing is remembered
  CHECK(table.umask_of(::getpid(), *own) == mode_t{022});
  table.note_call(::getpid());
  CHECK(table.umask_of(::getpid(), *own) == mode_t{022});
  ::umask(before);
}

TEST_CASE("the record of a thread that ended is nobody else's") {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const CallerRecord record(child);
  CHECK(record.alive());
  CHECK(record.working_directory().valid());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK_FALSE(record.alive());
  CHECK_FALSE(record.working_directory().valid());
  CHECK_FALSE(record.read_umask());
}

}  // namespace
}  // namespace writ
