// Whether a text holds nothing but printable ASCII, told eight bytes at a time: nearly every text of a policy does, and
// those need no closer look for what could mislead.
#ifndef WRIT_BROKER_BASE_PRINTABLE_H_
#define WRIT_BROKER_BASE_PRINTABLE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace writ {

// True when every byte of `text` is one from 0x20 to 0x7E. Pure; any thread.
[[nodiscard]] inline bool is_printable_ascii(std::string_view text) {
  constexpr std::uint64_t kEach = 0x0101010101010101;
  constexpr std::uint64_t kHighBits = 0x80 * kEach;
  std::size_t at = 0;
  for (; at + sizeof(std::uint64_t) <= text.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, sizeof word);
    // A high bit appears for a byte below 0x20 in the first term, for 0x7F in the second, from 0x80 on in the third.
    // Borrows and carries start in such bytes only.
    if ((((word - 0x20 * kEach) | (word + kEach) | word) & kHighBits) != 0) return false;
  }
  for (; at < text.size(); ++at)
    if (text[at] < 0x20 || text[at] > 0x7E) return false;
  return true;
}

}  // namespace writ

#endif  // WRIT_BROKER_BASE_PRINTABLE_H_
