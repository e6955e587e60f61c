// What a view that can be added to must not give away: propagation in any other direction, and mounts that can be
// loosened.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <set>
#include <sstream>

#include "broker/kernel/kernel_abi.h"
#include "broker/kernel/mount_tree.h"
#include "tests/integration/late_grants/late_scene.h"

namespace writ::late_test {
namespace {

std::set<std::string> groups(const std::vector<MountLine>& mounts, const std::string& kind) {
  std::set<std::string> found;
  for (const MountLine& mount : mounts) {
    std::istringstream fields(mount.peers);
    for (std::string field; fields >> field;)
      if (field.starts_with(kind + ":")) found.insert(field.substr(kind.size() + 1));
  }
  return found;
}

bool has_mount(const std::vector<MountLine>& mounts, const std::string& at) {
  return std::any_of(mounts.begin(), mounts.end(), [&](const MountLine& mount) { return mount.at == at; });
}

std::vector<MountLine> mounts_of_tool(LateScene& scene) {
  // The shell's own pid is that of its namespace; seen from here it is init's child.
  const std::string text = scene.shell("cat /proc/self/mountinfo");
  std::vector<MountLine> mounts;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string skipped;
    MountLine mount;
    fields >> skipped >> skipped >> skipped >> skipped >> mount.at >> mount.options;
    for (std::string field; fields >> field && field != "-";) mount.peers += field + " ";
    if (!mount.at.empty()) mounts.push_back(std::move(mount));
  }
  REQUIRE(mounts.size() > 5);
  return mounts;
}

// As the tool's shell prints it.
std::string namespace_of(const std::string& process) {
  struct stat status {};
  REQUIRE(::stat(("/proc/" + process + "/ns/mnt").c_str(), &status) == 0);
  return std::to_string(status.st_ino) + "\n0";
}

bool intersect(const std::set<std::string>& a, const std::set<std::string>& b) {
  return std::any_of(a.begin(), a.end(), [&](const std::string& group) { return b.contains(group); });
}

TEST_CASE("the tool's mounts are slaves of init's, and nothing is a peer of the host's", "[locked]") {
  LateScene scene;
  const auto host = mounts_of("self");
  REQUIRE(scene.attach(1, "/run", scene.tree("elsewhere").get()).error == 0);
  const auto tool = mounts_of_tool(scene);
  CHECK(has_mount(tool, "/run"));
  CHECK(groups(tool, "shared").empty());
  for (const MountLine& mount : tool) {
    INFO(mount.at << " " << mount.peers);
    CHECK(mount.peers.find("master:") != std::string::npos);
    if (mount.at == "/run") CHECK(mount.options.starts_with("ro,"));
  }
  CHECK_FALSE(intersect(groups(tool, "master"), groups(host, "shared")));
  CHECK_FALSE(intersect(groups(tool, "master"), groups(host, "master")));
  CHECK(mounts_of("self").size() == host.size());
  const auto init = mounts_of(scene.init());
  CHECK(has_mount(init, "/run"));
  CHECK(groups(init, "shared") == groups(tool, "master"));
  CHECK(groups(init, "master").empty());
  CHECK_FALSE(intersect(groups(init, "shared"), groups(host, "shared")));
}

TEST_CASE("a view that nothing will be added to is not shared, and nothing can be added") {
  SceneOptions options;
  options.late_grants = LateGrants::kNever;
  LateScene scene(options);
  const auto before = mounts_of_tool(scene);
  for (const MountLine& mount : before) CHECK(mount.peers.empty());
  CHECK(scene.attach(1, "/run", scene.tree("elsewhere").get()).error == EOPNOTSUPP);
  CHECK(scene.detach(1, "/run").error == EOPNOTSUPP);
  CHECK(mounts_of_tool(scene).size() == before.size());
  // Init went to where the mounts are locked.
  if (::geteuid() == 0) CHECK(namespace_of(scene.init()) == scene.shell("stat -Lc %i /proc/self/ns/mnt"));
}

TEST_CASE("init stays outside of the tool's mount namespace where trees may come, and is closed to the tool") {
  LateScene scene;
  for (const char* way : {"ls /proc/1/root/", "ls /proc/1/cwd/", "ls /proc/1/fd", "stat -L /proc/1/ns/mnt"})
    CHECK_THAT(scene.shell(way), Catch::Matchers::Contains("Permission denied"));
  CHECK_THAT(scene.shell("ls /proc/$$/root/"), Catch::Matchers::Contains("proc\n"));  // the control
  if (::geteuid() == 0) CHECK(namespace_of(scene.init()) != scene.shell("stat -Lc %i /proc/self/ns/mnt"));
}

int error_of(long result) { return result < 0 ? errno : 0; }

// Takes the flag `attribute` from the mount at `path`; returns the errno.
int clear_flag(const std::string& path, std::uint64_t attribute) {
  const abi::MountAttributes attributes{0, attribute, 0, 0};
  return error_of(::syscall(SYS_mount_setattr, AT_FDCWD, path.c_str(), 0, &attributes, sizeof attributes));
}

TEST_CASE("nobody in the tool's namespace loosens a mount, whatever capabilities he has", "[locked]") {
  LateScene scene;
  const std::string cover = scene.path("library/closed");
  REQUIRE(scene.attach(1, "/run", scene.tree("elsewhere").get()).error == 0);
  for (const std::string& at : {std::string("/run"), cover, std::string("/"), scene.path("library")})
    CHECK(scene.as_capable_tool([&] { return clear_flag(at, abi::kMountReadOnly); }) == EPERM);
  CHECK(scene.as_capable_tool([&] { return clear_flag("/run", abi::kMountNoSuid); }) == EPERM);
  CHECK(scene.as_capable_tool([&] { return clear_flag("/run", abi::kMountNoDevices); }) == EPERM);
  for (const std::string& at : {cover, scene.path("library"), std::string("/proc")})
    CHECK(scene.as_capable_tool([&] { return error_of(::umount2(at.c_str(), MNT_DETACH)); }) == EINVAL);
  // The tool has none of these capabilities.
  CHECK(scene.shell("umount /run 2>/dev/null; mount -o remount,rw /run 2>/dev/null; cat /run/file") == "far\n0");
  if (::geteuid() != 0) return;
  // The control: in init's namespace the same is possible.
  CHECK(scene.as_capable_init([] { return clear_flag("/run", abi::kMountReadOnly); }) == 0);
  CHECK(scene.as_capable_init([&] { return error_of(::umount2(cover.c_str(), 0)); }) == 0);
}

TEST_CASE("what is mounted in the tool's namespace reaches neither init nor the host", "[locked]") {
  LateScene scene;
  REQUIRE(scene.attach(1, "/run", scene.tree("elsewhere").get()).error == 0);
  const auto host = mounts_of("self");
  const auto mount_something = [] { return error_of(::mount("none", "/run", "tmpfs", 0, nullptr)); };
  REQUIRE(scene.as_capable_tool(mount_something) == 0);
  CHECK(scene.shell("ls -A /run") == "0");  // the control: it is there
  CHECK(mounts_of("self").size() == host.size());
  const auto count = [&] {
    const auto mounts = mounts_of(scene.init());
    return std::count_if(mounts.begin(), mounts.end(), [](const MountLine& mount) { return mount.at == "/run"; });
  };
  CHECK(count() == 1);
  if (::geteuid() != 0) return;
  REQUIRE(scene.as_capable_init(mount_something) == 0);
  CHECK(count() == 2);
}

// A mount of the host's that others follow, as systemd makes all of them.
void make_shared(const std::string& path) {
  REQUIRE(::mount(path.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) == 0);
  REQUIRE(::mount(nullptr, path.c_str(), nullptr, MS_SHARED, nullptr) == 0);
}

TEST_CASE("a tree of a shared mount brings nothing along and leads nowhere") {
  LateScene scene;
  // From here on the broker's mounts are its own, and nothing of this is seen by the host.
  REQUIRE(::unshare(CLONE_NEWNS) == 0);
  REQUIRE(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  const std::string elsewhere = scene.path("elsewhere");
  make_shared(elsewhere);
  REQUIRE(::mkdir((elsewhere + "/below").c_str(), 0755) == 0);
  // A broker that forgot to make it private.
  auto forgotten = clone_mount_tree(AT_FDCWD, elsewhere);
  REQUIRE(forgotten);
  REQUIRE(scene.attach(1, "/run", forgotten->get()).error == 0);
  REQUIRE(scene.attach(2, scene.path("library/closed"), scene.tree("elsewhere").get()).error == 0);
  const auto mounts = mounts_of_tool(scene);
  CHECK_FALSE(intersect(groups(mounts, "master"), groups(mounts_of("self"), "shared")));
  const UniqueFd control(::open(scene.path("work").c_str(), O_PATH | O_CLOEXEC));
  REQUIRE(attach_mount(clone_mount_tree(AT_FDCWD, elsewhere)->get(), control.get()));
  REQUIRE(::mount("none", (elsewhere + "/below").c_str(), "tmpfs", 0, nullptr) == 0);
  CHECK_FALSE(has_mount(mounts_of_tool(scene), "/run/below"));
  CHECK_FALSE(has_mount(mounts_of_tool(scene), scene.path("library/closed/below")));
  CHECK(has_mount(mounts_of("self"), scene.path("work/below")));  // the control: a peer does get it
}

}  // namespace
}  // namespace writ::late_test
