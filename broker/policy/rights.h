// Rights: what a subject may do with a resource: a tiny lattice. The default is none; there is no "unset" and no "all".
// Pure values; any thread.
#ifndef WRIT_BROKER_POLICY_RIGHTS_H_
#define WRIT_BROKER_POLICY_RIGHTS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace writ {

enum class Right : std::uint8_t {
  kRead,     // contents of a file
  kWrite,    // change, create, remove, rename, and change metadata
  kExecute,  // run as a program
  kList,     // names in a directory
  kConnect,  // reach an address
  kBind,     // be reached at an address
};
inline constexpr std::size_t kRightCount = 6;

class Rights {
 public:
  constexpr Rights() = default;  // none
  constexpr Rights(std::initializer_list<Right> rights) {
    for (const Right right : rights) bits_ = static_cast<std::uint8_t>(bits_ | bit(right));
  }

  [[nodiscard]] constexpr bool has(Right right) const { return (bits_ & bit(right)) != 0; }
  [[nodiscard]] constexpr bool covers(Rights other) const { return (bits_ & other.bits_) == other.bits_; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }

  // Attenuation: what both have. Total: there is nothing that the result could have and one of the two lacks.
  [[nodiscard]] friend constexpr Rights meet(Rights a, Rights b) { return from_bits(a.bits_ & b.bits_); }
  [[nodiscard]] friend constexpr Rights join(Rights a, Rights b) { return from_bits(a.bits_ | b.bits_); }
  // What `a` has and `b` lacks.
  [[nodiscard]] friend constexpr Rights without(Rights a, Rights b) { return from_bits(a.bits_ & ~b.bits_); }
  [[nodiscard]] friend constexpr bool operator==(Rights a, Rights b) { return a.bits_ == b.bits_; }

 private:
  static constexpr unsigned bit(Right right) { return 1u << static_cast<unsigned>(right); }
  static constexpr Rights from_bits(unsigned bits) {
    Rights rights;
    rights.bits_ = static_cast<std::uint8_t>(bits);
    return rights;
  }

  std::uint8_t bits_ = 0;
};

inline constexpr Rights kPathRights{Right::kRead, Right::kWrite, Right::kExecute, Right::kList};
inline constexpr Rights kAddressRights{Right::kConnect, Right::kBind};

// The words of the policy language, in the order of Right.
inline constexpr std::array<std::string_view, kRightCount> kRightNames = {"read", "write",   "execute",
                                                                          "list", "connect", "bind"};

[[nodiscard]] constexpr std::string_view right_name(Right right) {
  return kRightNames[static_cast<std::size_t>(right)];
}
[[nodiscard]] std::optional<Right> right_from_name(std::string_view name);

// "read, write"; "nothing" for the empty set.
[[nodiscard]] std::string rights_text(Rights rights);

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_RIGHTS_H_
