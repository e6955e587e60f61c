#include "broker/sandbox/identity.h"

#include <catch2/catch.hpp>

namespace writ {
namespace {

NamespaceIds container(RootMeaning root, std::vector<IdRange> ranges) {
  NamespaceIds ids;
  ids.level = UserNamespaceLevel::kContained;
  ids.root = root;
  ids.uids = ranges;
  ids.gids = std::move(ranges);
  return ids;
}

TEST_CASE("an id map gives the ranges of its own side", "[identity]") {
  const auto ranges = parse_id_map("         0       1000          1\n         1     100000      65536\n");
  REQUIRE(ranges.size() == 2);
  CHECK(has_id(ranges, 0));
  CHECK(has_id(ranges, 1));
  CHECK(has_id(ranges, 65536));
  CHECK_FALSE(has_id(ranges, 65537));
  CHECK(has_id(parse_id_map("0 0 4294967295"), 4294967294u));
  CHECK_FALSE(has_id(parse_id_map("0 0 4294967295"), 4294967295u));
  CHECK(parse_id_map("").empty());
  CHECK(parse_id_map("0 1").empty());
  CHECK(parse_id_map("x y z").empty());
  CHECK(parse_id_map("99999999999 0 1").empty());
}

TEST_CASE("the host's root never becomes the tool", "[identity]") {
  for (const std::uint32_t owner : {0u, 1000u})
    for (const std::uint32_t group : {0u, 1000u}) {
      const ToolIdentity identity = choose_identity(0, 0, owner, group);
      CHECK(identity.map.outside_uid != 0);
      CHECK(identity.map.outside_gid != 0);
      CHECK(identity.init_map.outside_uid != 0);
    }
  // `unshare -Ur` by root.
  CHECK_FALSE(choose_contained_identity(container(RootMeaning::kHostRoot, {{0, 1}}), 0, 0));
  // An owner without a group: what is left would be root's group.
  CHECK_FALSE(choose_contained_identity(container(RootMeaning::kHostRoot, {{0, 65536}}), 1000, 0));
  CHECK_FALSE(choose_contained_identity(container(RootMeaning::kHostRoot, {{0, 65536}}), 0, 1000));
  // A container whose ids are the host's, in a workspace of a user's.
  const auto user = choose_contained_identity(container(RootMeaning::kHostRoot, {{0, 65536}}), 1000, 1000);
  REQUIRE(user);
  CHECK(user->map.outside_uid == 1000);
  CHECK(user->map.outside_gid == 1000);
}

TEST_CASE("in a container the tool is the owner where he exists, and its root's user elsewhere", "[identity]") {
  const NamespaceIds ids = container(RootMeaning::kSomebodyElse, {{0, 65536}});
  CHECK(choose_contained_identity(ids, 33, 44)->map.outside_uid == 33);
  CHECK(choose_contained_identity(ids, 33, 44)->map.outside_gid == 44);
  CHECK(choose_contained_identity(ids, 33, 0)->map.outside_uid == 33);
  for (const std::uint32_t owner : {0u, 70000u}) {
    const auto own = choose_contained_identity(ids, owner, owner);
    REQUIRE(own);
    CHECK(own->map.outside_uid == 0);
    CHECK(own->map.inside_uid == kInsideId);
    CHECK(own->translation == OwnershipTranslation::kNone);
  }
}

}  // namespace
}  // namespace writ
