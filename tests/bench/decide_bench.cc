// How long one decision takes, over how many rules and how deep a path. Prints JSON: nanoseconds for each combination.
//
// Every sample decides a batch of paths, half of which some rule matches, and counts the batch by its length; so a
// figure is the mean of a few hundred decisions, and the median is over the batches.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "broker/policy/access_policy.h"

namespace {

using writ::AccessPolicy;
using writ::Address;
using writ::AddressPattern;
using writ::Effect;
using writ::PathPattern;
using writ::PathScope;
using writ::Profile;
using writ::Right;
using writ::Rights;
using Clock = std::chrono::steady_clock;

constexpr std::array<std::size_t, 4> kRuleCounts = {10, 100, 1000, 10000};
constexpr std::array<std::size_t, 4> kDepths = {2, 4, 8, 16};
constexpr std::size_t kBatch = 256;
constexpr std::size_t kSamples = 400;

// A directory whose segments depend on `number`, so that rules share some of their parents, as real ones do.
std::string directory(std::size_t number, std::size_t depth) {
  std::string path;
  for (std::size_t level = 0; level < depth; ++level) {
    path += "/directory" + std::to_string(number % 10);
    number = number / 10 + level;
  }
  return path;
}

Profile profile_with(std::size_t rule_count, std::size_t depth) {
  Profile profile;
  for (std::size_t i = 0; i < rule_count; ++i) {
    const auto effect = static_cast<Effect>(i % 3);
    const PathPattern pattern{directory(i, 1 + i % depth) + "/rule" + std::to_string(i),
                              i % 4 == 0 ? PathScope::kExact : PathScope::kSubtree};
    profile.rules.push_back({effect, writ::kPathRights, pattern, {}, {}});
  }
  return profile;
}

std::vector<std::string> paths_for(std::size_t rule_count, std::size_t depth) {
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < kBatch; ++i) {
    std::string path = directory(i * 7919 % rule_count, depth - 1);
    path += i % 2 == 0 ? "/rule" + std::to_string(i * 7919 % rule_count) : std::string("/file");
    paths.push_back(std::move(path));
  }
  return paths;
}

// Keeps results alive: a decision that nobody looks at would be optimised away.
volatile unsigned sink = 0;

template <class Decide>
double median_nanoseconds(std::size_t batch, Decide decide) {
  std::vector<double> samples;
  for (std::size_t sample = 0; sample < kSamples; ++sample) {
    const auto start = Clock::now();
    unsigned sum = 0;
    for (std::size_t i = 0; i < batch; ++i) sum += static_cast<unsigned>(decide(i));
    const std::chrono::duration<double, std::nano> spent = Clock::now() - start;
    sink = sink + sum;
    samples.push_back(spent.count() / static_cast<double>(batch));
  }
  std::nth_element(samples.begin(), samples.begin() + kSamples / 2, samples.end());
  return samples[kSamples / 2];
}

double measure_paths(std::size_t rule_count, std::size_t depth) {
  const AccessPolicy policy = AccessPolicy::compile(profile_with(rule_count, depth));
  const std::vector<std::string> paths = paths_for(rule_count, depth);
  return median_nanoseconds(paths.size(), [&](std::size_t i) {
    return policy.decide_path({Right::kRead, Right::kWrite}, paths[i]).effect;
  });
}

double measure_addresses(std::size_t rule_count) {
  Profile profile;
  for (std::size_t i = 0; i < rule_count; ++i) {
    const std::string block = "10." + std::to_string(i / 256 % 256) + "." + std::to_string(i % 256) + ".0/24:*";
    profile.rules.push_back({static_cast<Effect>(i % 3), writ::kAddressRights, *AddressPattern::parse(block), {}, {}});
  }
  const AccessPolicy policy = AccessPolicy::compile(profile);
  std::vector<Address> addresses;
  for (std::size_t i = 0; i < kBatch; ++i)
    addresses.push_back(*Address::parse("10.0." + std::to_string(i % 256) + ".7:443"));
  return median_nanoseconds(
      addresses.size(), [&](std::size_t i) { return policy.decide_address({Right::kConnect}, addresses[i]).effect; });
}

}  // namespace

int main() {
  std::puts("{\"unit\": \"ns\", \"paths\": [");
  for (const std::size_t rules : kRuleCounts)
    for (const std::size_t depth : kDepths)
      std::printf("  {\"rules\": %zu, \"depth\": %zu, \"median\": %.1f}%s\n", rules, depth, measure_paths(rules, depth),
                  rules == kRuleCounts.back() && depth == kDepths.back() ? "" : ",");
  std::puts("], \"addresses\": [");
  for (const std::size_t rules : kRuleCounts)
    std::printf("  {\"rules\": %zu, \"median\": %.1f}%s\n", rules, measure_addresses(rules),
                rules == kRuleCounts.back() ? "" : ",");
  std::puts("]}");
  return 0;
}
