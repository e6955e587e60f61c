// The bound of learning: what a directory rule may take the place of. Random trees, and the cases that decided the
// bound.
#include "broker/learning/rule_folding.h"

#include <catch2/catch.hpp>
#include <random>
#include <string>

#include "tests/unit/learning_fixture.h"

using namespace writ;
using writ::learning_test::FakeHost;

namespace {

const LearningPlaces kPlaces{"/home/u/work", "/home/u", {"/home/u/.ssh", "/home/u/app/data/token", "/etc/shadow"}};

std::vector<std::string> paths_of(const std::vector<FoldedRule>& rules) {
  std::vector<std::string> paths;
  for (const FoldedRule& rule : rules) paths.push_back(rule.path + (rule.is_tree ? "/*" : ""));
  return paths;
}

std::set<std::string> numbered(const std::string& directory, int count) {
  std::set<std::string> files;
  for (int i = 0; i < count; ++i) files.insert(directory + "/" + std::to_string(i));
  return files;
}

TEST_CASE("folding: four of eight files are enough, three or four of nine are not") {
  const std::set<std::string> four = numbered("/srv/a/b", 4);
  FakeHost host(four);
  for (int i = 0; i < 4; ++i) host.files.insert("/srv/a/b/other" + std::to_string(i));
  CHECK(paths_of(fold_rules(four, kPlaces, host)) == std::vector<std::string>{"/srv/a/b/*"});
  CHECK(fold_rules(numbered("/srv/a/b", 3), kPlaces, host).size() == 3);
  host.files.insert("/srv/a/b/deep/er/ninth");
  CHECK(fold_rules(four, kPlaces, host).size() == 4);
}

TEST_CASE("folding: no directory near the top, none with a secret, the workspace or the home in it") {
  for (const char* directory :
       {"/srv/a", "/home/u/a", "/srv", "/home/u", "/home/u/app/data", "/home", "/home/u/.ssh/x"}) {
    const std::set<std::string> files = numbered(directory, 10);
    CAPTURE(directory);
    CHECK(fold_rules(files, kPlaces, FakeHost(files)).size() == 10);
  }
  const LearningPlaces nested{"/srv/a/b/work", "/srv/a/c/home", {}};
  for (const char* directory : {"/srv/a/b", "/srv/a/c"})
    CHECK(fold_rules(numbered(directory, 10), nested, FakeHost(numbered(directory, 10))).size() == 10);
}

TEST_CASE("folding: what cannot be counted is not folded") {
  const std::set<std::string> files = numbered("/srv/a/b", 10);
  FakeHost host(files);
  host.unreadable.insert("/srv/a/b");
  CHECK(fold_rules(files, kPlaces, host).size() == 10);
}

TEST_CASE("folding: a tree of small directories becomes one rule, and is not widened for nothing") {
  std::set<std::string> files;
  for (int i = 0; i < 6; ++i) files.insert("/srv/a/b/objects/" + std::to_string(i) + "/one");
  FakeHost host(files);
  CHECK(paths_of(fold_rules(files, kPlaces, host)) == std::vector<std::string>{"/srv/a/b/objects/*"});
}

// A tree with `files` files and the part of it that was used.
struct Scene {
  std::set<std::string> files;
  std::set<std::string> used;
};

Scene random_scene(std::mt19937& random) {
  const std::vector<std::string> tops = {"/srv", "/home/u", "/home/u/.config", "/opt/x", "/home/u/app", "/home/u/.ssh"};
  Scene scene;
  const auto count = 1 + random() % 60;
  const auto share = 1 + random() % 4;
  for (unsigned i = 0; i < count; ++i) {
    std::string path = tops[random() % tops.size()];
    for (auto depth = random() % 5; depth > 0; --depth) path += std::string("/") + "abc"[random() % 3];
    path += "/f" + std::to_string(random() % 12);
    scene.files.insert(path);
    if (random() % 4 < share && kPlaces.region_of(path) != Region::kSecret) scene.used.insert(path);
  }
  return scene;
}

void check_bound(const Scene& scene, const std::vector<FoldedRule>& rules) {
  std::set<std::string> covered;
  for (const FoldedRule& rule : rules) {
    std::uint64_t reached = 0;
    for (const std::string& file : scene.files)
      if (file == rule.path || (rule.is_tree && lies_within(file, rule.path))) ++reached;
    CAPTURE(rule.path, reached, rule.used.size());
    REQUIRE(reached <= rule.used.size() * kFoldShare);
    REQUIRE(rule.is_tree == (rule.used != std::vector<std::string>{rule.path}));
    if (rule.is_tree) {
      REQUIRE(rule.used.size() >= kFoldRules);
      REQUIRE(kPlaces.may_grant_tree(rule.path));
    }
    for (const std::string& secret : kPlaces.secrets) REQUIRE_FALSE((rule.is_tree && lies_within(secret, rule.path)));
    for (const std::string& file : rule.used) {
      REQUIRE(lies_within(file, rule.path));
      REQUIRE(covered.insert(file).second);  // no file twice
    }
  }
  REQUIRE(covered == scene.used);
}

TEST_CASE("folding: on random trees every used file is covered and no rule is broader than the bound") {
  std::mt19937 random(20260718);  // a fixed seed: a failure can be repeated
  for (int round = 0; round < 3000; ++round) {
    const Scene scene = random_scene(random);
    const FakeHost host(scene.files);
    const std::vector<FoldedRule> rules = fold_rules(scene.used, kPlaces, host);
    check_bound(scene, rules);
    REQUIRE(paths_of(rules) == paths_of(fold_rules(scene.used, kPlaces, host)));
  }
}

}  // namespace
