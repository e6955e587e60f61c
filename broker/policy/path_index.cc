#include "broker/policy/path_index.h"

#include <functional>
#include <utility>

namespace writ {
namespace {

constexpr std::size_t kFirstSlots = 256;

std::uint64_t hash_of(std::uint32_t parent, std::string_view segment) {
  constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15ull;  // Knuth: spreads small numbers over the word
  return std::hash<std::string_view>{}(segment) ^ (parent * kGolden);
}

void keep_first(std::int32_t& place, std::int32_t index) {
  if (place == kNoRule) place = index;
}

void take(std::int32_t& found, std::int32_t index) {
  if (index != kNoRule) found = index;
}

template <class Visit>
void for_each_right(Rights rights, Visit visit) {
  for (std::size_t right = 0; right < kPathRightCount; ++right)
    if (rights.has(static_cast<Right>(right))) visit(right);
}

// The next segment of `rest`, which begins with a slash. Empty, "." and ".." are not normal.
std::string_view next_segment(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('/', 1), rest.size());
  const std::string_view segment = rest.substr(1, end - 1);
  rest.remove_prefix(end);
  return segment;
}

bool is_normal(std::string_view segment) { return !segment.empty() && segment != "." && segment != ".."; }

}  // namespace

PathIndex::PathIndex(std::span<const PolicyRule> rules) : slots_(kFirstSlots), place_ids_(1, -1) {
  for (std::size_t i = 0; i < rules.size(); ++i)
    if (const auto* pattern = std::get_if<PathPattern>(&rules[i].rule.resource))
      add(static_cast<std::int32_t>(i), rules[i], *pattern);
}

void PathIndex::add(std::int32_t index, const PolicyRule& entry, const PathPattern& pattern) {
  Place& place = place_of(pattern.path);
  const bool is_subtree = pattern.scope == PathScope::kSubtree;
  const auto effect = static_cast<std::size_t>(entry.rule.effect);
  RuleOfRight* target = &(is_subtree ? place.subtree : place.exact)[effect];
  if (entry.kind == RuleKind::kBuiltIn) target = is_subtree ? &place.built_in_subtree : &place.built_in_exact;
  if (is_shield(entry.kind)) target = &place.shield;
  for_each_right(entry.rule.rights, [&](std::size_t right) { keep_first((*target)[right], index); });
  const bool is_own = entry.kind == RuleKind::kGrant || entry.kind == RuleKind::kWritten;
  if (is_own && entry.rule.effect == Effect::kAllow) place.is_mount = true;
}

PathIndex::Place& PathIndex::place_of(std::string_view path) {
  std::uint32_t node = 0;
  for (std::string_view rest = path == "/" ? std::string_view{} : path; !rest.empty();)
    node = child_or_new(node, next_segment(rest));
  if (place_ids_[node] < 0) {
    place_ids_[node] = static_cast<std::int32_t>(places_.size());
    places_.emplace_back();
  }
  return places_[static_cast<std::size_t>(place_ids_[node])];
}

std::size_t PathIndex::slot_of(std::uint32_t parent, std::string_view segment, std::uint64_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at].node != 0) {
    const Slot& slot = slots_[at];
    if (slot.hash == hash && slot.parent == parent && slot.segment == segment) return at;
    at = (at + 1) & mask;
  }
  return at;
}

std::uint32_t PathIndex::child(std::uint32_t parent, std::string_view segment) const {
  return slots_[slot_of(parent, segment, hash_of(parent, segment))].node;
}

std::uint32_t PathIndex::child_or_new(std::uint32_t parent, std::string_view segment) {
  const std::uint64_t hash = hash_of(parent, segment);
  std::size_t at = slot_of(parent, segment, hash);
  if (slots_[at].node != 0) return slots_[at].node;
  if (place_ids_.size() * 2 >= slots_.size()) {
    grow();
    at = slot_of(parent, segment, hash);
  }
  const auto node = static_cast<std::uint32_t>(place_ids_.size());
  place_ids_.push_back(-1);
  slots_[at] = {hash, parent, node, segment};
  return node;
}

void PathIndex::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old)
    if (slot.node != 0) slots_[slot_of(slot.parent, slot.segment, slot.hash)] = slot;
}

void PathIndex::enter(const Place& place, bool is_last, Rights wanted, PathFindings& findings) {
  for_each_right(wanted, [&](std::size_t right) {
    if (place.is_mount) findings.built_in[right] = kNoRule;
    if (place.shield[right] != kNoRule) {
      findings.shield[right] = place.shield[right];
      findings.built_in[right] = kNoRule;
      for (const Effect stopped : {Effect::kAllow, Effect::kAsk})
        findings.by_effect[static_cast<std::size_t>(stopped)][right] = kNoRule;
    }
    take(findings.built_in[right], place.built_in_subtree[right]);
    if (is_last) take(findings.built_in[right], place.built_in_exact[right]);
    for (std::size_t effect = 0; effect < findings.by_effect.size(); ++effect) {
      take(findings.by_effect[effect][right], place.subtree[effect][right]);
      if (is_last) take(findings.by_effect[effect][right], place.exact[effect][right]);
    }
  });
}

bool PathIndex::find(std::string_view path, Rights wanted, PathFindings& findings) const {
  if (!path.starts_with('/')) return false;
  std::string_view rest = path == "/" ? std::string_view{} : path;
  std::uint32_t node = 0;
  bool is_known = true;
  if (place_ids_[0] >= 0) enter(places_[static_cast<std::size_t>(place_ids_[0])], rest.empty(), wanted, findings);
  while (!rest.empty()) {
    const std::string_view segment = next_segment(rest);
    if (!is_normal(segment)) return false;
    if (!is_known) continue;  // only the rest of the spelling is left to check
    node = child(node, segment);
    is_known = node != 0;
    if (is_known && place_ids_[node] >= 0)
      enter(places_[static_cast<std::size_t>(place_ids_[node])], rest.empty(), wanted, findings);
  }
  return true;
}

}  // namespace writ
