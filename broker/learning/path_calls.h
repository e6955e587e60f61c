// The system calls that name something outside of the calling process, and what each means by its arguments: one table
// for the filter that traps them (observation_filter.h) and for the observer that reads them. Pure data; any thread.
#ifndef WRIT_BROKER_LEARNING_PATH_CALLS_H_
#define WRIT_BROKER_LEARNING_PATH_CALLS_H_

#include <cstdint>
#include <optional>
#include <span>

#include "broker/policy/rights.h"
#include "broker/policy/syscall_numbers.h"

namespace writ {

// What a call does with the object that a path names.
enum class PathUse : std::uint8_t {
  kLookUp,   // stat, access, readlink, chdir: asks about it
  kOpen,     // the flags say what for
  kOpenHow,  // openat2: the flags lie in memory
  kExecute,
  kWrite,    // removes or changes it; without it, there is nothing to do
  kMake,     // makes it; where something is already, nothing happens
  kReplace,  // makes it, or takes the place of what is there
};

inline constexpr std::int8_t kNoArgument = -1;

// One path argument of a call.
struct CallPath {
  std::int8_t path = kNoArgument;       // number of the argument
  std::int8_t directory = kNoArgument;  // the descriptor it is relative to; none: the working directory
  PathUse use = PathUse::kLookUp;
  // Whether a symbolic link in the last place is followed: as given here, turned round by `bit` of the argument
  // `flags`.
  bool follows = true;
  std::int8_t flags = kNoArgument;
  std::uint32_t bit = 0;
};

struct PathCall {
  SyscallNumbers call;
  CallPath first;
  CallPath second{};                     // of rename and link; `path` is kNoArgument in other calls
  std::int8_t empty_path = kNoArgument;  // argument in which AT_EMPTY_PATH means "the descriptor itself"
};

enum class AddressUse : std::uint8_t { kConnect, kBind, kSend };

struct AddressCall {
  SyscallNumbers call;
  AddressUse use;
  std::int8_t address;  // argument: pointer to the address; null: there is none
  std::int8_t length;
};

[[nodiscard]] std::span<const PathCall> path_calls();
[[nodiscard]] std::span<const AddressCall> address_calls();

// The rows for a native system call number, or nullptr.
[[nodiscard]] const PathCall* find_path_call(std::int32_t number);
[[nodiscard]] const AddressCall* find_address_call(std::int32_t number);
[[nodiscard]] std::int32_t native_number(const SyscallNumbers& call);

// What an open of an existing file or directory needs. A bit that nobody knows needs writing: it is not guessed to be
// harmless. O_CREAT alone needs writing only where the file does not exist, which the caller knows.
struct OpenNeeds {
  Rights rights;         // empty: O_PATH, only looked up
  bool creates = false;  // O_CREAT: needs writing if there is nothing
  bool follows = true;   // not O_NOFOLLOW
};
[[nodiscard]] OpenNeeds open_needs(std::uint64_t flags);

}  // namespace writ

#endif  // WRIT_BROKER_LEARNING_PATH_CALLS_H_
