// Reading a caller's memory: strings and arrays that the arguments of a trapped call point to. Every read is a copy;
// what was copied is decided on and used, and nothing is read a second time.
//
// The thread id may have been recycled: the caller of these functions holds SeccompListener::id_valid() before, and
// asks it again afterwards, before it believes whose memory it was. Needs ptrace access to the process (a user
// namespace that the broker made gives it). Any thread.
#ifndef WRIT_BROKER_KERNEL_PROCESS_MEMORY_H_
#define WRIT_BROKER_KERNEL_PROCESS_MEMORY_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace writ {

enum class MemoryProblem : std::uint8_t {
  kGone,       // the process died, or may not be read
  kBadMemory,  // nothing is mapped there: the kernel would answer EFAULT
  kTooLong,    // more than the limit
};
template <class T>
using MemoryResult = tl::expected<T, MemoryProblem>;

// The errno that the kernel would give for the problem: ESRCH, EFAULT, E2BIG.
[[nodiscard]] int errno_of(MemoryProblem problem);

// Fills `into` from `address`, completely or not at all.
[[nodiscard]] MemoryResult<void> read_memory(pid_t thread, std::uint64_t address, std::span<std::byte> into);

// Reads a text that ends in NUL, at most `limit` bytes without it. Reads no further than the page in which it ends, so
// that a text at the end of a mapping is no error.
[[nodiscard]] MemoryResult<std::string> read_text(pid_t thread, std::uint64_t address, std::size_t limit);

struct TextArrayLimits {
  std::size_t entries = 0;
  std::size_t bytes = 0;  // of all texts together, each with its NUL
};

// Reads an array of pointers to texts that ends in a null pointer, as execve(2) takes it.
[[nodiscard]] MemoryResult<std::vector<std::string>> read_text_array(pid_t thread, std::uint64_t address,
                                                                     const TextArrayLimits& limits);

}  // namespace writ

#endif  // WRIT_BROKER_KERNEL_PROCESS_MEMORY_H_
