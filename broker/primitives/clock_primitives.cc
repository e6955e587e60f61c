#include "broker/primitives/clock_primitives.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string>

#include "broker/base/strict_object.h"
#include "broker/primitives/argument_reading.h"

namespace writ {
namespace {

constexpr std::int64_t kPerSecond = 1000;
constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

std::string iso_text(std::int64_t milliseconds) {
  std::int64_t part = milliseconds % kPerSecond;
  if (part < 0) part += kPerSecond;  // before 1970
  const std::time_t seconds = (milliseconds - part) / kPerSecond;
  std::tm parts{};
  std::array<char, 40> text{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return {};
  std::string iso(text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts));
  const std::string digits = std::to_string(part);
  return iso + "." + std::string(3 - digits.size(), '0') + digits + "Z";
}

// A boolean is no number, and neither is what compares with nothing.
std::optional<double> number_in(const JsonValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value.storage())) return static_cast<double>(*number);
  if (const auto* number = std::get_if<std::uint64_t>(&value.storage())) return static_cast<double>(*number);
  if (const auto* number = std::get_if<double>(&value.storage()); number != nullptr && std::isfinite(*number))
    return *number;
  return std::nullopt;
}

Attempt<std::chrono::nanoseconds> duration_argument(StrictObject& arguments) {
  const JsonValue* value = arguments.member("seconds");
  const std::optional<double> seconds = value == nullptr ? std::nullopt : number_in(*value);
  if (!seconds || *seconds < 0 || *seconds > static_cast<double>(kLongestSleep.count()))
    return refuse(PrimitiveCode::kInvalidArguments, "seconds must be a number from 0 to 60");
  return std::chrono::nanoseconds(std::llround(*seconds * static_cast<double>(kNanosecondsPerSecond)));
}

std::chrono::nanoseconds monotonic_time() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::chrono::nanoseconds(now.tv_sec * kNanosecondsPerSecond + now.tv_nsec);
}

}  // namespace

SleepEnd sleep_until_cancelled(std::chrono::nanoseconds time, int cancel) {
  const std::chrono::nanoseconds end = monotonic_time() + time;
  while (true) {
    const std::int64_t left = std::max<std::int64_t>(0, (end - monotonic_time()).count());
    const timespec wait{left / kNanosecondsPerSecond, left % kNanosecondsPerSecond};
    pollfd watched{cancel, POLLIN, 0};  // ppoll(2) passes over a negative descriptor
    const int ready = ::ppoll(&watched, 1, &wait, nullptr);
    if (ready > 0) return SleepEnd::kCancelled;
    if (ready == 0) return SleepEnd::kElapsed;
    // A signal, or no memory for the moment: the time that is left is what counts.
    if (left == 0) return SleepEnd::kElapsed;
  }
}

PrimitiveResult clock_now(ClockContext& context, const JsonObject& arguments) {
  const StrictObject read = StrictObject::of(arguments, "arguments");
  WRIT_REQUIRE(valid(read.finish()));
  WRIT_ATTEMPT(Permit permit, context.authority.authorize(CapabilityRight::kRead, std::string("clock:now")));
  WRIT_REQUIRE(permit.begin());
  const std::int64_t now = context.wall_milliseconds();
  permit.settle(EffectOutcome::kDone);
  JsonObject value;
  value.set("unix_ms", now).set("iso", iso_text(now));
  return PrimitiveReply{std::move(value)};
}

PrimitiveResult clock_sleep(ClockContext& context, const JsonObject& arguments) {
  StrictObject read = StrictObject::of(arguments, "arguments");
  WRIT_ATTEMPT(const std::chrono::nanoseconds time, duration_argument(read));
  WRIT_REQUIRE(valid(read.finish()));
  WRIT_ATTEMPT(Permit permit, context.authority.authorize(CapabilityRight::kRead, std::string("clock:sleep")));
  WRIT_REQUIRE(permit.begin());
  const SleepEnd end = context.sleep(time, context.cancel);
  permit.settle(EffectOutcome::kDone);
  if (end == SleepEnd::kCancelled) return refuse(PrimitiveCode::kCancelled, "the sleep was cut short");
  return PrimitiveReply{JsonObject()};
}

}  // namespace writ
