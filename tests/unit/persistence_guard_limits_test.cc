#include "tests/unit/persistence_guard_scene.h"

namespace writ {
namespace {

// ---- another file system ----

fs::path other_file_system() {
  struct stat here {};
  struct stat there {};
  REQUIRE(::stat(fs::temp_directory_path().c_str(), &here) == 0);
  REQUIRE(::stat("/dev/shm", &there) == 0);
  REQUIRE(here.st_dev != there.st_dev);
  return "/dev/shm";
}

TEST_CASE("a quarantine on another file system gets copies", "[persistence_guard]") {
  Scene scene(other_file_system());
  auto guard = scene.guard({".envrc", ".vscode"});
  write_file(scene.tree / ".envrc");
  REQUIRE(::chmod((scene.tree / ".envrc").c_str(), 04755) == 0);
  fs::create_directories(scene.tree / ".vscode/sub");
  write_file(scene.tree / ".vscode/sub/tasks.json");
  fs::create_symlink(scene.outside / "hooks/victim", scene.tree / ".vscode/link");
  REQUIRE(::chmod((scene.tree / ".vscode/sub/tasks.json").c_str(), 0) == 0);
  REQUIRE(::chmod((scene.tree / ".vscode/sub").c_str(), 0) == 0);
  handle_all(guard);
  CHECK_FALSE(is_there(scene.tree / ".envrc"));  // set aside at once, copied at the end
  CHECK_FALSE(is_there(scene.tree / ".vscode"));
  const auto report = finish(guard);
  REQUIRE(report.findings.size() == 2);
  CHECK(report.warnings.empty());
  for (const GuardFinding& finding : report.findings) CHECK(finding.action == FindingAction::kQuarantined);
  CHECK(count_entries(scene.tree) == 0);
  struct stat status {};
  REQUIRE(::stat(report.findings[0].kept_at.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0600U);
  CHECK(read_file(report.findings[0].kept_at) == "echo pwned\n");
  const fs::path copied = report.findings[1].kept_at;
  CHECK(read_file(copied / "sub/tasks.json") == "echo pwned\n");
  CHECK(fs::is_symlink(copied / "link"));
  CHECK(read_file(scene.outside / "hooks/victim") == "mine");
}

TEST_CASE("what cannot be copied stays under a harmless name", "[persistence_guard]") {
  Scene scene(other_file_system());
  GuardOptions options = scene.options();
  options.limits.copied_bytes = 100;
  options.limits.copied_entries = 3;
  auto guard = scene.guard({".envrc"}, options);
  SECTION("FIFO") { REQUIRE(::mkfifo((scene.tree / ".envrc").c_str(), 0600) == 0); }
  SECTION("too large") { write_file(scene.tree / ".envrc", std::string(101, 'x')); }
  SECTION("sparse terabyte") {
    write_file(scene.tree / ".envrc");
    REQUIRE(::truncate((scene.tree / ".envrc").c_str(), 1LL << 40) == 0);
  }
  SECTION("too many") {
    fs::create_directory(scene.tree / ".envrc");
    for (const char* name : {"a", "b", "c", "d"}) write_file(scene.tree / ".envrc" / name, "");
  }
  handle_all(guard);
  const auto report = finish(guard);
  CHECK_FALSE(is_there(scene.tree / ".envrc"));
  CHECK(count_entries(scene.tree) == 1);
  CHECK(count_entries(scene.kept) == 0);
  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].action == FindingAction::kSetAside);
  CHECK(is_there(report.findings[0].kept_at));
  CHECK(report.warnings.size() == 1);
}

TEST_CASE("a flood with a quarantine on another file system holds few descriptors", "[persistence_guard]") {
  Scene scene(other_file_system());
  GuardOptions options = scene.options();
  options.limits.kept_objects = 3;
  auto guard = scene.guard({".git/hooks"}, options);
  std::this_thread::sleep_for(20ms);
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 100; ++i) {
    fs::create_directory(scene.tree / ".git");
    write_file(scene.tree / ".git/hooks");
    handle_all(guard);
    CHECK_FALSE(is_there(scene.tree / ".git/hooks"));
    remove_tree(scene.tree / ".git");
    handle_all(guard);
  }
  // Three parents of set-aside objects, the run directory, and the `.git` that was there last.
  CHECK(open_descriptors() <= before + 5);
  CHECK(guard.findings()[0].times == 100);
}

// ---- where the quarantine may be ----

TEST_CASE("planted state directories are refused", "[persistence_guard]") {
  Scene scene;
  const auto refused = [&] { return !scene.try_guard({".envrc"}, scene.options()).has_value(); };
  REQUIRE_FALSE(refused());  // control
  SECTION("a link") {
    fs::create_directory_symlink(scene.outside, scene.state / "writ");
    CHECK(refused());
  }
  SECTION("a link as the last component") {
    fs::create_directory(scene.state / "writ");
    fs::create_directory_symlink(scene.outside, scene.state / "writ/quarantine");
    CHECK(refused());
  }
  SECTION("writable by others") {
    fs::create_directories(scene.state / "writ/quarantine");
    REQUIRE(::chmod((scene.state / "writ/quarantine").c_str(), 0777) == 0);
    CHECK(refused());
  }
  SECTION("no directory") {
    write_file(scene.state / "writ");
    CHECK(refused());
  }
}

TEST_CASE("a link planted after the start is not followed either", "[persistence_guard]") {
  Scene scene;
  auto guard = scene.guard({".envrc"});
  fs::create_directory_symlink(scene.outside, scene.state / "writ");
  write_file(scene.tree / ".envrc");
  handle_all(guard);
  CHECK_FALSE(is_there(scene.tree / ".envrc"));
  CHECK(count_entries(scene.outside) == 1);
  CHECK(finish(guard).findings.at(0).action == FindingAction::kSetAside);
}

TEST_CASE("a run directory that is there already is not used", "[persistence_guard]") {
  Scene scene;
  fs::create_directories(scene.state / "writ/quarantine");
  fs::create_directory_symlink(scene.outside, scene.kept);
  auto guard = scene.guard({".envrc"});
  write_file(scene.tree / ".envrc");
  const auto report = finish(guard);
  CHECK(report.findings.at(0).kept_at == scene.kept.string() + ".1/1-.envrc");
  CHECK(is_there(report.findings.at(0).kept_at));
  CHECK(count_entries(scene.outside) == 1);
}

TEST_CASE("a quarantine inside the tree is refused unless the view hides it", "[persistence_guard]") {
  Scene scene;
  GuardOptions options = scene.options();
  options.quarantine_root = (scene.tree / "a/b").string();
  CHECK_FALSE(scene.try_guard({".envrc"}, options).has_value());
  fs::create_directories(scene.tree / "a/b");
  CHECK_FALSE(scene.try_guard({".envrc"}, options).has_value());
  options.inside_tree = QuarantineInsideTree::kHiddenInView;
  CHECK(scene.try_guard({".envrc"}, options).has_value());
}

TEST_CASE("bad options are errors", "[persistence_guard]") {
  Scene scene;
  for (const char* bad_run : {"", "..", "a/b", "/x"}) {
    GuardOptions options = scene.options();
    options.run_id = bad_run;
    CHECK_FALSE(scene.try_guard({".envrc"}, options).has_value());
  }
  for (const char* bad_root : {"", "relative", "/", "/tmp/../tmp"}) {
    GuardOptions options = scene.options();
    options.quarantine_root = bad_root;
    CHECK_FALSE(scene.try_guard({".envrc"}, options).has_value());
  }
  CHECK_FALSE(scene.try_guard({"../x"}, scene.options()).has_value());
  CHECK_FALSE(scene.try_guard({}, scene.options(), {"/etc/passwd"}).has_value());
}

TEST_CASE("hostile names are shown escaped and kept under plain names", "[persistence_guard]") {
  Scene scene;
  auto guard = scene.guard({"a\n\x1b[2Jb/c%"});
  fs::create_directories(scene.tree / "a\n\x1b[2Jb/c%");
  const auto report = finish(guard);
  REQUIRE(report.findings.size() == 1);
  CHECK(report.findings[0].describe().find('\x1b') == std::string::npos);
  CHECK(report.findings[0].kept_at == (scene.kept / "1-a%0A%1B%5B2Jb%2Fc%25").string());
}

// ---- races ----

// Flips `.git` between a directory with hooks and a link to `outside`, as fast as it can.
class Flipper {
 public:
  explicit Flipper(const Scene& scene) : scene_(scene), thread_([this] { run(); }) {}
  Flipper(const Flipper&) = delete;
  Flipper& operator=(const Flipper&) = delete;
  ~Flipper() { stop(); }
  void stop() {
    stopped_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::atomic<int> flips{0};

 private:
  void run() {
    const fs::path name = scene_.tree / ".git";
    const fs::path spare = scene_.tree / "spare";
    while (!stopped_) {
      ::mkdir(spare.c_str(), 0700);
      ::mkdir((spare / "hooks").c_str(), 0700);
      ::rename(spare.c_str(), name.c_str());
      ::rename(name.c_str(), spare.c_str());
      [[maybe_unused]] const int linked = ::symlink(scene_.outside.c_str(), name.c_str());
      ::unlink(name.c_str());
      ++flips;
    }
  }
  const Scene& scene_;
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

TEST_CASE("a tool that swaps ancestors cannot make the guard act outside the tree", "[persistence_guard][race]") {
  Scene scene;
  GuardOptions options = scene.options();
  options.limits.kept_objects = 50;
  auto guard = scene.guard({".git/hooks"}, options);
  std::uint64_t times = 0;
  {
    Flipper flipper(scene);
    const auto end = std::chrono::steady_clock::now() + 20s;
    while (std::chrono::steady_clock::now() < end && (flipper.flips < 2000 || times < 200)) {
      guard.handle_events();
      times = 0;
      for (const GuardFinding& finding : guard.findings()) times += finding.times;
      REQUIRE(is_there(scene.outside / "hooks/victim"));
    }
    CHECK(flipper.flips >= 2000);  // the race ran,
    CHECK(times >= 200);           // and the guard was in it
  }
  const auto report = finish(guard);
  CHECK(read_file(scene.outside / "hooks/victim") == "mine");
  CHECK_FALSE(is_there(scene.tree / ".git/hooks"));
  for (const GuardFinding& finding : report.findings) CHECK(finding.action != FindingAction::kLeftInPlace);
}

TEST_CASE("control: moving by path string loses the same race", "[persistence_guard][race]") {
  Scene scene;
  const fs::path hooks = scene.tree / ".git/hooks";
  const fs::path taken = scene.state / "taken";
  Flipper flipper(scene);
  const auto end = std::chrono::steady_clock::now() + 20s;
  bool lost = false;
  while (!lost && std::chrono::steady_clock::now() < end) {
    struct stat status {};
    // A check and a use by name, as a careless guard would do it.
    if (::lstat((scene.tree / ".git").c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) continue;
    if (::rename(hooks.c_str(), taken.c_str()) != 0) continue;
    lost = is_there(taken / "victim");
    remove_tree(taken);
  }
  CHECK(lost);
}

TEST_CASE("a name made again and again is gone in the end, at bounded cost", "[persistence_guard][race]") {
  Scene scene;
  GuardOptions options = scene.options();
  options.limits.kept_objects = 5;
  std::atomic<bool> stopped{false};
  std::atomic<int> created{0};
  auto guard = scene.guard({".envrc"}, options);
  std::this_thread::sleep_for(20ms);
  std::thread creator([&] {
    while (!stopped) {
      const int made = ::open((scene.tree / ".envrc").c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
      if (made >= 0) ++created;
      if (made >= 0) ::close(made);
    }
  });
  const auto end = std::chrono::steady_clock::now() + 60s;
  while (created < 2000 && std::chrono::steady_clock::now() < end) guard.handle_events();
  stopped = true;
  creator.join();
  const auto report = finish(guard);
  CHECK(created >= 2000);  // each but the last could only be made because the guard had taken the one before
  CHECK_FALSE(is_there(scene.tree / ".envrc"));
  CHECK(count_entries(scene.kept) == 5);
  CHECK(report.findings.at(0).times >= 2000);
}

}  // namespace
}  // namespace writ
