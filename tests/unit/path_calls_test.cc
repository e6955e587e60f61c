// The calls that learning observes: against the one table of rights, and in the filter that traps them.
#include "broker/learning/path_calls.h"

#include <fcntl.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "broker/learning/observation_filter.h"
#include "broker/policy/bpf_interpreter.h"
#include "broker/policy/required_rights.h"

using namespace writ;

namespace {

const PathCall* row_of(std::string_view name) {
  const auto calls = path_calls();
  const auto row =
      std::find_if(calls.begin(), calls.end(), [&](const PathCall& call) { return call.call.name == name; });
  return row == calls.end() ? nullptr : &*row;
}

std::uint32_t verdict(std::string_view name, std::array<std::uint64_t, 6> arguments) {
  seccomp_data call{};
  call.nr = native_number(*find_syscall_numbers(name));
  call.arch = kNativeAuditArch;
  std::copy(arguments.begin(), arguments.end(), call.args);
  return interpret(make_observation_filter().value(), call).value();
}

TEST_CASE("path calls: each has the arguments of the table of rights") {
  for (const PathArgument& theirs : path_arguments()) {
    const PathCall* ours = row_of(theirs.call);
    if (ours == nullptr) continue;
    CAPTURE(theirs.call, theirs.path);
    const bool first = ours->first.path == theirs.path && ours->first.directory == theirs.directory;
    const bool second = ours->second.path == theirs.path && ours->second.directory == theirs.directory;
    CHECK((first || second));
  }
}

TEST_CASE("path calls: what the table of rights knows to change something is observed") {
  for (const PathArgument& theirs : path_arguments()) {
    const bool matters = theirs.rights.has(Right::kWrite) || theirs.rights.has(Right::kExecute);
    const std::set<std::string_view> denied = {"chroot",     "uselib",        "mount", "umount2",  "pivot_root",
                                               "swapon",     "swapoff",       "acct",  "quotactl", "open_tree",
                                               "move_mount", "mount_setattr", "fspick"};
    if (!matters || denied.contains(theirs.call)) continue;
    CAPTURE(theirs.call);
    CHECK(row_of(theirs.call) != nullptr);
  }
}

TEST_CASE("path calls: the flags of open say what is needed") {
  const Rights read{Right::kRead};
  const Rights write{Right::kWrite};
  CHECK(open_needs(O_RDONLY | O_CLOEXEC).rights == read);
  CHECK(open_needs(O_WRONLY).rights == write);
  CHECK(open_needs(O_RDWR).rights == join(read, write));
  CHECK(open_needs(O_RDONLY | O_TRUNC).rights.has(Right::kWrite));
  CHECK(open_needs(O_RDONLY | O_DIRECTORY).rights == read);
  CHECK(open_needs(O_PATH | O_DIRECTORY).rights.empty());
  CHECK(open_needs(O_RDONLY | O_CREAT).rights == read);
  CHECK(open_needs(O_RDONLY | O_CREAT).creates);
  CHECK_FALSE(open_needs(O_NOFOLLOW).follows);
  CHECK(open_needs(std::uint64_t{1} << 30).rights == join(read, write));
}

TEST_CASE("observation filter: traps what names something, and nothing that does not") {
  CHECK(verdict("openat", {}) == SECCOMP_RET_USER_NOTIF);
  CHECK(verdict("renameat2", {}) == SECCOMP_RET_USER_NOTIF);
  CHECK(verdict("execveat", {0, 0, 0, 0, AT_EMPTY_PATH, 0}) == SECCOMP_RET_USER_NOTIF);
  CHECK(verdict("newfstatat", {}) == SECCOMP_RET_USER_NOTIF);
  CHECK(verdict("newfstatat", {3, 0, 0, AT_EMPTY_PATH, 0, 0}) == SECCOMP_RET_ALLOW);
  CHECK(verdict("sendto", {3, 0, 0, 0, 0x1000, 16}) == SECCOMP_RET_USER_NOTIF);
  CHECK(verdict("sendto", {3, 0, 0, 0, 0, 0}) == SECCOMP_RET_ALLOW);
  for (const char* name : {"read", "write", "close", "mmap", "sendmsg", "fstat", "getdents64"})
    CHECK(verdict(name, {}) == SECCOMP_RET_ALLOW);
}

}  // namespace
