// HostCensus: counts files on the host, for the bound within which rules are folded. Looks at names only, with the
// broker's own rights, never through a symbolic link. One thread at a time.
#ifndef WRIT_BROKER_OBSERVATION_HOST_CENSUS_H_
#define WRIT_BROKER_OBSERVATION_HOST_CENSUS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "broker/learning/rule_folding.h"

namespace writ {

// Names looked at for one question; a tree that is larger is "cannot be looked at".
inline constexpr std::uint64_t kCensusLimit = 100000;

class HostCensus : public HostFacts {
 public:
  [[nodiscard]] std::optional<std::uint64_t> files_beneath(const std::string& directory,
                                                           std::uint64_t at_most) const override;
  // Links are not followed: a dangling one exists.
  [[nodiscard]] bool exists(const std::string& path) const override;
};

}  // namespace writ

#endif  // WRIT_BROKER_OBSERVATION_HOST_CENSUS_H_
