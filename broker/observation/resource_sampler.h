// ResourceSampler: the peaks of processes, open files and scratch space of one sandbox, looked at now and then. A peak
// between two looks is not seen. Cheap: at most one look in kSamplingInterval. One thread at a time.
#ifndef WRIT_BROKER_OBSERVATION_RESOURCE_SAMPLER_H_
#define WRIT_BROKER_OBSERVATION_RESOURCE_SAMPLER_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>

#include "broker/learning/profile_text.h"

namespace writ {

inline constexpr std::chrono::milliseconds kSamplingInterval{20};

class ResourceSampler {
 public:
  // `init` is pid 1 of the sandbox, as we see it; `root` its root directory, borrowed.
  ResourceSampler(pid_t init, int root) : init_(init), root_(root) {}

  // `thread` is one that makes a call right now.
  void look(pid_t thread);

  [[nodiscard]] const ResourcePeaks& peaks() const { return peaks_; }

 private:
  using Clock = std::chrono::steady_clock;

  pid_t init_;
  int root_;
  Clock::time_point next_{};
  ResourcePeaks peaks_;
};

}  // namespace writ

#endif  // WRIT_BROKER_OBSERVATION_RESOURCE_SAMPLER_H_
