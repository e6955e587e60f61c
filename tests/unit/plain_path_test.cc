// Paths that say by their text alone where they lead, and those that do not.
#include "broker/mediation/plain_path.h"

#include <catch2/catch.hpp>

namespace writ {
namespace {

TEST_CASE("a plain path is its directory and its names") {
  CHECK(plain_path("/tree", "file") == "/tree/file");
  CHECK(plain_path("/tree", "a/b/file") == "/tree/a/b/file");
  CHECK(plain_path("/tree", "a///b//file") == "/tree/a/b/file");
  CHECK(plain_path("/", "file") == "/file");
  CHECK(plain_path("/tree", "/other/file") == "/other/file");
  CHECK(plain_path("", "//other//file") == "/other/file");
  CHECK(plain_path("/tree", "...") == "/tree/...");
  CHECK(plain_path("/tree", ".git/..hidden") == "/tree/.git/..hidden");
}

TEST_CASE("a path with more in it than names is not plain") {
  for (const char* text : {"", ".", "..", "./file", "../file", "a/./file", "a/../file", "a/..", "a/.", "/", "//", "a/",
                           "/a/", "/..", "/./a"})
    CHECK_FALSE(plain_path("/tree", text));
  CHECK_FALSE(plain_path("", "file"));
  CHECK_FALSE(plain_path("relative", "file"));
}

}  // namespace
}  // namespace writ
