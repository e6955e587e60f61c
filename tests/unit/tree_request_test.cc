#include "broker/sandbox/tree_request.h"

#include <catch2/catch.hpp>
#include <cstring>

namespace writ {
namespace {

TEST_CASE("a place is an absolute and normal path below the root", "[sandbox]") {
  const std::string longest = "/" + std::string(kPlacePathLimit - 1, 'x');
  for (const std::string& good : {std::string("/a"), std::string("/a/b"), std::string("/..."), std::string("/.a/b."),
                                  std::string("/a b\n\xff"), longest}) {
    INFO(good);
    CHECK(names_place(good));
  }
  for (const std::string& bad :
       {std::string(), std::string("/"), std::string("a"), std::string("a/b"), std::string("//"), std::string("//a"),
        std::string("/a/"), std::string("/a//b"), std::string("/."), std::string("/.."), std::string("/a/."),
        std::string("/a/.."), std::string("/../a"), std::string("/a/../b"), std::string("/./a"),
        std::string("/a\0b", 4), longest + "x"}) {
    INFO(bad);
    CHECK_FALSE(names_place(bad));
    CHECK_FALSE(make_tree_request(InitCommand::kAttach, AttachId{1}, bad));
  }
}

TEST_CASE("a message for a tree says what was asked", "[sandbox]") {
  const auto request = make_tree_request(InitCommand::kDetach, AttachId{~std::uint64_t{0}}, "/a/b");
  REQUIRE(request);
  CHECK(request->head.command == InitCommand::kDetach);
  CHECK(request->id == AttachId{~std::uint64_t{0}});
  CHECK(std::strcmp(request->path.data(), "/a/b") == 0);
  CHECK(is_whole(*request, encoded_size(*request)));
  const auto longest =
      make_tree_request(InitCommand::kAttach, AttachId{1}, "/" + std::string(kPlacePathLimit - 1, 'x'));
  REQUIRE(longest);
  CHECK(encoded_size(*longest) <= sizeof(TreeRequest));
  CHECK(is_whole(*longest, encoded_size(*longest)));
}

TEST_CASE("a message that is not whole is none", "[sandbox]") {
  const auto request = make_tree_request(InitCommand::kAttach, AttachId{1}, "/a/b");
  REQUIRE(request);
  const std::size_t size = encoded_size(*request);
  for (std::size_t received = 0; received <= sizeof(TreeRequest); ++received)
    CHECK(is_whole(*request, received) == (received == size));
  for (const std::uint32_t length : {0u, 3u, 5u, 4094u, 4095u, 4096u, 0x7FFFFFFFu, 0xFFFFFFFFu}) {
    TreeRequest changed = *request;
    changed.path_length = length;
    CHECK_FALSE(is_whole(changed, size));
    CHECK_FALSE(is_whole(changed, offsetof(TreeRequest, path) + length + std::size_t{1}));
  }
  for (const char* path : {"/a/.", "/a//", "a/bc", "/../"}) {
    TreeRequest changed = *request;
    std::memcpy(changed.path.data(), path, 4);
    CHECK_FALSE(is_whole(changed, size));
  }
}

}  // namespace
}  // namespace writ
