// clock.now and clock.sleep. Both are authorised, as reading clock:now and clock:sleep: time tells a program where it
// runs, and a sleeper holds a place.
#ifndef WRIT_BROKER_PRIMITIVES_CLOCK_PRIMITIVES_H_
#define WRIT_BROKER_PRIMITIVES_CLOCK_PRIMITIVES_H_

#include <chrono>
#include <cstdint>
#include <functional>

#include "broker/primitives/permit.h"
#include "broker/primitives/primitive.h"
#include "broker/requests/request_store.h"

namespace writ {

inline constexpr std::chrono::seconds kLongestSleep{60};

enum class SleepEnd : std::uint8_t {
  kElapsed,
  kCancelled,
};

// Sleeps until `time` has passed or `cancel` (borrowed; -1: none) can be read from or is hung up. Signals do not
// shorten it.
[[nodiscard]] SleepEnd sleep_until_cancelled(std::chrono::nanoseconds time, int cancel);

struct ClockContext {
  PrimitiveAuthority& authority;
  int cancel = -1;  // borrowed: ends a sleep
  std::function<std::int64_t()> wall_milliseconds = wall_clock_ms;
  std::function<SleepEnd(std::chrono::nanoseconds, int cancel)> sleep = sleep_until_cancelled;
};

// {} → {unix_ms, iso}: "2024-02-29T12:00:00.250Z"
[[nodiscard]] PrimitiveResult clock_now(ClockContext& context, const JsonObject& arguments);
// {seconds} → {}; a number from 0 to 60, with fractions. kCancelled: it was cut short.
[[nodiscard]] PrimitiveResult clock_sleep(ClockContext& context, const JsonObject& arguments);

}  // namespace writ

#endif  // WRIT_BROKER_PRIMITIVES_CLOCK_PRIMITIVES_H_
