// What the tests of PersistenceGuard share: a tree, a quarantine and a guard between them.
#ifndef WRIT_TESTS_UNIT_PERSISTENCE_GUARD_SCENE_H_
#define WRIT_TESTS_UNIT_PERSISTENCE_GUARD_SCENE_H_

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

}  // namespace
}  // namespace writ

#endif  // WRIT_TESTS_UNIT_PERSISTENCE_GUARD_SCENE_H_
