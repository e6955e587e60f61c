// Flags of open(2) as the mediator uses them. Internal to WriteMediator and CallReader. Pure.
#ifndef WRIT_BROKER_MEDIATION_OPEN_FLAGS_H_
#define WRIT_BROKER_MEDIATION_OPEN_FLAGS_H_

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>

#include "broker/mediation/mediated_calls.h"
#include "broker/policy/rights.h"

namespace writ {

// Flags that belong to the way to the file, not to the file: the broker has found the file already. O_NOFOLLOW stays,
// because fcntl(F_GETFL) shows it: as the tool gave it, and only then.
inline constexpr std::uint64_t kOfTheWay = O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY | O_DIRECTORY | kTemporaryBit;
// O_ASYNC does nothing for regular files, and its signals would be ours.
inline constexpr std::uint64_t kNeverOurs = O_ASYNC;
// open(2) ignores every other bit, openat2(2) refuses it (VALID_OPEN_FLAGS in the kernel). O_LARGEFILE is 0 for
// 64-bit programs, and so is its bit here.
inline constexpr std::uint64_t kKnownOpenFlags = O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC | O_DIRECT | O_NOATIME |
                                                 O_TRUNC | O_PATH | O_ASYNC | O_NOFOLLOW | kOfTheWay;
inline constexpr std::uint64_t kSetIds = S_ISUID | S_ISGID;

inline Rights rights_of_open(std::uint64_t flags) {
  const std::uint64_t mode = flags & O_ACCMODE;
  // Mode 3 opens for ioctl(2) alone, and needs both.
  if (mode == O_RDWR || mode == O_ACCMODE) return {Right::kRead, Right::kWrite};
  return {Right::kWrite};
}

}  // namespace writ

#endif  // WRIT_BROKER_MEDIATION_OPEN_FLAGS_H_
