// Places that policy comes from: hidden or protected, whatever way leads there.
#include "launcher/policy_places.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/profile_fixture.h"

namespace {

using namespace writ;
using profile_tests::contains;
namespace fs = std::filesystem;

// A home with settings of Writ in it.
struct Scene {
  Scene() {
    std::string pattern = (fs::temp_directory_path() / "writ-places-XXXXXX").native();
    home = ::mkdtemp(pattern.data());
    person.home = home;
    person.current_directory = home + "/work";
    person.configuration_home = home + "/.config";
    person.state_home = home + "/.local/state";
    person.cache_home = home + "/.cache";
    fs::create_directories(home + "/work");
    fs::create_directories(home + "/.config/writ/profiles");
  }
  ~Scene() { fs::remove_all(home); }

  // The profile after guarding, with one writable grant.
  Result<Profile> guarded(const std::string& writable) const {
    Profile profile;
    profile.filesystem.grants.push_back({writable, PathAccess::kWrite});
    WRIT_ASSIGN(const PolicyPlaces places, find_policy_places(options, person));
    WRIT_TRY(guard_policy_places(profile, places));
    return profile;
  }

  std::string home;
  Person person;
  RunOptions options;
};

TEST_CASE("own directories are hidden everywhere", "[policy_places]") {
  const Scene scene;
  const Profile profile = scene.guarded(scene.home + "/work").value();
  for (const char* own : {"/.config/writ", "/.local/state/writ", "/.cache/writ"})
    CHECK(contains(profile.filesystem.hide, scene.home + own));
  CHECK(profile.filesystem.protect.empty());
}

TEST_CASE("a place in a writable tree is protected", "[policy_places]") {
  Scene scene;
  CHECK(contains(scene.guarded(scene.home).value().filesystem.protect, ".config/writ"));
  scene.options.profile = "./my.yaml";
  scene.options.manifests = {"../work/tool.yaml"};
  const Profile profile = scene.guarded(scene.home + "/work").value();
  CHECK(contains(profile.filesystem.protect, "my.yaml"));
  CHECK(contains(profile.filesystem.protect, "tool.yaml"));
  CHECK(contains(scene.guarded("/etc").value().filesystem.protect, "writ"));
}

TEST_CASE("a place cannot be granted for writing itself", "[policy_places]") {
  Scene scene;
  for (const char* place : {"/.config/writ", "/.config/writ/profiles", "/.cache/writ/filters"}) {
    const auto guarded = scene.guarded(scene.home + place);
    REQUIRE_FALSE(guarded);
    CHECK(guarded.error().what.find("cannot be granted for writing") != std::string::npos);
  }
  CHECK_FALSE(scene.guarded("/etc/writ/profiles"));
  scene.options.profile = "my.yaml";
  CHECK_FALSE(scene.guarded(scene.home + "/work/my.yaml"));
  CHECK(scene.guarded(scene.home + "/work/other.yaml"));
}

TEST_CASE("what profiles are linked to is protected as well", "[policy_places]") {
  const Scene scene;
  fs::create_directories(scene.home + "/dotfiles");
  std::ofstream(scene.home + "/dotfiles/mine.yaml") << "version: 1\nname: mine\n";
  fs::create_symlink(scene.home + "/dotfiles/mine.yaml", scene.home + "/.config/writ/profiles/mine.yaml");
  CHECK(contains(scene.guarded(scene.home + "/dotfiles").value().filesystem.protect, "mine.yaml"));

  fs::rename(scene.home + "/.config/writ", scene.home + "/dotfiles/writ");
  fs::create_directory_symlink(scene.home + "/dotfiles/writ", scene.home + "/.config/writ");
  CHECK(contains(scene.guarded(scene.home + "/dotfiles").value().filesystem.protect, "writ"));
  CHECK_FALSE(scene.guarded(scene.home + "/dotfiles/writ/profiles"));
}

TEST_CASE("a grant that is a link is seen through", "[policy_places]") {
  const Scene scene;
  fs::create_directory_symlink(scene.home + "/.config", scene.home + "/settings");
  CHECK(contains(scene.guarded(scene.home + "/settings").value().filesystem.protect, "writ"));
  CHECK_FALSE(scene.guarded(scene.home + "/settings/writ/profiles"));
}

}  // namespace
