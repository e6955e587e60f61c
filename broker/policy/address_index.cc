#include "broker/policy/address_index.h"

#include <algorithm>

#include "broker/policy/ip_address.h"

namespace writ {
namespace {

constexpr std::uint16_t kEveryPort = 0;

std::size_t column_of(Right right) { return right == Right::kConnect ? 0 : 1; }

void keep_first(std::int32_t& place, std::int32_t index) {
  if (place < 0) place = index;
}

}  // namespace

std::size_t AddressIndex::BlockHash::operator()(const BlockKey& key) const {
  const std::string_view bytes(reinterpret_cast<const char*>(key.network.data()), key.network.size());
  constexpr std::size_t kGolden = 0x9E3779B97F4A7C15ull;
  return std::hash<std::string_view>{}(bytes) ^ ((std::size_t{key.port} << 8 | key.prefix_length) * kGolden);
}

AddressIndex::AddressIndex(std::span<const PolicyRule> rules) {
  for (std::size_t i = 0; i < rules.size(); ++i)
    if (const auto* pattern = std::get_if<AddressPattern>(&rules[i].rule.resource))
      add(entry_of(*pattern), static_cast<std::int32_t>(i), rules[i]);
  std::sort(lengths_.begin(), lengths_.end());
}

AddressIndex::Entry& AddressIndex::entry_of(const AddressPattern& pattern) {
  const std::uint16_t port = pattern.port.value_or(kEveryPort);
  if (pattern.network) {
    if (std::find(lengths_.begin(), lengths_.end(), pattern.prefix_length) == lengths_.end())
      lengths_.push_back(pattern.prefix_length);
    return blocks_[{*pattern.network, pattern.prefix_length, port}];
  }
  return pattern.host == "*" ? everywhere_[port] : names_[pattern.host][port];
}

void AddressIndex::add(Entry& entry, std::int32_t index, const PolicyRule& rule) {
  for (const Right right : {Right::kConnect, Right::kBind}) {
    if (!rule.rule.rights.has(right)) continue;
    const std::size_t column = column_of(right);
    if (rule.kind == RuleKind::kBuiltIn)
      keep_first(entry.built_in[column], index);
    else
      keep_first(entry.by_effect[static_cast<std::size_t>(rule.rule.effect)][column], index);
  }
}

// Later calls are for more exact patterns. A deny rule counts however wide it is.
void AddressIndex::take(const Entry& entry, Right right, Naming naming, AddressFindings& findings) {
  const std::size_t column = column_of(right);
  for (const Effect effect : {Effect::kAllow, Effect::kAsk, Effect::kDeny}) {
    const std::int32_t index = entry.by_effect[static_cast<std::size_t>(effect)][column];
    const bool counts = effect == Effect::kDeny || naming == Naming::kNamed;
    if (index >= 0 && counts) findings.by_effect[static_cast<std::size_t>(effect)] = index;
  }
  if (entry.built_in[column] >= 0 && naming == Naming::kNamed) findings.built_in = entry.built_in[column];
}

void AddressIndex::take_ports(const PortEntries& entries, const Address& address, Right right, Naming naming,
                              AddressFindings& findings) {
  for (const std::uint16_t port : {kEveryPort, address.port})
    if (const auto found = entries.find(port); found != entries.end()) take(found->second, right, naming, findings);
}

bool AddressIndex::needs_naming(const Address& address) {
  return address.address ? is_metadata_address(*address.address) : is_metadata_name(address.host);
}

AddressFindings AddressIndex::find(Right right, const Address& address) const {
  AddressFindings findings;
  const Naming covered = needs_naming(address) ? Naming::kCovered : Naming::kNamed;
  take_ports(everywhere_, address, right, covered, findings);
  if (address.address) {
    for (const std::uint8_t length : lengths_) {
      const Naming naming = length == kAddressBits ? Naming::kNamed : covered;
      for (const std::uint16_t port : {kEveryPort, address.port}) {
        const auto found = blocks_.find({masked(*address.address, length), length, port});
        if (found != blocks_.end()) take(found->second, right, naming, findings);
      }
    }
  }
  if (!address.host.empty()) {
    // A name says nothing about the address that it leads to today.
    const Naming naming = address.address ? covered : Naming::kNamed;
    if (const auto found = names_.find(std::string_view(address.host)); found != names_.end())
      take_ports(found->second, address, right, naming, findings);
  }
  return findings;
}

}  // namespace writ
