// AddressIndex: the address rules of a policy. Internal to AccessPolicy. Pure; immutable once it is built; any number
// of threads may find().
//
// One look-up for each length of block that some rule uses, whatever the number of rules.
#ifndef WRIT_BROKER_POLICY_ADDRESS_INDEX_H_
#define WRIT_BROKER_POLICY_ADDRESS_INDEX_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/policy/policy_rules.h"
#include "broker/policy/rule.h"

namespace writ {

// What speaks of one address and right: the most exact rule of each effect, or -1.
struct AddressFindings {
  std::array<std::int32_t, 3> by_effect = {-1, -1, -1};
  std::int32_t built_in = -1;
};

class AddressIndex {
 public:
  explicit AddressIndex(std::span<const PolicyRule> rules);

  // For a metadata address only rules that name the very address or name allow anything.
  [[nodiscard]] AddressFindings find(Right right, const Address& address) const;

  // True when `address` is one of those that need to be named.
  [[nodiscard]] static bool needs_naming(const Address& address);

 private:
  // The first rule of each effect for connect and for bind.
  struct Entry {
    std::array<std::array<std::int32_t, 2>, 3> by_effect = {{{-1, -1}, {-1, -1}, {-1, -1}}};
    std::array<std::int32_t, 2> built_in = {-1, -1};
  };
  struct BlockKey {
    IpAddress network;
    std::uint8_t prefix_length;
    std::uint16_t port;  // 0: every port
    [[nodiscard]] friend bool operator==(const BlockKey&, const BlockKey&) = default;
  };
  struct BlockHash {
    [[nodiscard]] std::size_t operator()(const BlockKey& key) const;
  };
  struct NameHash {
    using is_transparent = void;
    [[nodiscard]] std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
  };
  using PortEntries = std::unordered_map<std::uint16_t, Entry>;
  enum class Naming : std::uint8_t { kNamed, kCovered };

  Entry& entry_of(const AddressPattern& pattern);
  static void add(Entry& entry, std::int32_t index, const PolicyRule& rule);
  static void take(const Entry& entry, Right right, Naming naming, AddressFindings& findings);
  static void take_ports(const PortEntries& entries, const Address& address, Right right, Naming naming,
                         AddressFindings& findings);

  std::unordered_map<BlockKey, Entry, BlockHash> blocks_;
  std::vector<std::uint8_t> lengths_;  // of the blocks, each once, shortest first
  std::unordered_map<std::string, PortEntries, NameHash, std::equal_to<>> names_;
  PortEntries everywhere_;  // host "*"
};

}  // namespace writ

#endif  // WRIT_BROKER_POLICY_ADDRESS_INDEX_H_
