// The table of secret locations.
#include "broker/policy/secrets.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

#include "broker/policy/profile_values.h"

namespace writ {
namespace {

bool contains(const std::vector<std::string>& paths, std::string_view path) {
  return std::find(paths.begin(), paths.end(), path) != paths.end();
}

TEST_CASE("the table has a reason for each path and no path twice", "[secrets]") {
  std::set<std::string_view> seen;
  for (const SecretLocation& location : secret_locations()) {
    INFO(location.path);
    CHECK(!location.reason.empty());
    CHECK((location.path.starts_with("~/") || location.path.starts_with("/")));
    CHECK(seen.insert(location.path).second);
  }
}

TEST_CASE("paths are absolute and normal, for this user", "[secrets]") {
  const std::vector<std::string> paths = secret_paths("/home/u", 1234);
  for (const std::string& path : paths) {
    INFO(path);
    CHECK(normalize_absolute_path(path).value() == path);
    CHECK(path.find('$') == std::string::npos);
  }
  for (const char* path : {"/home/u/.ssh", "/home/u/.aws", "/home/u/.gnupg", "/home/u/.mozilla", "/home/u/.npmrc",
                           "/home/u/.docker/config.json", "/home/u/.bash_history", "/home/u/.claude.json",
                           "/home/u/.config/writ", "/run/user/1234", "/run/docker.sock", "/var/run/docker.sock",
                           "/etc/shadow", "/etc/ssh/ssh_host_rsa_key", "/tmp/.X11-unix", "/root"}) {
    INFO(path);
    CHECK(contains(paths, path));
  }
}

TEST_CASE("root's home is root's own", "[secrets]") {
  CHECK(!contains(secret_paths("/root", 0), "/root"));
  CHECK(contains(secret_paths("/root", 0), "/root/.ssh"));
  CHECK(!contains(secret_paths("/home/u", 0), "/root"));
}

TEST_CASE("without a home only absolute entries are left", "[secrets]") {
  const std::vector<std::string> paths = secret_paths("", 0);
  CHECK(contains(paths, "/etc/shadow"));
  for (const std::string& path : paths) CHECK(path.find(".ssh") == std::string::npos);
  CHECK(contains(secret_paths("/", 0), "/.ssh"));
}

TEST_CASE("a secret covers what lies beneath it, not its neighbours", "[secrets]") {
  const std::vector<std::string> secrets = {"/home/u/.ssh", "/etc/shadow"};
  CHECK(secret_above("/home/u/.ssh", secrets) == "/home/u/.ssh");
  CHECK(secret_above("/home/u/.ssh/a/b", secrets) == "/home/u/.ssh");
  CHECK(secret_above("/home/u/.sshx", secrets).empty());
  CHECK(secret_above("/home/u", secrets).empty());
  CHECK(secret_above("/etc/shadow-", secrets).empty());
}

}  // namespace
}  // namespace writ
