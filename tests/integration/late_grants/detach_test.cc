#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <string>

#include "broker/kernel/mount_holders.h"
#include "tests/integration/late_grants/late_scene.h"

namespace writ::late_test {
namespace {

using Catch::Matchers::Contains;

TEST_CASE("a tree that nobody holds is taken away completely") {
  LateScene scene;
  const std::string closed = scene.path("library/closed");
  REQUIRE(scene.attach(1, closed, scene.tree("library/closed").get()).error == 0);
  REQUIRE(scene.shell("cat " + closed + "/file") == "late\n0");
  const InitReport report = scene.detach(1, closed);
  CHECK(report.error == 0);
  CHECK(report.detach.unmount == 0);
  CHECK(report.detach.forbid_execution == kStepNotTried);
  CHECK(report.detach.detach == kStepNotTried);
  CHECK_THAT(scene.shell("cat " + closed + "/file"), Contains("Permission denied"));
  CHECK(scene.detach(1, closed).error == ENOENT);
  CHECK(scene.attach(1, closed, scene.tree("library/closed").get()).error == 0);
}

TEST_CASE("who holds a tree keeps reading it and nothing else") {
  LateScene scene;
  REQUIRE(scene.attach(1, "/run", scene.tree("library/closed", PathAccess::kWrite).get()).error == 0);
  REQUIRE(scene.shell("cd /run && echo before > made && ./program") == "ran\n0");
  const InitReport report = scene.detach(1, "/run");
  CHECK(report.error == 0);
  CHECK(report.detach.unmount == EBUSY);
  CHECK(report.detach.forbid_execution == 0);
  CHECK(report.detach.forbid_writing == 0);
  CHECK(report.detach.detach == 0);
  CHECK(scene.shell("ls -A /run") == "0");
  CHECK(scene.shell("cat ./file") == "late\n0");  // what no flag of a mount forbids
  CHECK_THAT(scene.shell("./program"), Contains("Permission denied"));
  CHECK_THAT(scene.shell("echo after > made"), Contains("Read-only file system"));
  // Init is back where it can attach.
  CHECK(scene.attach(2, "/run", scene.tree("elsewhere").get()).error == 0);
  CHECK(scene.shell("cat /run/file") == "far\n0");
}

TEST_CASE("who has a file open for writing keeps writing, and the answer says so") {
  LateScene scene;
  REQUIRE(scene.attach(1, "/run", scene.tree("library/closed", PathAccess::kWrite).get()).error == 0);
  REQUIRE(scene.shell("exec 5>> /run/file; cd /run") == "0");
  const InitReport report = scene.detach(1, "/run");
  CHECK(report.error == 0);
  CHECK(report.detach.unmount == EBUSY);
  CHECK(report.detach.forbid_execution == 0);
  CHECK(report.detach.forbid_writing == EBUSY);
  CHECK(report.detach.detach == 0);
  CHECK_THAT(scene.shell("./program"), Contains("Permission denied"));
  CHECK(scene.shell("echo more >&5; cat file") == "late\nmore\n0");
  CHECK(scene.shell("ls -A /run") == "0");
}

std::size_t count_held(const MountHolders& found, HeldAs as, int descriptor = -1) {
  return static_cast<std::size_t>(
      std::count_if(found.holders.begin(), found.holders.end(), [&](const MountHolder& holder) {
        return holder.as == as && (descriptor < 0 || holder.descriptor == descriptor);
      }));
}

TEST_CASE("who holds something of a tree is found, and nobody else") {
  LateScene scene;
  REQUIRE(scene.attach(1, "/run", scene.tree("library/closed", PathAccess::kWrite).get()).error == 0);
  const auto mount = mount_seen_below(scene.sandbox().init_pid(), "/run");
  REQUIRE(mount);
  // Control: the tree is there, and nobody has touched it.
  CHECK(find_mount_holders(scene.sandbox().init_pid(), *mount).holders.empty());
  REQUIRE(scene.shell("sleep 1000 & idle=$!; (cd /run && exec sleep 1000) & inside=$!; sleep 1000 7< /run/file & "
                      "until [ \"$(readlink /proc/$!/fd/7)\" = /run/file ]; do :; done") == "0");
  REQUIRE(scene.detach(1, "/run").detach.unmount == EBUSY);
  const MountHolders found = find_mount_holders(scene.sandbox().init_pid(), *mount);
  CHECK(found.looked_at == 4);  // the shell, and one that holds nothing
  CHECK(found.not_examined == 0);
  CHECK(found.holders.size() == 2);
  CHECK(count_held(found, HeldAs::kWorkingDirectory) == 1);
  CHECK(count_held(found, HeldAs::kDescriptor, 7) == 1);
  CHECK(end_holders(found) == 2);
  // The shell says "Killed" for each; the last word is what the test of the status and the kill came to.
  REQUIRE_THAT(scene.shell("wait $! $inside; [ $? = 137 ] && kill $idle"), Catch::Matchers::EndsWith("\n0"));
  CHECK(find_mount_holders(scene.sandbox().init_pid(), *mount).holders.empty());
}

TEST_CASE("a mapping and a running program are found as well") {
  LateScene scene;
  REQUIRE(scene.attach(1, "/run", scene.tree("library/closed", PathAccess::kWrite).get()).error == 0);
  const auto mount = mount_seen_below(scene.sandbox().init_pid(), "/run");
  REQUIRE(mount);
  REQUIRE(scene.shell("cp /bin/sleep /run/sleeper && /run/sleeper 1000 & "
                      "until [ \"$(readlink /proc/$!/exe)\" = /run/sleeper ]; do :; done") == "0");
  REQUIRE(scene.detach(1, "/run").detach.unmount == EBUSY);
  const MountHolders found = find_mount_holders(scene.sandbox().init_pid(), *mount);
  CHECK(count_held(found, HeldAs::kProgram) == 1);
  CHECK(count_held(found, HeldAs::kMapping) == 1);
  CHECK(found.processes.size() == 1);
}

TEST_CASE("nothing is taken away but what was attached") {
  LateScene scene;
  const std::string closed = scene.path("library/closed");
  CHECK(scene.detach(1, closed).error == ENOENT);
  REQUIRE(scene.attach(1, "/run", scene.tree("elsewhere").get()).error == 0);
  CHECK(scene.detach(1, closed).error == EBUSY);  // the cover is not what has this id
  CHECK(scene.detach(1, scene.path("library")).error == EBUSY);
  CHECK(scene.detach(1, scene.path("library/absent")).error == ENOENT);
  CHECK(scene.detach(1, "/usr/bin").error == ENOENT);
  CHECK_THAT(scene.shell("cat " + closed + "/file"), Contains("Permission denied"));
  REQUIRE(scene.attach(2, "/run", scene.tree("library/closed").get()).error == 0);
  CHECK(scene.detach(1, "/run").error == EBUSY);  // the other one lies on top
  CHECK(scene.shell("cat /run/file") == "late\n0");
  CHECK(scene.detach(2, "/run").error == 0);
  CHECK(scene.shell("cat /run/file") == "far\n0");
  CHECK(scene.detach(1, "/run").error == 0);
  CHECK(scene.shell("ls -A /run") == "0");
}

}  // namespace
}  // namespace writ::late_test
