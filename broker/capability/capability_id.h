// Ids: 128 random bits, so that they cannot be guessed. An id is a reference and gives nothing to whoever knows it.
// Pure values; any thread.
#ifndef WRIT_BROKER_CAPABILITY_CAPABILITY_ID_H_
#define WRIT_BROKER_CAPABILITY_CAPABILITY_ID_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "broker/base/error.h"

namespace writ {

struct RandomBits {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  [[nodiscard]] friend bool operator==(const RandomBits& a, const RandomBits& b) {
    return a.high == b.high && a.low == b.low;
  }
  [[nodiscard]] friend bool operator<(const RandomBits& a, const RandomBits& b) {
    return a.high != b.high ? a.high < b.high : a.low < b.low;
  }
};

// Where ids come from: must not repeat itself. Called with the table's lock held.
using RandomSource = std::function<RandomBits()>;

struct CapabilityId : RandomBits {
  static constexpr std::string_view kPrefix = "cap_";
};
struct ReservationId : RandomBits {
  static constexpr std::string_view kPrefix = "rsv_";
};

namespace capability_id_detail {
[[nodiscard]] std::string text_of(std::string_view prefix, const RandomBits& bits);
[[nodiscard]] Result<RandomBits> parse(std::string_view prefix, std::string_view text);
}  // namespace capability_id_detail

// "cap_" and 32 hexadecimal digits.
template <class Id>
[[nodiscard]] std::string id_text(const Id& id) {
  return capability_id_detail::text_of(Id::kPrefix, id);
}
template <class Id>
[[nodiscard]] Result<Id> parse_id(std::string_view text) {
  WRIT_ASSIGN(const RandomBits bits, capability_id_detail::parse(Id::kPrefix, text));
  return Id{bits};
}

struct RandomBitsHash {
  // The bits are random already.
  [[nodiscard]] std::size_t operator()(const RandomBits& bits) const { return bits.high ^ bits.low; }
};

}  // namespace writ

#endif  // WRIT_BROKER_CAPABILITY_CAPABILITY_ID_H_
