#include "broker/mediation/mediated_calls.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

namespace writ {
namespace {

using enum Operation;

constexpr CallPath followed(int path, int directory = -1) {
  return {static_cast<std::int8_t>(path), static_cast<std::int8_t>(directory), FinalLink::kFollowed};
}
constexpr CallPath meant(int path, int directory = -1) {
  return {static_cast<std::int8_t>(path), static_cast<std::int8_t>(directory), FinalLink::kMeant};
}
constexpr CallPath name(int path, int directory = -1) {
  return {static_cast<std::int8_t>(path), static_cast<std::int8_t>(directory), FinalLink::kName};
}
constexpr CallPath descriptor(int number) {
  return {kNoArgument, static_cast<std::int8_t>(number), FinalLink::kFollowed};
}

// Arguments as in syscalls(2) and the page of each call. AT_SYMLINK_NOFOLLOW and AT_SYMLINK_FOLLOW in `flags` turn the
// meaning of a last link round, AT_EMPTY_PATH makes the descriptor the object (call_reader.cc).
constexpr auto kCalls = std::to_array<MediatedCall>({
    {numbers_of("open"), kOpen, followed(0), {}, 2, 1, Waits::kForWriting},
    {numbers_of("openat"), kOpen, followed(1, 0), {}, 3, 2, Waits::kForWriting},
    {numbers_of("creat"), kOpen, followed(0), {}, 1},
    {numbers_of("truncate"), kTruncate, followed(0), {}, 1},
    {numbers_of("mkdir"), kMakeDirectory, name(0), {}, 1},
    {numbers_of("mkdirat"), kMakeDirectory, name(1, 0), {}, 2},
    {numbers_of("mknod"), kMakeNode, name(0), {}, 1},
    {numbers_of("mknodat"), kMakeNode, name(1, 0), {}, 2},
    {numbers_of("unlink"), kUnlink, name(0)},
    {numbers_of("rmdir"), kUnlink, name(0)},
    {numbers_of("unlinkat"), kUnlink, name(1, 0), {}, kNoArgument, 2},
    {numbers_of("rename"), kRename, name(0), name(1)},
    {numbers_of("renameat"), kRename, name(1, 0), name(3, 2)},
    {numbers_of("renameat2"), kRename, name(1, 0), name(3, 2), kNoArgument, 4},
    {numbers_of("link"), kLink, meant(0), name(1)},
    {numbers_of("linkat"), kLink, meant(1, 0), name(3, 2), kNoArgument, 4},
    {numbers_of("symlink"), kSymlink, name(1), {}, 0},
    {numbers_of("symlinkat"), kSymlink, name(2, 1), {}, 0},
    {numbers_of("chmod"), kChangeMode, followed(0), {}, 1},
    {numbers_of("fchmod"), kChangeMode, descriptor(0), {}, 1},
    {numbers_of("fchmodat"), kChangeMode, followed(1, 0), {}, 2},
    {numbers_of("fchmodat2"), kChangeMode, followed(1, 0), {}, 2, 3},
    {numbers_of("chown"), kChangeOwner, followed(0), {}, 1},
    {numbers_of("lchown"), kChangeOwner, meant(0), {}, 1},
    {numbers_of("fchown"), kChangeOwner, descriptor(0), {}, 1},
    {numbers_of("fchownat"), kChangeOwner, followed(1, 0), {}, 2, 4},
    {numbers_of("utime"), kSetTimes, followed(0), {}, 1, kNoArgument, Waits::kAlways, Values::kUtimbuf},
    {numbers_of("utimes"), kSetTimes, followed(0), {}, 1, kNoArgument, Waits::kAlways, Values::kTimevals},
    {numbers_of("futimesat"), kSetTimes, followed(1, 0), {}, 2, kNoArgument, Waits::kAlways, Values::kTimevals},
    {numbers_of("utimensat"), kSetTimes, followed(1, 0), {}, 2, 3, Waits::kAlways, Values::kTimespecs},
    {numbers_of("setxattr"), kSetAttribute, followed(0), {}, 1},
    {numbers_of("lsetxattr"), kSetAttribute, meant(0), {}, 1},
    {numbers_of("fsetxattr"), kSetAttribute, descriptor(0), {}, 1},
    {numbers_of("removexattr"), kRemoveAttribute, followed(0), {}, 1},
    {numbers_of("lremovexattr"), kRemoveAttribute, meant(0), {}, 1},
    {numbers_of("fremovexattr"), kRemoveAttribute, descriptor(0), {}, 1},
    {numbers_of("access"), kAccess, followed(0), {}, 1, kNoArgument, Waits::kForWriteAccess},
    {numbers_of("faccessat"), kAccess, followed(1, 0), {}, 2, kNoArgument, Waits::kForWriteAccess},
    {numbers_of("faccessat2"), kAccess, followed(1, 0), {}, 2, 3, Waits::kForWriteAccess},
    {numbers_of("umask"), kUmask, {}, {}, 0},
});

constexpr std::uint32_t kWriting = O_ACCMODE | O_CREAT | O_TRUNC | kTemporaryBit;

std::int32_t number_on(const SyscallNumbers& call, std::uint32_t audit_arch) {
  return audit_arch == AUDIT_ARCH_X86_64 ? call.x86_64 : call.aarch64;
}

// Waits unless none of `bits` is set in `argument`.
TrappedCall trap_bits(std::uint32_t number, std::int8_t argument, std::uint32_t bits) {
  return {number, TrapScope::kUnless, {{ArgumentTest{static_cast<std::uint8_t>(argument), bits, {0}}}}};
}

}  // namespace

std::span<const MediatedCall> mediated_calls() { return kCalls; }

const MediatedCall* find_mediated_call(std::int32_t number) {
  for (const MediatedCall& row : kCalls)
    if (number_on(row.call, kNativeAuditArch) == number && number != kNotThere) return &row;
  return nullptr;
}

bool changes(const MediatedCall& row, std::span<const std::uint64_t, 6> arguments) {
  const auto has = [&](std::int8_t argument, std::uint32_t bits) {
    return (arguments[static_cast<std::size_t>(argument)] & bits) != 0;
  };
  if (row.waits == Waits::kForWriting) return has(row.flags, kWriting);
  return row.waits == Waits::kAlways || has(row.value, W_OK);
}

std::vector<TrappedCall> mediated_traps(std::uint32_t audit_arch) {
  std::vector<TrappedCall> traps;
  for (const MediatedCall& row : kCalls) {
    const std::int32_t number = number_on(row.call, audit_arch);
    if (number == kNotThere) continue;
    const auto wanted = static_cast<std::uint32_t>(number);
    if (row.waits == Waits::kForWriting) traps.push_back(trap_bits(wanted, row.flags, kWriting));
    if (row.waits == Waits::kForWriteAccess) traps.push_back(trap_bits(wanted, row.value, W_OK));
    if (row.waits == Waits::kAlways) traps.push_back({wanted, TrapScope::kAlways, {}});
  }
  return traps;
}

}  // namespace writ
