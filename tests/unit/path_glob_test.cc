#include "launcher/path_glob.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace writ {
namespace {

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    names.emplace_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

bool matches(std::string_view pattern, std::string_view path) {
  auto glob = PathGlob::parse(pattern);
  REQUIRE(glob);
  const std::vector<std::string> names = split(path);
  const bool matched = glob->matches(names);
  // Whoever walks must come by every file that is matched.
  for (std::size_t depth = 1; matched && depth < names.size(); ++depth)
    CHECK(glob->may_match_beneath(std::vector<std::string>(names.begin(), names.begin() + static_cast<long>(depth))));
  return matched;
}

}  // namespace

TEST_CASE("patterns name files", "[path_glob]") {
  CHECK(matches("a.txt", "a.txt"));
  CHECK_FALSE(matches("a.txt", "b/a.txt"));
  CHECK(matches("dist/*.tar.gz", "dist/x.tar.gz"));
  CHECK_FALSE(matches("dist/*.tar.gz", "dist/sub/x.tar.gz"));
  CHECK(matches("**/junit.xml", "junit.xml"));
  CHECK(matches("**/junit.xml", "a/b/junit.xml"));
  CHECK(matches("a/**/z", "a/z"));
  CHECK(matches("a/**/z", "a/b/c/z"));
  CHECK(matches("dist/**", "dist/a/b"));
  CHECK_FALSE(matches("dist/**", "other/a"));
  CHECK(matches("./dist//x", "dist/x"));
  CHECK(matches("log[0-9]", "log7"));
  CHECK_FALSE(matches("log?", "log"));
}

TEST_CASE("a name without wildcards is also everything beneath it", "[path_glob]") {
  CHECK(matches("build/reports", "build/reports/a/.hidden"));
  CHECK(matches("build/reports/", "build/reports/x"));
  CHECK_FALSE(matches("build/*", "build/reports/x"));
}

TEST_CASE("wildcards do not reach what begins with a dot", "[path_glob]") {
  CHECK_FALSE(matches("*", ".env"));
  CHECK_FALSE(matches("**", ".git/config"));
  CHECK_FALSE(matches("**", "a/.env"));
  CHECK_FALSE(matches("**/config", ".git/config"));
  CHECK(matches(".git/config", ".git/config"));
  CHECK(matches(".[a-z]*", ".env"));
}

TEST_CASE("a walk does not go where nothing can be", "[path_glob]") {
  const auto glob = PathGlob::parse("dist/*/x");
  REQUIRE(glob);
  CHECK(glob->may_match_beneath(split("dist/a")));
  CHECK_FALSE(glob->may_match_beneath(split("src")));
  CHECK_FALSE(glob->may_match_beneath(split("dist/a/y/b")));
}

TEST_CASE("patterns that lead elsewhere are refused", "[path_glob]") {
  for (const char* text : {"", "/", "/etc/passwd", "../x", "a/../../x", ".", "./"}) {
    CAPTURE(text);
    CHECK_FALSE(PathGlob::parse(text));
  }
}

TEST_CASE("many wildcards cost no time", "[path_glob]") {
  std::string text;
  for (int i = 0; i < 30; ++i) text += "**/a/";
  const auto glob = PathGlob::parse(text + "z");
  REQUIRE(glob);
  std::vector<std::string> path(40, "a");
  CHECK_FALSE(glob->matches(path));
}

}  // namespace writ
