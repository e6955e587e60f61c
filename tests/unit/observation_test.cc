// What an observer keeps: one entry for each object, and no more than it may.
#include "broker/learning/observation.h"

#include <catch2/catch.hpp>
#include <string>

#include "tests/unit/learning_fixture.h"

using namespace writ;
using writ::learning_test::reading;
using writ::learning_test::writing;

namespace {

TEST_CASE("observation: uses of one object are one entry") {
  ObservationLog log;
  for (int i = 0; i < 1000; ++i) log.add(reading("/a"), "tool" + std::to_string(i));
  log.add(writing("/a", Obstacle::kReadOnly), "tool");
  REQUIRE(log.entries().size() == 1);
  const Observation& entry = log.entries().begin()->second;
  CHECK(entry.count == 1001);
  CHECK(entry.programs.size() == kProgramLimit);
  CHECK(entry.rights == Rights{Right::kRead});
  CHECK(entry.missed == Rights{Right::kWrite});
}

TEST_CASE("observation: more than there is room for is counted") {
  ObservationLog few(10, kObservationBytes);
  for (int i = 0; i < 100; ++i) few.add(reading("/" + std::to_string(i)), "tool");
  CHECK(few.entries().size() == 10);
  CHECK(few.not_kept() == 90);
  ObservationLog small(1000, 5000);
  for (int i = 0; i < 100; ++i) small.add(reading("/" + std::string(999, 'x') + std::to_string(i)), "tool");
  CHECK(small.entries().size() == 4);
  small.add(reading("/" + std::string(999, 'x') + "0"), "tool");
  CHECK(small.not_kept() == 96);
}

TEST_CASE("observation: names through links are few as well") {
  ObservationLog log;
  for (int i = 0; i < 100; ++i) {
    PathSighting sighting = reading("/a");
    sighting.used_path = "/link" + std::to_string(i);
    sighting.links = {sighting.used_path};
    log.add(sighting, "tool");
  }
  CHECK(log.entries().begin()->second.names.size() == kNameLimit);
}

TEST_CASE("observation: addresses") {
  AddressLog log;
  for (int i = 0; i < 1000; ++i) log.add({{Right::kConnect}, "192.0.2.1:" + std::to_string(i), true}, "tool");
  CHECK(log.entries().size() == kAddressLimit);
  CHECK(log.not_kept() == 1000 - kAddressLimit);
}

}  // namespace
