// What the tests of learning share: a host that exists in memory only, and the loading of texts against it.
#ifndef WRIT_TESTS_UNIT_LEARNING_FIXTURE_H_
#define WRIT_TESTS_UNIT_LEARNING_FIXTURE_H_

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "broker/learning/proposal.h"
#include "broker/policy/profile_loader.h"
#include "tests/unit/profile_fixture.h"

namespace writ::learning_test {

class FakeHost : public HostFacts {
 public:
  FakeHost() = default;
  explicit FakeHost(std::set<std::string> list) : files(std::move(list)) {}
  FakeHost(FakeHost&&) = delete;

  [[nodiscard]] std::optional<std::uint64_t> files_beneath(const std::string& directory,
                                                           std::uint64_t /*at_most*/) const override {
    if (unreadable.contains(directory)) return std::nullopt;
    return static_cast<std::uint64_t>(
        std::count_if(files.begin(), files.end(), [&](const auto& file) { return file.starts_with(directory + "/"); }));
  }
  [[nodiscard]] bool exists(const std::string& path) const override {
    return std::any_of(files.begin(), files.end(), [&](const auto& file) { return lies_within(file, path); });
  }

  std::set<std::string> files;
  std::set<std::string> unreadable;
};

inline PathSighting reading(const std::string& path) {
  PathSighting sighting;
  sighting.path = path;
  sighting.rights = {Right::kRead};
  sighting.finding = Finding::kFile;
  return sighting;
}

inline PathSighting writing(const std::string& path, Obstacle obstacle) {
  PathSighting sighting = reading(path);
  sighting.rights = {Right::kWrite};
  sighting.obstacle = obstacle;
  return sighting;
}

}  // namespace writ::learning_test

#endif  // WRIT_TESTS_UNIT_LEARNING_FIXTURE_H_
