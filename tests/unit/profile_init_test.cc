// The starter profile: what is detected, how it is named, and that it is right.
#include "launcher/profile_init.h"

#include <catch2/catch.hpp>
#include <set>

#include "launcher/profile_store.h"
#include "tests/unit/profile_fixture.h"

namespace {

using namespace writ;

std::string_view stack_of(std::set<std::string_view> files) {
  return detect_stack([&](std::string_view file) { return files.contains(file); }).profile;
}

TEST_CASE("the stack of a project is seen by its files", "[profile_init]") {
  CHECK(stack_of({}) == "default");
  CHECK(stack_of({"README.md"}) == "default");
  CHECK(stack_of({"package.json", "Makefile"}) == "node");
  CHECK(stack_of({"pyproject.toml"}) == "python");
  CHECK(stack_of({"setup.py"}) == "python");
  CHECK(stack_of({"Makefile"}) == "build");
  CHECK(stack_of({"CMakeLists.txt"}) == "build");
  CHECK(stack_of({"Cargo.toml"}) == "build");
}

TEST_CASE("a directory gives a name", "[profile_init]") {
  CHECK(profile_name_for("My Project!") == "my-project");
  CHECK(profile_name_for("...") == "project");
  CHECK(profile_name_for("") == "project");
  CHECK(profile_name_for("\xFF\n") == "project");
  CHECK(profile_name_for(std::string(100, 'a')).size() == 40);
}

TEST_CASE("every starter profile loads", "[profile_init]") {
  const ProfileStore store("");
  ProfileContext context = profile_tests::context_with();
  context.find_profile = [&](std::string_view name) { return store.find(name); };
  context.groups_source = &ProfileStore::shipped_groups;
  for (const char* file : {"package.json", "pyproject.toml", "Makefile", ""}) {
    const DetectedStack stack = detect_stack([&](std::string_view name) { return name == file; });
    const auto profile = load_profile({"writ.yaml", starter_profile("mine", stack)}, context);
    INFO(file);
    REQUIRE(profile);
    CHECK(profile->name == "mine");
    for (const PolicyCaseResult& result : run_policy_cases(*profile)) CHECK(result.passed());
    CHECK(profile->limits.wall_time == std::chrono::hours(1));
  }
}

}  // namespace
