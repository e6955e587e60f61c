#include "broker/learning/path_calls.h"

#include <linux/fcntl.h>

#include <array>

#include "broker/policy/required_rights.h"

namespace writ {
namespace {

constexpr CallPath at(int path, int directory, PathUse use) {
  return {static_cast<std::int8_t>(path), static_cast<std::int8_t>(directory), use};
}
constexpr CallPath plain(int path, PathUse use) { return at(path, kNoArgument, use); }
constexpr CallPath itself(CallPath argument) {  // a link is what is meant, not what it leads to
  argument.follows = false;
  return argument;
}
constexpr CallPath flagged(CallPath argument, int flags, std::uint32_t bit) {
  argument.flags = static_cast<std::int8_t>(flags);
  argument.bit = bit;
  return argument;
}
constexpr CallPath nofollow_in(CallPath argument, int flags) { return flagged(argument, flags, AT_SYMLINK_NOFOLLOW); }

constexpr auto kLookUp = PathUse::kLookUp;
constexpr auto kWrite = PathUse::kWrite;
constexpr auto kMake = PathUse::kMake;
constexpr auto kReplace = PathUse::kReplace;
constexpr auto kOpen = PathUse::kOpen;
constexpr auto kExecute = PathUse::kExecute;

// Arguments as in syscalls(2) and the page of each call.
constexpr auto kPathCalls = std::to_array<PathCall>({
    {numbers_of("open"), flagged(plain(0, kOpen), 1, 0)},
    {numbers_of("creat"), plain(0, kReplace)},
    {numbers_of("openat"), flagged(at(1, 0, kOpen), 2, 0)},
    {numbers_of("openat2"), at(1, 0, PathUse::kOpenHow)},
    {numbers_of("execve"), plain(0, kExecute)},
    {numbers_of("execveat"), nofollow_in(at(1, 0, kExecute), 4), {}, 4},
    {numbers_of("stat"), plain(0, kLookUp)},
    {numbers_of("lstat"), itself(plain(0, kLookUp))},
    {numbers_of("newfstatat"), nofollow_in(at(1, 0, kLookUp), 3), {}, 3},
    {numbers_of("statx"), nofollow_in(at(1, 0, kLookUp), 2), {}, 2},
    {numbers_of("access"), plain(0, kLookUp)},
    {numbers_of("faccessat"), at(1, 0, kLookUp)},
    {numbers_of("faccessat2"), nofollow_in(at(1, 0, kLookUp), 3), {}, 3},
    {numbers_of("readlink"), itself(plain(0, kLookUp))},
    {numbers_of("readlinkat"), itself(at(1, 0, kLookUp))},
    {numbers_of("chdir"), plain(0, kLookUp)},
    {numbers_of("statfs"), plain(0, kLookUp)},
    {numbers_of("getxattr"), plain(0, kLookUp)},
    {numbers_of("lgetxattr"), itself(plain(0, kLookUp))},
    {numbers_of("listxattr"), plain(0, kLookUp)},
    {numbers_of("llistxattr"), itself(plain(0, kLookUp))},
    {numbers_of("inotify_add_watch"), plain(1, kLookUp)},
    {numbers_of("mkdir"), itself(plain(0, kMake))},
    {numbers_of("mkdirat"), itself(at(1, 0, kMake))},
    {numbers_of("mknod"), itself(plain(0, kMake))},
    {numbers_of("mknodat"), itself(at(1, 0, kMake))},
    {numbers_of("unlink"), itself(plain(0, kWrite))},
    {numbers_of("rmdir"), itself(plain(0, kWrite))},
    {numbers_of("unlinkat"), itself(at(1, 0, kWrite))},
    {numbers_of("rename"), itself(plain(0, kWrite)), itself(plain(1, kReplace))},
    {numbers_of("renameat"), itself(at(1, 0, kWrite)), itself(at(3, 2, kReplace))},
    {numbers_of("renameat2"), itself(at(1, 0, kWrite)), itself(at(3, 2, kReplace))},
    {numbers_of("link"), itself(plain(0, kLookUp)), itself(plain(1, kMake))},
    {numbers_of("linkat"), flagged(itself(at(1, 0, kLookUp)), 4, AT_SYMLINK_FOLLOW), itself(at(3, 2, kMake))},
    {numbers_of("symlink"), itself(plain(1, kMake))},
    {numbers_of("symlinkat"), itself(at(2, 1, kMake))},
    {numbers_of("chmod"), plain(0, kWrite)},
    {numbers_of("fchmodat"), at(1, 0, kWrite)},
    {numbers_of("fchmodat2"), nofollow_in(at(1, 0, kWrite), 3), {}, 3},
    {numbers_of("chown"), plain(0, kWrite)},
    {numbers_of("lchown"), itself(plain(0, kWrite))},
    {numbers_of("fchownat"), nofollow_in(at(1, 0, kWrite), 4), {}, 4},
    {numbers_of("truncate"), plain(0, kWrite)},
    {numbers_of("utime"), plain(0, kWrite)},
    {numbers_of("utimes"), plain(0, kWrite)},
    {numbers_of("futimesat"), at(1, 0, kWrite)},
    {numbers_of("utimensat"), nofollow_in(at(1, 0, kWrite), 3), {}, 3},
    {numbers_of("setxattr"), plain(0, kWrite)},
    {numbers_of("lsetxattr"), itself(plain(0, kWrite))},
    {numbers_of("removexattr"), plain(0, kWrite)},
    {numbers_of("lremovexattr"), itself(plain(0, kWrite))},
});

constexpr auto kAddressCalls = std::to_array<AddressCall>({
    {numbers_of("connect"), AddressUse::kConnect, 1, 2},
    {numbers_of("bind"), AddressUse::kBind, 1, 2},
    {numbers_of("sendto"), AddressUse::kSend, 4, 5},
});

template <class Calls>
auto find_row(const Calls& calls, std::int32_t number) -> const typename Calls::value_type* {
  for (const auto& row : calls)
    if (native_number(row.call) == number && number != kNotThere) return &row;
  return nullptr;
}

}  // namespace

std::span<const PathCall> path_calls() { return kPathCalls; }
std::span<const AddressCall> address_calls() { return kAddressCalls; }
const PathCall* find_path_call(std::int32_t number) { return find_row(kPathCalls, number); }
const AddressCall* find_address_call(std::int32_t number) { return find_row(kAddressCalls, number); }

std::int32_t native_number(const SyscallNumbers& call) {
  return kNativeAuditArch == AUDIT_ARCH_X86_64 ? call.x86_64 : call.aarch64;
}

OpenNeeds open_needs(std::uint64_t flags) {
  OpenNeeds needs;
  needs.follows = (flags & O_NOFOLLOW) == 0;
  needs.creates = (flags & O_CREAT) != 0 && (flags & O_PATH) == 0;
  // The one table of rights knows the flags. That O_CREAT needs writing is so only where there is nothing yet.
  // O_PATH with O_DIRECTORY only looks.
  const Result<Rights> rights =
      (flags & O_PATH) != 0 ? Result<Rights>(Rights{}) : rights_to_open(flags & ~std::uint64_t{O_CREAT});
  needs.rights = rights ? *rights : Rights{Right::kRead, Right::kWrite};
  // Of a directory the names are read; needed_rights() finds the word for it when it is known what stood there.
  if (needs.rights.has(Right::kList))
    needs.rights = join(without(needs.rights, Rights{Right::kList}), Rights{Right::kRead});
  return needs;
}

}  // namespace writ
