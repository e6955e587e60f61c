// For cmake/join_groups.py: compiled alone. The fcntl.h of the kernel and that of the library exclude each other.
// The table of rights that system calls need.
#include <linux/fcntl.h>
#include <linux/openat2.h>

#include <catch2/catch.hpp>

#include "broker/policy/required_rights.h"

namespace writ {
namespace {

constexpr Rights kReadOf{Right::kRead};
constexpr Rights kWriteOf{Right::kWrite};
constexpr Rights kBoth{Right::kRead, Right::kWrite};

TEST_CASE("open flags need what they can change", "[rights]") {
  CHECK(*rights_to_open(O_RDONLY) == kReadOf);
  CHECK(*rights_to_open(O_WRONLY) == kWriteOf);
  CHECK(*rights_to_open(O_RDWR) == kBoth);
  for (const std::uint64_t flag : {std::uint64_t{O_TRUNC}, std::uint64_t{O_CREAT}, std::uint64_t{O_APPEND}})
    CHECK(*rights_to_open(O_RDONLY | flag) == kBoth);
  CHECK(*rights_to_open(O_TMPFILE | O_RDWR) == Rights{Right::kRead, Right::kWrite, Right::kList});
  CHECK(*rights_to_open(O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK) == Rights{Right::kList});
  CHECK(*rights_to_open(O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_SYNC | O_LARGEFILE) == kReadOf);
  CHECK(rights_to_open(O_PATH | O_NOFOLLOW | O_CLOEXEC)->empty());
}

TEST_CASE("open flags without a meaning are a denial", "[rights]") {
  CHECK(!rights_to_open(3));  // the access mode of ioctl-only opens
  CHECK(!rights_to_open(O_TMPFILE | O_RDONLY));
  CHECK(!rights_to_open(O_PATH | O_TRUNC));
  CHECK(!rights_to_open(O_PATH | O_CREAT));
  for (int bit = 24; bit < 64; ++bit) {
    INFO(bit);
    CHECK(!rights_to_open(std::uint64_t{1} << bit));
  }
}

TEST_CASE("openat2 and access", "[rights]") {
  CHECK(*rights_to_open2(O_RDONLY, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS) == kReadOf);
  CHECK(!rights_to_open2(O_RDONLY, 1u << 20));
  CHECK(!rights_to_open2(std::uint64_t{1} << 40, 0));
  CHECK(rights_to_access(0)->empty());
  CHECK(*rights_to_access(6) == kBoth);
  CHECK(*rights_to_access(1) == Rights{Right::kExecute});
  CHECK(!rights_to_access(8));
}

TEST_CASE("calls about paths need rights on each of their paths", "[rights]") {
  CHECK(path_arguments_of("rename").size() == 2);
  CHECK(path_arguments_of("linkat").size() == 2);
  CHECK(path_arguments_of("getpid").empty());
  for (const char* call :
       {"mkdir", "unlinkat", "rename", "symlinkat", "chmod", "chown", "utimensat", "setxattr", "mknod", "truncate"}) {
    INFO(call);
    REQUIRE(!path_arguments_of(call).empty());
    for (const PathArgument& argument : path_arguments_of(call)) CHECK(argument.rights.has(Right::kWrite));
  }
  CHECK(path_arguments_of("execve")[0].rights == Rights{Right::kExecute});
  CHECK(path_arguments_of("chdir")[0].rights == Rights{Right::kList});
  CHECK(path_arguments_of("readlink")[0].rights.empty());
  // A hard link makes another name of a file: only what could be read and written anyway.
  CHECK(path_arguments_of("link")[0].rights == kBoth);
}

TEST_CASE("the arguments of one call stand together and are sound", "[rights]") {
  std::size_t counted = 0;
  std::string_view last;
  for (const PathArgument& argument : path_arguments()) {
    INFO(argument.call);
    CHECK(argument.path >= 0);
    CHECK(argument.directory < argument.path);
    CHECK(kPathRights.covers(argument.rights));
    if (argument.call == last) continue;
    last = argument.call;
    counted += path_arguments_of(argument.call).size();
  }
  CHECK(counted == path_arguments().size());
}

}  // namespace
}  // namespace writ
