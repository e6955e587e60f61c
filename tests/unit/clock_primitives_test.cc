// clock.now and clock.sleep.
#include "broker/primitives/clock_primitives.h"

#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/unique_fd.h"
#include "tests/unit/recording_authority.h"

namespace writ::primitive_tests {
namespace {

using namespace std::chrono_literals;

struct Scene {
  std::string now(std::int64_t at) {
    context.wall_milliseconds = [at] { return at; };
    return outcome_of(clock_now(context, JsonObject()));
  }
  std::string sleep(JsonValue seconds) {
    return outcome_of(clock_sleep(context, JsonObject().set("seconds", std::move(seconds))));
  }

  RecordingAuthority authority;
  std::vector<std::chrono::nanoseconds> slept;
  SleepEnd end = SleepEnd::kElapsed;
  ClockContext context{authority, -1, wall_clock_ms, [this](std::chrono::nanoseconds time, int) {
                         slept.push_back(time);
                         return end;
                       }};
};

TEST_CASE("clock primitives: now is authorised, and says the time twice", "[clock]") {
  Scene scene;
  scene.authority.allow(CapabilityRight::kRead, "clock:sleep");
  CHECK(scene.now(0) == "denied");
  scene.authority.allow(CapabilityRight::kRead, "clock:now", 4);
  CHECK(scene.now(0) == R"({"unix_ms": 0, "iso": "1970-01-01T00:00:00.000Z"})");
  CHECK(scene.now(1'709'208'000'250) == R"({"unix_ms": 1709208000250, "iso": "2024-02-29T12:00:00.250Z"})");
  CHECK(scene.now(-1) == R"({"unix_ms": -1, "iso": "1969-12-31T23:59:59.999Z"})");
  CHECK(scene.now(7).find(".007Z") != std::string::npos);
  CHECK(scene.now(7) == "denied");
  CHECK(outcome_of(clock_now(scene.context, JsonObject().set("timezone", "UTC"))) == "invalid_arguments");
  CHECK(wall_clock_ms() > 1'600'000'000'000);
}

TEST_CASE("clock primitives: sleep takes a number from 0 to 60 and nothing that looks like one", "[clock]") {
  Scene scene;
  scene.authority.allow(CapabilityRight::kRead, "clock:*");
  for (const JsonValue& wrong :
       {JsonValue(), JsonValue(true), JsonValue("1"), JsonValue(-1), JsonValue(-0.5), JsonValue(61), JsonValue(60.001),
        JsonValue(std::numeric_limits<double>::quiet_NaN()), JsonValue(std::numeric_limits<double>::infinity()),
        JsonValue(std::numeric_limits<std::uint64_t>::max()), JsonValue(JsonArray())})
    CHECK(scene.sleep(wrong) == "invalid_arguments");
  CHECK(outcome_of(clock_sleep(scene.context, JsonObject())) == "invalid_arguments");
  CHECK(outcome_of(clock_sleep(scene.context, JsonObject().set("seconds", 1).set("unit", "m"))) == "invalid_arguments");
  CHECK(scene.authority.asked.empty());
  CHECK(scene.sleep(0) == "{}");
  CHECK(scene.sleep(0.25) == "{}");
  CHECK(scene.sleep(60) == "{}");
  CHECK(scene.sleep(60u) == "{}");
  CHECK(scene.slept == std::vector<std::chrono::nanoseconds>{0s, 250ms, 60s, 60s});
}

TEST_CASE("clock primitives: no sleep without authority, and one that was begun counts", "[clock]") {
  Scene scene;
  scene.authority.allow(CapabilityRight::kRead, "clock:now");
  CHECK(scene.sleep(1) == "denied");
  CHECK(scene.slept.empty());
  scene.authority.allow(CapabilityRight::kRead, "clock:sleep", 1);
  scene.end = SleepEnd::kCancelled;
  CHECK(scene.sleep(1) == "cancelled");
  CHECK(scene.authority.settled.back() == EffectOutcome::kDone);
  CHECK(scene.sleep(1) == "denied");
}

TEST_CASE("clock primitives: the sleeper sleeps, and wakes when it is cancelled", "[clock]") {
  const auto timed = [](std::chrono::nanoseconds time, int cancel, SleepEnd expected) {
    const auto start = std::chrono::steady_clock::now();
    CHECK(sleep_until_cancelled(time, cancel) == expected);
    return std::chrono::steady_clock::now() - start;
  };
  CHECK(timed(20ms, -1, SleepEnd::kElapsed) >= 20ms);
  CHECK(timed(0ns, -1, SleepEnd::kElapsed) < 5s);
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  CHECK(timed(20ms, reader.get(), SleepEnd::kElapsed) >= 20ms);
  writer.reset();
  CHECK(timed(60s, reader.get(), SleepEnd::kCancelled) < 30s);
}

}  // namespace
}  // namespace writ::primitive_tests
