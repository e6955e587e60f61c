#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "broker/sandbox/late_mounts.h"
#include "tests/integration/late_grants/late_scene.h"

namespace writ::late_test {
namespace {

using Catch::Matchers::Contains;

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void check_reading(SceneOptions options) {
  LateScene scene(std::move(options));
  const std::string closed = scene.path("library/closed");
  CHECK_THAT(scene.shell("cat " + closed + "/file; ls " + closed), Contains("Permission denied"));
  CHECK_THAT(scene.shell("cat " + closed + "/file"), !Contains("late\n"));
  CHECK(scene.attach(1, closed, scene.tree("library/closed").get()).error == 0);
  CHECK(scene.shell("cat " + closed + "/file; ls " + closed) == "late\nfile\nprogram\n0");
  CHECK(scene.shell("sh " + closed + "/program; " + closed + "/program") == "ran\nran\n0");
  for (const char* write : {"echo x > %/new", "echo x >> %/file", "mkdir %/new", "rm -f %/file", "mv %/file %/other"}) {
    std::string command = write;
    for (std::size_t at; (at = command.find('%')) != std::string::npos;) command.replace(at, 1, closed);
    CHECK_THAT(scene.shell(command), Contains("Read-only file system"));
  }
  CHECK(read_file(closed + "/file") == "late\n");
  // What is around it stays as it was.
  CHECK_THAT(scene.shell("cat " + scene.path("library/single")), Contains("Permission denied"));
  CHECK_THAT(scene.shell("ls " + closed + "/../.."), !Contains("elsewhere"));
}

TEST_CASE("a tree that is attached while the tool runs is read and not written") { check_reading({}); }

TEST_CASE("a tree is attached to a view that was assembled as on an older kernel") {
  SceneOptions options;
  options.assembly = ViewAssembly::kAttached;
  check_reading(options);
}

TEST_CASE("a place is a file for a file, or an empty directory of the view itself") {
  LateScene scene;
  CHECK_THAT(scene.shell("cat " + scene.path("library/single")), Contains("Permission denied"));
  CHECK(scene.attach(1, scene.path("library/single"), scene.tree("library/closed").get()).error == EINVAL);
  CHECK(scene.attach(1, scene.path("library/single"), scene.tree("library/single").get()).error == 0);
  CHECK(scene.shell("cat " + scene.path("library/single")) == "one\n0");
  CHECK(scene.shell("ls -A /run") == "0");
  CHECK(scene.attach(2, "/run", scene.tree("elsewhere").get()).error == 0);
  CHECK(scene.shell("cat /run/file") == "far\n0");
}

// Returns the scene's name for the tree.
std::string attach_writable(LateScene& scene) {
  const std::string closed = scene.path("library/closed");
  CHECK(scene.attach(1, closed, scene.tree("library/closed", PathAccess::kWrite).get()).error == 0);
  return closed;
}

TEST_CASE("the floor lets a tool write beneath a writable tree that came late") {
  LateScene scene;
  const std::string closed = attach_writable(scene);
  const std::string work = "cd " + closed +
                           " && echo new > made && mkdir deep && mv made deep/moved && ln deep/moved " + closed +
                           "/linked && echo more >> file && rm program && cat deep/moved";
  CHECK(scene.shell(work) == "new\n0");
  CHECK(read_file(closed + "/deep/moved") == "new\n");
  CHECK(read_file(closed + "/file") == "late\nmore\n");
  struct stat made {};
  struct stat before {};
  REQUIRE(::stat((closed + "/linked").c_str(), &made) == 0);
  REQUIRE(::stat((closed + "/file").c_str(), &before) == 0);
  CHECK(made.st_uid == before.st_uid);
}

TEST_CASE("so does the floor of a strict profile, which handles reading as well") {
  SceneOptions options;
  options.syscalls = SyscallBase::kStrict;
  LateScene scene(options);
  const std::string closed = attach_writable(scene);
  // A strict profile allows no other process: only what the shell does itself.
  CHECK(scene.shell("cd " + closed + " && echo new > made && echo more >> file && read line < made && echo $line") ==
        "new\n0");
  CHECK(read_file(closed + "/made") == "new\n");
  CHECK(read_file(closed + "/file") == "late\nmore\n");
}

TEST_CASE("a trapped call that continues sees the tree at once", "[listener]") {
  SceneOptions options;
  options.traps = {{SYS_chdir, TrapScope::kAlways, {}}};
  LateScene scene(options);
  const std::string closed = scene.path("library/closed");
  const auto next = [&] {
    pollfd ready{scene.listener().descriptor(), POLLIN, 0};
    REQUIRE(::poll(&ready, 1, 20'000) == 1);
    const auto call = scene.listener().receive();
    REQUIRE(call);
    REQUIRE(*call);
    return (*call)->id;
  };
  scene.send("cd " + closed);  // the control: without the tree it is refused
  REQUIRE(scene.listener().answer_continue(next()));
  CHECK_THAT(scene.result(), Contains("closed") && !Contains("\n0"));
  for (std::uint64_t round = 1; round <= 50; ++round) {
    scene.send("cd " + closed + " && cat file");
    const std::uint64_t call = next();
    REQUIRE(scene.attach(round, closed, scene.tree("library/closed").get()).error == 0);
    REQUIRE(scene.listener().answer_continue(call));
    CHECK(scene.result() == "late\n0");
    scene.send("cd /");
    REQUIRE(scene.listener().answer_continue(next()));
    CHECK(scene.result() == "0");
    REQUIRE(scene.detach(round, closed).detach.unmount == 0);
  }
}

TEST_CASE("no link is followed on the way to a place, and none at its end") {
  LateScene scene;
  const UniqueFd mount = scene.tree("elsewhere");
  REQUIRE(scene.shell("ln -s ../library way; ln -s ../library/closed last; ln -s /proc/1/root magic") == "0");
  CHECK(scene.attach(1, scene.path("work/way/closed"), mount.get()).error == ELOOP);
  CHECK(scene.attach(1, scene.path("work/last"), mount.get()).error == ELOOP);
  CHECK(scene.attach(1, scene.path("work/magic/run"), mount.get()).error == ELOOP);
  CHECK(scene.attach(1, "/proc/self/root/run", mount.get()).error == ELOOP);
  CHECK_THAT(scene.shell("ls /run " + scene.path("library/closed")), !Contains("file\n"));
  // The control: where the links led to is a place.
  CHECK(scene.attach(1, scene.path("library/closed"), mount.get()).error == 0);
  CHECK(scene.shell("cat way/closed/file") == "far\n0");
}

TEST_CASE("what a tool can make is no place") {
  LateScene scene;
  REQUIRE(scene.shell("mkdir -p made/deep /tmp/made") == "0");
  const UniqueFd mount = scene.tree("elsewhere");
  for (const std::string& at : {scene.path("work/made/deep"), scene.path("work"), std::string("/tmp/made")})
    CHECK(scene.attach(1, at, mount.get()).error == EPERM);
  CHECK(scene.shell("ls -A made/deep /tmp/made | grep file") == "1");
  CHECK(scene.attach(1, "/run", mount.get()).error == 0);
}

TEST_CASE("a path that is no place is an error, and init goes on") {
  LateScene scene;
  const UniqueFd mount = scene.tree("elsewhere");
  for (const std::string& bad : {std::string(), std::string("/"), std::string("run"), std::string("/run/"),
                                 std::string("//run"), std::string("/run/../run"), std::string("/./run"),
                                 std::string("/run\0/x", 6), "/" + std::string(kPlacePathLimit, 'x')})
    CHECK_FALSE(scene.sandbox().attach_tree(AttachId{1}, bad, mount.get()));
  CHECK(scene.attach(1, "/absent/place", mount.get()).error == ENOENT);
  CHECK(scene.attach(1, scene.path("library/readme/x"), mount.get()).error == ENOTDIR);
  CHECK(scene.attach(1, "/" + std::string(300, 'x'), mount.get()).error == ENAMETOOLONG);
  CHECK(scene.attach(1, "/run", -1).error == EBADF);
  const UniqueFd plain(::open(scene.path("elsewhere").c_str(), O_PATH | O_CLOEXEC));
  CHECK(scene.attach(1, "/run", plain.get()).error != 0);
  CHECK(scene.shell("ls -A /run") == "0");
  CHECK(scene.attach(1, "/run", mount.get()).error == 0);
  CHECK(scene.attach(1, "/run", scene.tree("elsewhere").get()).error == EEXIST);
}

TEST_CASE("a broken message is an error, and init goes on") {
  LateScene scene;
  const auto whole = make_tree_request(InitCommand::kAttach, AttachId{7}, "/run");
  REQUIRE(whole);
  const auto answered = [&](const TreeRequest& request, std::size_t size) {
    REQUIRE(::send(scene.sandbox().descriptor(), &request, size, MSG_NOSIGNAL) == static_cast<ssize_t>(size));
    return scene.answer().error;
  };
  const std::size_t size = encoded_size(*whole);
  CHECK(answered(*whole, size) == EBADF);  // the control: understood, and without a mount
  CHECK(answered(*whole, size - 1) == EPROTO);
  CHECK(answered(*whole, size + 1) == EPROTO);
  CHECK(answered(*whole, sizeof(InitRequest)) == EPROTO);
  TreeRequest changed = *whole;
  changed.path_length = 0xFFFFFFFF;
  CHECK(answered(changed, size) == EPROTO);
  changed = *whole;
  std::memcpy(changed.path.data(), "/r/..", 5);
  CHECK(answered(changed, size) == EPROTO);
  for (std::size_t shorter = 1; shorter < sizeof(InitRequest); ++shorter)
    REQUIRE(::send(scene.sandbox().descriptor(), &*whole, shorter, MSG_NOSIGNAL) > 0);
  CHECK(scene.attach(1, "/run", scene.tree("elsewhere").get()).error == 0);
}

std::ptrdiff_t open_descriptors(const std::string& process) {
  return std::distance(std::filesystem::directory_iterator("/proc/" + process + "/fd"), {});
}

TEST_CASE("a thousand requests leave nothing open in init") {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = 700;  // fewer than there will be requests: an init that leaks stops working
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  LateScene scene;
  const bool visible = ::geteuid() == 0 && ::access(("/proc/" + scene.init() + "/fd").c_str(), R_OK) == 0;
  REQUIRE(scene.detach(1, "/run").error == ENOENT);  // init has answered, so it has opened what it keeps
  const std::ptrdiff_t before = visible ? open_descriptors(scene.init()) : 0;
  const UniqueFd plain(::open(scene.path("elsewhere").c_str(), O_PATH | O_CLOEXEC));
  for (std::uint64_t round = 1; round <= 250; ++round) {
    REQUIRE(scene.attach(round, "/run", scene.tree("elsewhere").get()).error == 0);
    REQUIRE(scene.attach(round, "/run", scene.tree("elsewhere").get()).error == EEXIST);
    REQUIRE(scene.attach(round + 1000, "/absent", scene.tree("elsewhere").get()).error == ENOENT);
    REQUIRE(scene.attach(round + 1000, "/run", plain.get()).error != 0);
    REQUIRE(scene.detach(round, "/run").error == 0);
  }
  if (visible) CHECK(open_descriptors(scene.init()) == before);
  REQUIRE(scene.attach(1, "/run", scene.tree("elsewhere").get()).error == 0);
  CHECK(scene.shell("cat /run/file") == "far\n0");
}

TEST_CASE("more trees than one sandbox can have are refused") {
  LateScene scene;
  for (std::uint64_t id = 1; id <= kLateMountLimit; ++id)
    REQUIRE(scene.attach(id, "/run", scene.tree("elsewhere").get()).error == 0);
  CHECK(scene.attach(kLateMountLimit + 1, "/run", scene.tree("elsewhere").get()).error == ENOSPC);
  REQUIRE(scene.detach(kLateMountLimit, "/run").error == 0);
  CHECK(scene.attach(kLateMountLimit + 1, "/run", scene.tree("elsewhere").get()).error == 0);
}

// Returns how many requests were sent before one was refused, with EAGAIN.
std::size_t ask_until_refused(LateScene& scene, const std::string& at, int mount) {
  for (std::size_t sent = 0;; ++sent) {
    const Status asked = scene.sandbox().attach_tree(AttachId{1}, at, mount);
    if (asked) continue;
    REQUIRE(asked.error().system_errno == EAGAIN);
    return sent;
  }
}

TEST_CASE("asking never blocks") {
  LateScene scene;
  const UniqueFd mount = scene.tree("elsewhere");
  for (const std::size_t length : {std::size_t{300}, kPlacePathLimit - 1}) {
    const std::size_t sent = ask_until_refused(scene, "/" + std::string(length, 'x'), mount.get());
    CHECK(sent > 0);
    CHECK(sent <= kOutstandingInitRequests);
    for (std::size_t i = 0; i < sent; ++i) CHECK(scene.answer().error == ENAMETOOLONG);
  }
  CHECK(scene.attach(1, "/run", mount.get()).error == 0);
}

TEST_CASE("a sandbox that has ended is no place any more, and nothing of it is left") {
  LateScene scene;
  REQUIRE(scene.attach(1, "/run", scene.tree("elsewhere", PathAccess::kWrite).get()).error == 0);
  const std::string init = "/proc/" + scene.init();
  REQUIRE(std::filesystem::exists(init));
  REQUIRE(scene.shell("exec 5> /run/written; sleep 1000 &") == "0");  // holds the tree, and outlives the shell
  scene.sandbox().kill();
  scene.sandbox().wait();
  CHECK_FALSE(std::filesystem::exists(init));
  const Status refused = scene.sandbox().attach_tree(AttachId{2}, "/run", scene.tree("elsewhere").get());
  REQUIRE_FALSE(refused);
  CHECK((refused.error().system_errno == EPIPE || refused.error().system_errno == ECONNRESET));
  CHECK_FALSE(scene.sandbox().receive());
}

}  // namespace
}  // namespace writ::late_test
