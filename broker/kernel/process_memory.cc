#include "broker/kernel/process_memory.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "broker/base/unique_fd.h"
#include "broker/kernel/raw_syscall.h"

namespace writ {
namespace {

// The smallest page of both architectures; on a machine with larger ones the reads are merely smaller than they could
// be.
constexpr std::uint64_t kPage = 4096;

using Problem = tl::unexpected<MemoryProblem>;

std::uint64_t left_in_page(std::uint64_t address) { return kPage - address % kPage; }

// process_vm_readv(2) is missing where CONFIG_CROSS_MEMORY_ATTACH is off, or refused by a container's filter.
long read_through_proc(pid_t thread, std::uint64_t address, std::span<std::byte> into) {
  const std::string path = "/proc/" + std::to_string(thread) + "/mem";
  const UniqueFd memory(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!memory.valid()) return -errno;
  const ssize_t got = ::pread64(memory.get(), into.data(), into.size(), static_cast<off64_t>(address));
  return got < 0 ? -(errno == EIO ? EFAULT : errno) : got;
}

// Reads up to `into.size()` bytes that lie within one page; returns what was read or -errno.
long read_piece(pid_t thread, std::uint64_t address, std::span<std::byte> into) {
  iovec ours{into.data(), into.size()};
  iovec theirs{reinterpret_cast<void*>(address), into.size()};  // NOLINT(performance-no-int-to-ptr): another process's
  const long got = raw_syscall(SYS_process_vm_readv, thread, &ours, 1, &theirs, 1, 0);
  const bool refused = got == -ENOSYS || got == -EPERM;
  return refused ? read_through_proc(thread, address, into) : got;
}

Problem problem_of(long result) {
  return Problem(result == -EFAULT || result >= 0 ? MemoryProblem::kBadMemory : MemoryProblem::kGone);
}

}  // namespace

int errno_of(MemoryProblem problem) {
  constexpr std::array<int, 3> kErrnos = {ESRCH, EFAULT, E2BIG};
  return kErrnos[static_cast<std::size_t>(problem)];
}

MemoryResult<void> read_memory(pid_t thread, std::uint64_t address, std::span<std::byte> into) {
  while (!into.empty()) {
    const std::size_t part = std::min<std::size_t>(into.size(), left_in_page(address));
    const long got = read_piece(thread, address, into.first(part));
    if (got != static_cast<long>(part)) return problem_of(got);
    into = into.subspan(part);
    address += part;
  }
  return {};
}

MemoryResult<std::string> read_text(pid_t thread, std::uint64_t address, std::size_t limit) {
  std::string text;
  std::array<std::byte, kPage> piece;
  for (;;) {
    const auto part = static_cast<std::size_t>(left_in_page(address));
    const long got = read_piece(thread, address, std::span(piece).first(part));
    if (got != static_cast<long>(part)) return problem_of(got);
    const auto* bytes = reinterpret_cast<const char*>(piece.data());
    const std::size_t length = ::strnlen(bytes, part);
    if (text.size() + length > limit) return Problem(MemoryProblem::kTooLong);
    text.append(bytes, length);
    if (length < part) return text;
    address += part;
  }
}

MemoryResult<std::vector<std::string>> read_text_array(pid_t thread, std::uint64_t address,
                                                       const TextArrayLimits& limits) {
  std::vector<std::string> texts;
  std::size_t left = limits.bytes;
  for (;; address += sizeof(std::uint64_t)) {
    std::uint64_t pointer = 0;
    if (auto read = read_memory(thread, address, std::as_writable_bytes(std::span(&pointer, 1))); !read)
      return Problem(read.error());
    if (pointer == 0) return texts;
    if (texts.size() == limits.entries || left == 0) return Problem(MemoryProblem::kTooLong);
    auto text = read_text(thread, pointer, left - 1);
    if (!text) return Problem(text.error());
    left -= text->size() + 1;
    texts.push_back(std::move(*text));
  }
}

}  // namespace writ
