// LearningPlaces: what the places of one person's machine are to learning: the workspace, the home, secrets, what every
// sandbox has of its own. Plain data and pure functions; any thread.
#ifndef WRIT_BROKER_LEARNING_LEARNING_PLACES_H_
#define WRIT_BROKER_LEARNING_LEARNING_PLACES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace writ {

enum class Region : std::uint8_t {
  kKernel,  // /proc, /sys, /dev: the sandbox has its own, or none
  kSecret,  // never proposed
  kWorkspace,
  kScratch,  // /tmp, /var/tmp, /dev/shm: the sandbox has its own
  kHome,
  kElsewhere,
};

struct LearningPlaces {
  std::string workspace;             // absolute, lexically normal, like all paths here
  std::string home;                  // may be empty
  std::vector<std::string> secrets;  // secret_paths() and Writ's own directories

  [[nodiscard]] Region region_of(std::string_view path) const;

  // Whether a rule about the whole directory `path` may be proposed at all: it lies at least kTreeDepth segments below
  // the home, or below a top-level directory of the system; it holds neither the workspace nor the home, and holds no
  // secret and lies in none.
  [[nodiscard]] bool may_grant_tree(std::string_view path) const;

  // `path` as a profile says it: ${workspace}/…, ~/…, or absolute.
  [[nodiscard]] std::string spelled(std::string_view path) const;
};

inline constexpr std::size_t kTreeDepth = 2;

// True when `path` is `tree` or lies beneath it.
[[nodiscard]] bool lies_within(std::string_view path, std::string_view tree);

}  // namespace writ

#endif  // WRIT_BROKER_LEARNING_LEARNING_PLACES_H_
