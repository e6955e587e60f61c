// filesystem.move while somebody else changes what is moved, replace_file with large files, and directories that would
// lie too deep. A workspace is made of mounts, which only root can make by itself: other users skip these tests.
#include <stdlib.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>

#include "broker/primitives/filesystem_write.h"
#include "tests/unit/recording_authority.h"

namespace writ {
namespace {

namespace fs = std::filesystem;
using primitive_tests::outcome_of;

// Allows everything but what is written down, and lets something happen right before an effect begins.
class SlippingAuthority final : public PrimitiveAuthority {
 public:
  Attempt<Permit> authorize(CapabilityRight right, const TypedResource& resource, const std::string&) override {
    const std::string wish = std::string(capability_right_name(right)) + " " + resource.text();
    if (wish == denied) return refuse(PrimitiveCode::kDenied, "not allowed in this test");
    return Permit(std::make_unique<Ground>(*this));
  }

  std::string denied;
  std::function<void()> before_effect;
  std::vector<EffectOutcome> settled;

 private:
  class Ground final : public PermitGround {
   public:
    explicit Ground(SlippingAuthority& authority) : authority_(authority) {}
    bool may_proceed() override {
      if (authority_.before_effect) std::exchange(authority_.before_effect, nullptr)();
      return true;
    }
    bool settle(EffectOutcome outcome) override {
      authority_.settled.push_back(outcome);
      return true;
    }

   private:
    SlippingAuthority& authority_;
  };
};

class Scene {
 public:
  Scene() {
    std::string pattern = (fs::temp_directory_path() / "writ-move-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    top_ = fs::canonical(pattern);
    auto opened = Workspace::open({top_.string(), {}, -1, {}});
    if (opened) workspace_.emplace(std::move(*opened));
    if (!opened) {
      WARN("skipped, no mounts can be made here: " << opened.error().describe());
      REQUIRE(::geteuid() != 0);
    }
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  ~Scene() {
    std::error_code ignored;
    fs::remove_all(top_, ignored);
  }
  [[nodiscard]] bool ready() const { return workspace_.has_value(); }
  fs::path operator/(const std::string& name) const { return top_ / name; }
  void file(const std::string& name) const {
    fs::create_directories((top_ / name).parent_path());
    std::ofstream(top_ / name) << name;
  }
  std::string call(PrimitiveResult (*primitive)(FilesystemContext&, const JsonObject&), const JsonObject& arguments) {
    FilesystemContext context{authority, *workspace_, cancel};
    return outcome_of(primitive(context, arguments));
  }
  std::string move(const char* from, const char* to, bool overwrite = false) {
    return call(filesystem_move, JsonObject().set("from", from).set("to", to).set("overwrite", overwrite));
  }

  SlippingAuthority authority;
  int cancel = -1;

 private:
  fs::path top_;
  std::optional<Workspace> workspace_;
};

TEST_CASE("a directory is moved with what was decided on", "[filesystem_move]") {
  Scene scene;
  if (!scene.ready()) return;
  scene.file("box/deep/a");
  CHECK(scene.move("box", "moved") == "{}");
  CHECK(fs::exists(scene / "moved/deep/a"));
  CHECK(scene.authority.settled.back() == EffectOutcome::kDone);
  // What a rule denies there stays.
  scene.authority.denied = "write filesystem:workspace:back/deep/a";
  CHECK(scene.move("moved", "back") == "denied");
  CHECK(fs::exists(scene / "moved/deep/a"));
}

TEST_CASE("what slips into a directory while it is moved brings it back", "[filesystem_move]") {
  Scene scene;
  if (!scene.ready()) return;
  scene.file("box/deep/a");
  scene.authority.before_effect = [&] { scene.file("box/deep/slipped"); };
  CHECK(scene.move("box", "moved") == "conflict");
  CHECK(scene.authority.settled.back() == EffectOutcome::kNotStarted);
  CHECK_FALSE(fs::exists(scene / "moved"));
  CHECK(fs::exists(scene / "box/deep/slipped"));
  // A directory that turned into a link is another thing.
  scene.authority.before_effect = [&] {
    fs::remove_all(scene / "box/deep");
    fs::create_symlink("/etc", scene / "box/deep");
  };
  CHECK(scene.move("box", "moved") == "conflict");
  CHECK_FALSE(fs::exists(scene / "moved"));
  // Decided on as it is now, it is moved.
  CHECK(scene.move("box", "moved") == "{}");
}

TEST_CASE("what was swapped for something else is put back", "[filesystem_move]") {
  Scene scene;
  if (!scene.ready()) return;
  scene.file("plain");
  scene.authority.before_effect = [&] {
    fs::remove(scene / "plain");
    scene.file("plain/hooks/pre-commit");
  };
  CHECK(scene.move("plain", "moved") == "conflict");
  CHECK_FALSE(fs::exists(scene / "moved"));
  CHECK(fs::exists(scene / "plain/hooks/pre-commit"));
}

TEST_CASE("directories are made 64 deep and no deeper", "[filesystem_move]") {
  Scene scene;
  if (!scene.ready()) return;
  std::string path = "d";
  for (int i = 1; i < 64; ++i) path += "/d";
  const auto make = [&](const std::string& name) {
    return scene.call(filesystem_write_directory, JsonObject().set("path", name));
  };
  CHECK(make(path + "/d") == "limit");
  CHECK_FALSE(fs::exists(scene / "d"));
  CHECK(make(path) == R"({"created": true})");
  CHECK(scene.call(filesystem_delete_directory, JsonObject().set("path", "d").set("recursive", true)) ==
        R"({"deleted": true})");
}

TEST_CASE("a file that is too large is not compared with an expectation", "[filesystem_move]") {
  Scene scene;
  if (!scene.ready()) return;
  const auto write = [&](const std::optional<std::string>& expected) {
    JsonObject arguments;
    arguments.set("path", "large").set("text", "new");
    if (expected) arguments.set("expected_content_sha256", *expected);
    return scene.call(filesystem_write_text, arguments);
  };
  scene.file("large");
  const std::string hash(64, '0');
  fs::resize_file(scene / "large", 16 << 20);
  CHECK(write(hash) == "conflict");
  fs::resize_file(scene / "large", (16 << 20) + 1);
  CHECK(write(hash) == "too_large");
  CHECK(write("missing") == "conflict");
  CHECK(fs::file_size(scene / "large") == (16 << 20) + 1);
  // Nobody waits any more: a pipe whose other end is closed.
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  ::close(ends[1]);
  scene.cancel = ends[0];
  fs::resize_file(scene / "large", 1 << 20);
  CHECK(write(hash) == "cancelled");
  scene.cancel = -1;
  ::close(ends[0]);
  CHECK(write(hash) == "conflict");
  // What nobody expects anything of is replaced whatever its size.
  fs::resize_file(scene / "large", 1LL << 30);
  CHECK(write(std::nullopt).find(R"("created": false)") != std::string::npos);
  CHECK(fs::file_size(scene / "large") == 3);
}

}  // namespace
}  // namespace writ
