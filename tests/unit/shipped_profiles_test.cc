// The profiles that ship with Writ, the examples of docs/profiles.md and the fuzz corpus, read from the source tree.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "broker/policy/environment.h"
#include "broker/policy/profile_loader.h"

namespace writ {
namespace {

namespace fs = std::filesystem;
using Strings = std::vector<std::string>;

const fs::path kSource = WRIT_SOURCE_DIR;

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) FAIL("cannot read " << path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<fs::path> yaml_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

ProfileContext shipped_context() {
  ProfileContext context;
  context.variables = {
      {"workspace", "/home/u/work"}, {"home", "/home/u"}, {"user", "u"}, {"uid", "1000"}, {"gid", "1000"}};
  context.find_profile = [](std::string_view name) -> Result<ProfileSource> {
    const fs::path path = kSource / "profiles" / (std::string(name) + ".yaml");
    if (!fs::exists(path)) return fail("there is no profile '" + std::string(name) + "'");
    return ProfileSource{path.filename().string(), text_of(path)};
  };
  context.groups_source = [] {
    return Result<ProfileSource>({"groups.yaml", text_of(kSource / "profiles/groups.yaml")});
  };
  return context;
}

Profile shipped(const std::string& name) {
  const ProfileContext context = shipped_context();
  const Result<Profile> profile = load_profile(*context.find_profile(name), context);
  if (!profile) FAIL(profile.error().describe());
  return *profile;
}

std::vector<fs::path> profile_files() {
  std::vector<fs::path> files = yaml_files(kSource / "profiles");
  std::erase_if(files, [](const fs::path& file) { return file.stem() == "groups"; });
  return files;
}

bool contains(const Strings& list, std::string_view entry) {
  return std::find(list.begin(), list.end(), entry) != list.end();
}

const PathGrant* find_grant(const Profile& profile, std::string_view path) {
  const auto& grants = profile.filesystem.grants;
  const auto grant = std::find_if(grants.begin(), grants.end(), [&](const PathGrant& g) { return g.path == path; });
  return grant == grants.end() ? nullptr : &*grant;
}

TEST_CASE("every shipped profile loads, is named as its file and describes itself", "[shipped]") {
  const std::vector<fs::path> files = profile_files();
  REQUIRE(files.size() >= 9);
  for (const fs::path& file : files) {
    INFO(file);
    const Profile profile = shipped(file.stem());
    CHECK(profile.name == file.stem());
    CHECK(!profile.description.empty());
    CHECK(profile.description.find('\n') == std::string::npos);
  }
}

TEST_CASE("no shipped profile opens what all of them must keep shut", "[shipped]") {
  for (const fs::path& file : profile_files()) {
    INFO(file);
    const Profile profile = shipped(file.stem());
    CHECK(profile.network == NetworkMode::kNone);
    CHECK(profile.process.unix_sockets == UnixSockets::kNone);
    CHECK(profile.syscalls.allow.empty());
    for (const LayerName& layer : kLayerNames) CHECK(profile.requirement(layer.layer) == Requirement::kRequire);
    for (const char* secret : {"/home/u/.ssh", "/home/u/.aws", "/home/u/.cargo/credentials.toml", "/run/user/1000",
                               "/home/u/.config/git/credentials", "/etc/shadow", "/etc/ssl/private"})
      CHECK(contains(profile.filesystem.hide, secret));
    for (const PathGrant& grant : profile.filesystem.grants) {
      INFO(grant.path);
      const bool is_cache = grant.path.find("ccache") != std::string::npos;
      if (grant.access == PathAccess::kWrite) CHECK((grant.path == "/home/u/work" || is_cache));
      CHECK(grant.path != "/home/u");
    }
    CHECK(build_environment(profile.environment, {}, {}));
    CHECK(contains(*build_environment(profile.environment, {}, {}), "HOME=/home/u"));
  }
}

TEST_CASE("default writes the workspace and protects what runs outside", "[shipped]") {
  const Profile profile = shipped("default");
  const PathGrant* workspace = find_grant(profile, "/home/u/work");
  REQUIRE(workspace != nullptr);
  CHECK(workspace->access == PathAccess::kWrite);
  CHECK(!workspace->named_exactly);
  for (const char* path :
       {".git/hooks", ".git/config", ".envrc", ".bashrc", ".zshenv", ".vscode", ".claude", ".mcp.json"})
    CHECK(contains(profile.filesystem.protect, path));
  for (const char* path : {"package.json", "Makefile", "AGENTS.md", ".github"}) {
    CHECK(contains(profile.filesystem.report_changes, path));
    CHECK(!contains(profile.filesystem.protect, path));
  }
  CHECK(!profile.limits.wall_time);
  CHECK(contains(*build_environment(profile.environment, {}, {}), "GIT_TEMPLATE_DIR="));
}

TEST_CASE("readonly writes nothing", "[shipped]") {
  const Profile profile = shipped("readonly");
  REQUIRE(find_grant(profile, "/home/u/work") != nullptr);
  for (const PathGrant& grant : profile.filesystem.grants) CHECK(grant.access == PathAccess::kRead);
}

TEST_CASE("git writes its configuration, not its hooks", "[shipped]") {
  const Profile profile = shipped("git");
  CHECK(contains(profile.filesystem.protect, ".git/hooks"));
  CHECK(contains(profile.filesystem.protect, ".bashrc"));
  CHECK(!contains(profile.filesystem.protect, ".git/config"));
  CHECK(contains(profile.filesystem.report_changes, ".git/config"));
}

TEST_CASE("what default protects, git protects or reports", "[shipped]") {
  const Profile git = shipped("git");
  for (const std::string& path : shipped("default").filesystem.protect) {
    INFO(path);
    CHECK(contains(git.filesystem.protect, path) != contains(git.filesystem.report_changes, path));
  }
}

TEST_CASE("no profile both protects and reports a path", "[shipped]") {
  for (const fs::path& file : profile_files()) {
    const Profile profile = shipped(file.stem());
    for (const std::string& path : profile.filesystem.protect) {
      INFO(file << ": " << path);
      CHECK(!contains(profile.filesystem.report_changes, path));
    }
  }
}

TEST_CASE("strict is stricter than default", "[shipped]") {
  const Profile profile = shipped("strict");
  CHECK(profile.syscalls.base == SyscallBase::kStrict);
  CHECK(profile.filesystem.scratch_execution == Execution::kDenied);
  CHECK(profile.filesystem.writable_execution == Execution::kDenied);
  CHECK(find_grant(profile, "/etc") == nullptr);
  CHECK(find_grant(profile, "/etc/ld.so.cache") != nullptr);
  CHECK(!contains(profile.environment.pass, "PATH"));
  CHECK(profile.limits.wall_time);
  CHECK(contains(profile.filesystem.protect, ".git/hooks"));
}

TEST_CASE("node may ask for network interfaces", "[shipped]") {
  CHECK(shipped("node").process.netlink == NetlinkSockets::kRoute);
  CHECK(shipped("default").process.netlink == NetlinkSockets::kNone);
}

TEST_CASE("every yaml example of docs/profiles.md is a profile that loads", "[shipped][docs]") {
  const std::string page = text_of(kSource / "docs" / "profiles.md");
  const std::string fence = "```yaml\n";
  int examples = 0;
  for (std::size_t at = page.find(fence); at != std::string::npos; at = page.find(fence, at)) {
    at += fence.size();
    const std::string example = page.substr(at, page.find("```", at) - at);
    INFO(example);
    const Result<Profile> profile = load_profile({"docs/profiles.md", example}, shipped_context());
    if (!profile) FAIL_CHECK(profile.error().describe());
    ++examples;
  }
  CHECK(examples >= 2);
}

TEST_CASE("the fuzz corpus does what its names say", "[shipped][fuzz]") {
  const std::vector<fs::path> files = yaml_files(kSource / "tests" / "fuzz" / "corpus" / "profile_loader");
  REQUIRE(files.size() >= 20);
  for (const fs::path& file : files) {
    const std::string name = file.filename().string();
    INFO(name);
    const Result<Profile> profile = load_profile({name, text_of(file)}, shipped_context());
    if (name.starts_with("good_")) {
      if (!profile) FAIL_CHECK(profile.error().describe());
    } else {
      REQUIRE(name.starts_with("bad_"));
      REQUIRE(!profile);
      CHECK(profile.error().describe().starts_with(name + ":"));
    }
  }
}

}  // namespace
}  // namespace writ
