// AuthorityClock: the time by which capabilities expire. It never goes backwards: somebody who sets the clock back does
// not lengthen a grant, because the time since the last look (CLOCK_BOOTTIME, which nobody can set) has passed all the
// same. A clock that was wrongly set forward ends grants early; that stays so.
//
// Pure: the caller reads the clocks. Threads: one at a time.
#ifndef WRIT_BROKER_CAPABILITY_AUTHORITY_CLOCK_H_
#define WRIT_BROKER_CAPABILITY_AUTHORITY_CLOCK_H_

#include <algorithm>
#include <cstdint>
#include <string>

namespace writ {

// One look at the clocks of the machine, in milliseconds.
struct AuthorityTime {
  std::int64_t wall = 0;     // CLOCK_REALTIME
  std::int64_t running = 0;  // CLOCK_BOOTTIME
};

// What is kept between two looks, also on disk.
struct AuthorityClockState {
  std::int64_t latest = 0;   // the latest time that counted
  std::int64_t running = 0;  // CLOCK_BOOTTIME at that moment
  std::string boot;          // in which run of the kernel (/proc/sys/kernel/random/boot_id)
};

class AuthorityClock {
 public:
  explicit AuthorityClock(std::string boot) { state_.boot = std::move(boot); }

  // Returns the time that counts now.
  std::int64_t observe(const AuthorityTime& time) {
    const std::int64_t passed = std::max<std::int64_t>(0, time.running - state_.running);
    state_.latest = std::max(time.wall, state_.latest + (anchored_ ? passed : 0));
    state_.running = std::max(state_.running, time.running);
    anchored_ = true;
    return state_.latest;
  }

  // Takes in what another process, or an earlier run of the kernel, has seen.
  void absorb(const AuthorityClockState& other) {
    if (other.latest <= state_.latest && anchored_) return;
    const bool same_boot = other.boot == state_.boot;
    if (other.latest > state_.latest) state_.latest = other.latest;
    if (same_boot) state_.running = other.running;
    anchored_ = anchored_ || same_boot;
  }

  [[nodiscard]] const AuthorityClockState& state() const { return state_; }

 private:
  AuthorityClockState state_;
  bool anchored_ = false;  // `running` belongs to `latest`
};

}  // namespace writ

#endif  // WRIT_BROKER_CAPABILITY_AUTHORITY_CLOCK_H_
