#include "tests/unit/persistence_guard_scene.h"

namespace writ {
namespace {

TEST_CASE("a new protected name is moved to the quarantine at once", "[persistence_guard]") {
  Scene scene;
  auto guard = scene.guard({".envrc"});
  write_file(scene.tree / ".envrc");
  write_file(scene.tree / "harmless");
  REQUIRE(is_there(scene.tree / ".envrc"));  // control: nothing but the guard removes it
  handle_all(guard);
  CHECK_FALSE(is_there(scene.tree / ".envrc"));
  CHECK(is_there(scene.tree / "harmless"));
  REQUIRE(guard.findings().size() == 1);
  const auto report = finish(guard);
  REQUIRE(report.findings.size() == 1);
  const GuardFinding& finding = report.findings[0];
  CHECK(finding.kind == FindingKind::kCreated);
  CHECK(finding.action == FindingAction::kQuarantined);
  CHECK(finding.path == (scene.tree / ".envrc").string());
  CHECK(finding.kept_at == (scene.kept / "1-.envrc").string());
  CHECK(finding.times == 1);
  CHECK(read_file(finding.kept_at) == "echo pwned\n");
  struct stat status {};
  REQUIRE(::stat(scene.kept.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0700U);
}

TEST_CASE("a run with nothing to report leaves nothing behind", "[persistence_guard]") {
  Scene scene;
  const std::size_t before = open_descriptors();
  {
    auto guard = scene.guard({".envrc", ".git/hooks"});
    write_file(scene.tree / "work");
    handle_all(guard);
    const auto report = finish(guard);
    CHECK(report.findings.empty());
    CHECK(report.warnings.empty());
  }
  CHECK_FALSE(is_there(scene.state / "writ"));
  CHECK(open_descriptors() == before);
}

TEST_CASE("names that existed at the start are never touched, only reported", "[persistence_guard]") {
  Scene scene;
  write_file(scene.tree / ".envrc", "old");
  write_file(scene.tree / ".bashrc", "old");
  fs::create_directories(scene.tree / ".git/hooks");
  auto guard = scene.guard({".envrc", ".bashrc", ".git/hooks"});
  write_file(scene.tree / ".envrc", "changed");
  fs::remove(scene.tree / ".bashrc");
  write_file(scene.tree / ".git/hooks/new");
  write_file(scene.tree / ".git/index");
  handle_all(guard);
  const auto report = finish(guard);
  CHECK(read_file(scene.tree / ".envrc") == "changed");
  CHECK(is_there(scene.tree / ".git/hooks/new"));
  CHECK_FALSE(is_there(scene.kept));
  REQUIRE(report.findings.size() == 3);
  CHECK(report.findings[0].kind == FindingKind::kChanged);
  CHECK(report.findings[1].kind == FindingKind::kRemoved);
  CHECK(report.findings[2].kind == FindingKind::kChanged);
}

TEST_CASE("ancestors that appear are followed, however they come", "[persistence_guard]") {
  Scene scene;
  auto guard = scene.guard({".git/hooks", ".git/info/attributes"});
  SECTION("step by step") {
    fs::create_directory(scene.tree / ".git");
    handle_all(guard);
    REQUIRE(is_there(scene.tree / ".git"));
    fs::create_directory(scene.tree / ".git/hooks");
    handle_all(guard);
  }
  SECTION("all at once") {
    fs::create_directories(scene.tree / ".git/hooks");
    handle_all(guard);
  }
  SECTION("moved in as a whole") {
    fs::create_directories(scene.tree / "prepared/hooks");
    fs::rename(scene.tree / "prepared", scene.tree / ".git");
    handle_all(guard);
  }
  SECTION("away and back again") {
    fs::create_directory(scene.tree / ".git");
    handle_all(guard);
    fs::rename(scene.tree / ".git", scene.tree / "other");
    fs::create_directory(scene.tree / "other/hooks");
    handle_all(guard);
    CHECK(is_there(scene.tree / "other/hooks"));  // no protected name
    fs::rename(scene.tree / "other", scene.tree / ".git");
    handle_all(guard);
  }
  CHECK_FALSE(is_there(scene.tree / ".git/hooks"));
  CHECK(is_there(scene.tree / ".git"));
  fs::create_directories(scene.tree / ".git/info/attributes");
  handle_all(guard);
  CHECK(is_there(scene.tree / ".git/info"));
  CHECK_FALSE(is_there(scene.tree / ".git/info/attributes"));
  CHECK(finish(guard).findings.size() == 2);
}

TEST_CASE("on the way to a protected name only a directory may appear", "[persistence_guard]") {
  Scene scene;
  auto guard = scene.guard({".git/hooks"});
  SECTION("a link to elsewhere") { fs::create_directory_symlink(scene.outside, scene.tree / ".git"); }
  SECTION("a link inside the tree") {
    fs::create_directories(scene.tree / "x/hooks");
    fs::create_directory_symlink("x", scene.tree / ".git");
  }
  SECTION("a gitdir file") { write_file(scene.tree / ".git", "gitdir: x\n"); }
  SECTION("a hard link to one") {
    write_file(scene.tree / "pointer", "gitdir: x\n");
    fs::create_hard_link(scene.tree / "pointer", scene.tree / ".git");
  }
  SECTION("a FIFO") { REQUIRE(::mkfifo((scene.tree / ".git").c_str(), 0600) == 0); }
  handle_all(guard);
  CHECK_FALSE(is_there(scene.tree / ".git"));
  CHECK(count_entries(scene.kept) == 1);
  CHECK(read_file(scene.outside / "hooks/victim") == "mine");
}

TEST_CASE("watching can begin later and the first look catches up", "[persistence_guard]") {
  Scene scene;
  GuardOptions options = scene.options();
  options.watch_delay = 30ms;
  auto guard = scene.guard({".envrc", ".git/hooks"}, options);
  write_file(scene.tree / ".envrc");
  fs::create_directory(scene.tree / ".git");
  pollfd waiting{.fd = guard.poll_descriptor(), .events = POLLIN, .revents = 0};
  REQUIRE(::poll(&waiting, 1, 0) == 0);
  REQUIRE(::poll(&waiting, 1, 5000) == 1);
  handle_all(guard);
  CHECK_FALSE(is_there(scene.tree / ".envrc"));
  write_file(scene.tree / ".git/hooks");
  REQUIRE(::poll(&waiting, 1, 5000) == 1);
  handle_all(guard);
  CHECK_FALSE(is_there(scene.tree / ".git/hooks"));
}

TEST_CASE("the last look needs no events", "[persistence_guard]") {
  Scene scene;
  GuardOptions options = scene.options();
  SECTION("never watched") { options.watching = Watching::kSweepOnly; }
  SECTION("delay not over") { options.watch_delay = 1h; }
  SECTION("events unread") {}
  auto guard = scene.guard({".envrc", ".git/hooks"}, options);
  write_file(scene.tree / ".envrc");
  fs::create_directories(scene.tree / ".git/hooks");
  const auto report = finish(guard);
  CHECK(report.findings.size() == 2);
  CHECK_FALSE(is_there(scene.tree / ".envrc"));
  CHECK_FALSE(is_there(scene.tree / ".git/hooks"));
}

TEST_CASE("lost events lead to a complete look", "[persistence_guard]") {
  Scene scene;
  auto guard = scene.guard({".envrc"});
  int queue_limit = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> queue_limit;
  REQUIRE(queue_limit > 0);
  REQUIRE(queue_limit <= 1'000'000);
  for (int i = 0; i < queue_limit + 100; ++i) {
    const auto noise = scene.tree / ("n" + std::to_string(i));
    UniqueFd(::open(noise.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)).reset();
    ::unlink(noise.c_str());
  }
  write_file(scene.tree / ".envrc");  // its event is lost
  handle_all(guard);
  CHECK_FALSE(is_there(scene.tree / ".envrc"));
  CHECK(finish(guard).queue_overflows >= 1);
}

TEST_CASE("a flood keeps a few objects and counts the rest", "[persistence_guard]") {
  Scene scene;
  GuardOptions options = scene.options();
  options.limits.kept_objects = 3;
  write_file(scene.tree / "precious", "years of work");
  std::this_thread::sleep_for(20ms);  // birth times have the resolution of a tick
  auto guard = scene.guard({".envrc", ".vscode"}, options);
  std::this_thread::sleep_for(20ms);
  for (int i = 0; i < 300; ++i) {
    write_file(scene.tree / ".envrc");
    handle_all(guard);
  }
  CHECK(count_entries(scene.kept) == 3);
  REQUIRE(guard.findings().size() == 1);
  CHECK(guard.findings()[0].times == 300);
  CHECK(guard.findings()[0].action == FindingAction::kRemoved);
  // Past the limit, too: what may be older than the run is kept, and so is a directory with something in it.
  fs::rename(scene.tree / "precious", scene.tree / ".envrc");
  handle_all(guard);
  fs::create_directory(scene.tree / ".prepared");
  write_file(scene.tree / ".prepared/tasks.json");
  fs::rename(scene.tree / ".prepared", scene.tree / ".vscode");
  handle_all(guard);
  CHECK(count_entries(scene.kept) == 5);
  CHECK(read_file(scene.kept / "301-.envrc") == "years of work");
}

TEST_CASE("the report is capped", "[persistence_guard]") {
  Scene scene;
  GuardOptions options = scene.options();
  options.limits.findings = 2;
  auto guard = scene.guard({"a", "b", "c", "d"}, options);
  for (const char* name : {"a", "b", "c", "d"}) write_file(scene.tree / name);
  const auto report = finish(guard);
  CHECK(report.findings.size() == 2);
  CHECK(report.findings_not_listed == 2);
}

TEST_CASE("a replaced link is put back", "[persistence_guard]") {
  Scene scene;
  write_file(scene.tree / "envrc.shared", "old");
  fs::create_symlink("envrc.shared", scene.tree / ".envrc");
  auto guard = scene.guard({".envrc"});
  SECTION("retargeted") {
    fs::remove(scene.tree / ".envrc");
    fs::create_symlink("evil", scene.tree / ".envrc");
  }
  SECTION("replaced by a file") {
    write_file(scene.tree / "evil");
    fs::rename(scene.tree / "evil", scene.tree / ".envrc");
  }
  handle_all(guard);
  const auto report = finish(guard);
  REQUIRE(fs::is_symlink(scene.tree / ".envrc"));
  CHECK(fs::read_symlink(scene.tree / ".envrc") == "envrc.shared");
  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].kind == FindingKind::kReplacedLink);
  CHECK(report.findings[0].link_restored);
  CHECK(count_entries(scene.kept) == 1);
}

TEST_CASE("what a link leads to is reported, a removed link is not made again", "[persistence_guard]") {
  Scene scene;
  write_file(scene.tree / "envrc.shared", "old");
  fs::create_symlink("envrc.shared", scene.tree / ".envrc");
  auto guard = scene.guard({".envrc"});
  SECTION("target changed") {
    write_file(scene.tree / "envrc.shared", "echo pwned");
    const auto report = finish(guard);
    REQUIRE(report.findings.size() == 1);
    CHECK(report.findings[0].kind == FindingKind::kTargetChanged);
  }
  SECTION("link removed") {
    fs::remove(scene.tree / ".envrc");
    const auto report = finish(guard);
    REQUIRE(report.findings.size() == 1);
    CHECK(report.findings[0].kind == FindingKind::kRemoved);
    CHECK_FALSE(is_there(scene.tree / ".envrc"));
  }
  SECTION("nothing") { CHECK(finish(guard).findings.empty()); }
}

TEST_CASE("changes of watched files are reported", "[persistence_guard]") {
  Scene scene;
  for (const char* name : {"Makefile", "package.json", "same"}) write_file(scene.tree / name, "old");
  auto guard = scene.guard({}, scene.options(), {"Makefile", "package.json", "conftest.py", "same", "never/there"});
  write_file(scene.tree / "Makefile", "new content");
  fs::remove(scene.tree / "package.json");
  write_file(scene.tree / "conftest.py");
  const auto report = finish(guard);
  REQUIRE(report.findings.size() == 3);
  CHECK(report.findings[0].kind == FindingKind::kChanged);
  CHECK(report.findings[1].kind == FindingKind::kRemoved);
  CHECK(report.findings[2].kind == FindingKind::kAppeared);
  CHECK(is_there(scene.tree / "conftest.py"));
}

TEST_CASE("modes do not hide a name", "[persistence_guard]") {
  Scene scene;
  auto guard = scene.guard({".git/hooks", ".vscode"});
  fs::create_directories(scene.tree / ".git/hooks");
  fs::create_directories(scene.tree / ".vscode/deep");
  REQUIRE(::chmod((scene.tree / ".vscode").c_str(), 0500) == 0);
  REQUIRE(::chmod((scene.tree / ".git").c_str(), 0) == 0);
  handle_all(guard);  // ends: the guard's own changes of modes do not wake it
  struct stat status {};
  REQUIRE(::stat((scene.tree / ".git").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0U);  // as the tool left it
  REQUIRE(::chmod((scene.tree / ".git").c_str(), 0700) == 0);
  CHECK_FALSE(is_there(scene.tree / ".git/hooks"));
  CHECK_FALSE(is_there(scene.tree / ".vscode"));
  REQUIRE(count_entries(scene.kept) == 2);
  for (const auto& entry : fs::directory_iterator(scene.kept)) ::chmod(entry.path().c_str(), 0700);
}

}  // namespace
}  // namespace writ
