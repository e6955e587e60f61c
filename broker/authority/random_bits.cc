#include "broker/authority/random_bits.h"

#include <sys/mman.h>
#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <new>

namespace writ {
namespace {

// getrandom(2): up to 256 bytes come whole and without a signal's interruption once the pool is ready.
void fill(void* bytes, std::size_t size) {
  while (::getrandom(bytes, size, 0) != static_cast<ssize_t>(size))
    if (errno != EINTR) std::abort();
}

// In a page of its own that is all zero in a child after fork(2): empty, so that it asks for its own.
struct Supply {
  std::size_t left;
  std::array<RandomBits, 256 / sizeof(RandomBits)> bits;
};
constexpr std::size_t kPage = 4096;
static_assert(sizeof(Supply) <= kPage);

Supply* make_supply() {
  void* page = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return nullptr;
  if (::madvise(page, kPage, MADV_WIPEONFORK) == 0) return new (page) Supply{};
  ::munmap(page, kPage);
  return nullptr;
}

}  // namespace

RandomBits system_random_bits() {
  static std::mutex mutex;
  static Supply* const supply = make_supply();
  RandomBits bits;
  if (supply == nullptr) {
    fill(&bits, sizeof bits);
    return bits;
  }
  const std::lock_guard lock(mutex);
  if (supply->left == 0) {
    fill(supply->bits.data(), sizeof supply->bits);
    supply->left = supply->bits.size();
  }
  return supply->bits[--supply->left];
}

}  // namespace writ
