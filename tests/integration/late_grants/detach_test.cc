#include <catch2/catch.hpp>
#include <cerrno>

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
