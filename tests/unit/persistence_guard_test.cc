#include "broker/grant/persistence_guard.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

namespace writ {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Names = std::vector<std::string>;

fs::path make_directory_in(const fs::path& parent) {
  std::string pattern = (parent / "writ-guard-XXXXXX").string();
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  return pattern;
}

void remove_tree(const fs::path& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

bool is_there(const fs::path& path) { return fs::symlink_status(path).type() != fs::file_type::not_found; }

void write_file(const fs::path& path, const std::string& text = "echo pwned\n") { std::ofstream(path) << text; }

std::string read_file(const fs::path& path) {
  std::ifstream stream(path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::size_t count_entries(const fs::path& directory) {
  if (!is_there(directory)) return 0;
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

std::size_t open_descriptors() { return count_entries("/proc/self/fd"); }

// A workspace `tree`, a directory `outside` that must stay as it is, and a place for the quarantine.
struct Scene {
  explicit Scene(const fs::path& state_parent = fs::temp_directory_path())
      : base(make_directory_in(fs::temp_directory_path())), state(make_directory_in(state_parent)) {
    fs::create_directory(tree);
    fs::create_directories(outside / "hooks");
    write_file(outside / "hooks/victim", "mine");
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  ~Scene() {
    remove_tree(base);
    remove_tree(state);
  }

  [[nodiscard]] GuardOptions options() const {
    GuardOptions options;
    options.quarantine_root = (state / "writ/quarantine").string();
    options.run_id = "run-1";
    options.watch_delay = 0ms;
    return options;
  }

  [[nodiscard]] Result<PersistenceGuard> try_guard(const Names& protect, GuardOptions options,
                                                   const Names& report_changes = {}) const {
    GuardedTree guarded;
    guarded.root.reset(::open(tree.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    guarded.display_path = tree.string();
    guarded.protect = protect;
    guarded.report_changes = report_changes;
    std::vector<GuardedTree> trees;
    trees.push_back(std::move(guarded));
    return PersistenceGuard::create(std::move(trees), std::move(options));
  }

  [[nodiscard]] PersistenceGuard guard(const Names& protect) const { return guard(protect, options()); }
  [[nodiscard]] PersistenceGuard guard(const Names& protect, GuardOptions options, const Names& changes = {}) const {
    auto made = try_guard(protect, std::move(options), changes);
    if (!made) FAIL(made.error().describe());
    return std::move(*made);
  }

  fs::path base;
  fs::path state;
  fs::path tree = base / "tree";
  fs::path outside = base / "outside";
  fs::path kept = state / "writ/quarantine/run-1";
};

void handle_all(PersistenceGuard& guard) {
  pollfd waiting{.fd = guard.poll_descriptor(), .events = POLLIN, .revents = 0};
  while (::poll(&waiting, 1, 0) > 0) guard.handle_events();
}

GuardReport finish(PersistenceGuard& guard) {
  auto report = guard.finish();
  REQUIRE(report.has_value());
  for (const GuardFinding& finding : report->findings) CHECK_FALSE(finding.describe().empty());
  return std::move(*report);
}

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

TEST_CASE("watching can begin later; the first look catches up", "[persistence_guard]") {
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
      ::symlink(scene_.outside.c_str(), name.c_str());
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
  const auto end = std::chrono::steady_clock::now() + 20s;
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
